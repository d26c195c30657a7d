"""Tables of surfaces and of fidelity: each value is that of the stored result, or a true bound."""

from dataclasses import replace

import numpy as np
import pytest
from synthetic_measures import fidelity, sharpness
from synthetic_results import line, plane

from landscape.analysis.surface.measures import line_measures, plane_measures
from landscape.page.material import gather
from landscape.report.sections.fidelity import fidelity_section
from landscape.report.sections.sharpness import sharpness_section
from landscape.report.sections.surface_tables import surface_tables, threshold_advice
from landscape.report.sections.surfaces import surfaces_section
from landscape.results import DirectionSpec, SlopeRow

PATH = DirectionSpec(
    kind="between", normalisation="none", sha256="", norm=1.0, description="towards b-s0"
)


def cells(table, row=0):
    return {c.key: cell for c, cell in zip(table.columns, table.cells[row], strict=True)}


def quadratic_line(curvature, *, step=0.1, count=1, **changes):
    axis = np.arange(-10, 11) * step
    spread = np.stack([0.01 + (k + 1) * curvature * axis**2 / 2 for k in range(count)])
    measures = line_measures(axis, spread, threshold=0.1)
    more = {"spread": spread} if count > 1 else {}
    return line("a-s0", axis=axis, losses=spread[0], measures=measures, **more, **changes)


def test_rises_of_a_quadratic_are_half_its_curvature_times_the_square():
    (table,) = surface_tables([quadratic_line(2.0)], [])
    found = cells(table)
    assert found["rise_0.5"].value == pytest.approx(0.25)
    assert found["radius"].value == pytest.approx(np.sqrt(0.1), abs=0.01)  # linear between points
    assert found["roughness"].value == pytest.approx(0, abs=1e-12)
    assert found["rise_0.5"].stderr is None


def test_several_directions_give_a_standard_error():
    (table,) = surface_tables([quadratic_line(2.0, count=3)], [])
    rise = cells(table)["rise_0.5"]
    rises = 0.25 * np.array([1, 2, 3])
    assert rise.value == pytest.approx(rises.mean())
    assert rise.stderr == pytest.approx(rises.std(ddof=1) / np.sqrt(3))


@pytest.mark.parametrize(("curvature", "text"), [(1e3, "< 0.1"), (1e-3, "> 1")])
def test_a_radius_that_the_points_do_not_show_is_a_bound(curvature, text):
    (table,) = surface_tables([quadratic_line(curvature)], [])
    assert cells(table)["radius"].text == text


def test_lines_with_other_radii_have_tables_of_their_own():
    lines = [quadratic_line(1.0), quadratic_line(1.0, step=0.05)]
    assert [t.name for t in surface_tables(lines, [])] == ["lines", "lines-2"]


def test_the_barrier_is_the_highest_rise_over_the_straight_line_between_the_ends():
    t = np.linspace(0, 1, 11)
    losses = 0.2 + 0.3 * t + 0.8 * t * (1 - t)
    path = line("a-s0", direction=PATH, axis=t, losses=losses, slope=None, curvature=None)
    (table,) = surface_tables([path], [])
    found = cells(table)
    assert found["path"].value == "a-s0 to b-s0, straight line"
    assert found["barrier"].value == pytest.approx(0.2)
    assert (found["start"].value, found["end"].value) == pytest.approx((0.2, 0.5))


@pytest.mark.parametrize(("curvature", "prefix"), [(1e3, "< 0.04"), (1e-3, "> "), (2.0, "")])
def test_an_area_that_the_grid_does_not_show_is_a_bound(curvature, prefix):
    axis = np.arange(-10, 11) * 0.1
    x, y = np.meshgrid(axis, axis, indexing="ij")
    losses = 0.0123 + curvature * (x**2 + y**2) / 2
    result = plane("a-s0", x_axis=axis, y_axis=axis, losses=losses)
    measured = plane_measures(axis, axis, losses, threshold=0.1)
    shown = plane("a-s0", x_axis=axis, y_axis=axis, losses=losses, measures=measured)
    assert result.subject.loss == pytest.approx(0.0123)
    (table,) = surface_tables([], [shown])
    area = cells(table)["area"]
    assert area.text.startswith(prefix)
    if not prefix:
        assert area.value == pytest.approx(np.pi * 0.1, rel=0.05)  # π r², r² = 2 · 0.1 / 2


SCALES = (1e-7, 3.3e-4, 0.0123, 0.19)  # of losses: the largest rise, below the default of 0.1


def asked_for(text):
    """The threshold that a note advises."""
    return float(text.rpartition("--threshold ")[2].rstrip("."))


@pytest.mark.parametrize("scale", SCALES)
def test_a_rise_that_lines_do_not_reach_is_told_with_one_that_they_do(scale):
    axis = np.linspace(-1, 1, 21)
    spread = np.stack([scale * (0.3 + c * axis**2) for c in (0.5, 0.2, 1.0)])

    def measured(threshold):
        measures = line_measures(axis, spread, threshold=threshold)
        shown = line("a-s0", axis=axis, losses=spread[0], spread=spread, measures=measures)
        (table,) = surface_tables([shown], [])
        return cells(table)["radius"].text, table.note, threshold_advice([shown], [])

    radius, note, (advice,) = measured(0.1)
    assert ">" in radius
    assert note.endswith(advice)
    radius, _, no_advice = measured(asked_for(advice))
    assert ">" not in radius
    assert no_advice == []
    assert asked_for(advice) >= 0.45 * 0.2 * scale  # no smaller than one digit makes it


@pytest.mark.parametrize("scale", SCALES)
def test_an_area_that_planes_do_not_enclose_is_told_with_one_that_they_do(scale):
    axis = np.linspace(-1, 1, 21)
    x, y = np.meshgrid(axis, axis, indexing="ij")
    losses = 0.0123 + scale * (0.3 * x**2 + y**2)

    def measured(threshold):
        measures = plane_measures(axis, axis, losses, threshold=threshold)
        shown = plane("a-s0", x_axis=axis, y_axis=axis, losses=losses, measures=measures)
        (table,) = surface_tables([], [shown])
        return cells(table)["area"].text, table.note, threshold_advice([], [shown])

    area, note, (advice,) = measured(0.1)
    assert area.startswith(">")
    assert note.endswith(advice)
    area, _, no_advice = measured(asked_for(advice))
    assert not area.startswith(">")
    assert no_advice == []


def test_where_no_rise_would_do_a_wider_grid_is_advised():
    axis = np.linspace(-1, 1, 21)
    falling = 0.5 - 0.1 * axis**2
    measures = line_measures(axis, falling[None], threshold=0.1)
    shown = line("a-s0", axis=axis, losses=falling, measures=measures)
    (advice,) = threshold_advice([shown], [])
    assert "wider grid" in advice


def test_a_curve_shares_its_figure_with_the_straight_line():
    t = np.linspace(0, 1, 5)
    curve = DirectionSpec(
        kind="bezier",
        normalisation="none",
        sha256="",
        norm=1.0,
        description="to b-s0, bend trained for 200 steps of 0.01",
    )
    paths = [
        line("a-s0", direction=d, axis=t, losses=t + 1, slope=None, curvature=None)
        for d in (PATH, curve)
    ]
    section = surfaces_section(gather(paths, None))
    assert len(section.figures) == 1


def test_slopes_and_the_cusp_stand_in_tables():
    sweep = (SlopeRow(factor=2.0, operator="ggn", ratio=0.5, rank_correlation=None),)
    measured = sharpness("a-s0")
    alone = replace(measured, rows=[r for r in measured.rows if r.name != "cusp_slope"])
    material = gather([fidelity("a-s0", slope_sweep=sweep), alone], None)
    _, directions, slopes = fidelity_section(material).tables
    assert cells(slopes)["ratio"].value == 0.5
    expected = fidelity("a-s0").directions[0].cusp_slope
    assert cells(directions)["cusp_slope"].value == expected.mean
    values = sharpness_section(material).tables[0]
    (row,) = (row for row in values.cells if "cusp slope" in row[0].text)
    assert (row[1].value, row[1].stderr) == (expected.mean, expected.stderr)


def test_a_bound_says_so_and_no_arrow_stands_where_neither_way_is_flatter():
    (table, *_) = sharpness_section(gather([sharpness("kaiming-s0")], None)).tables
    rows = {row[0].text.partition(" (")[0]: row for row in table.cells}
    worst, rank = rows["worst-case rise"], rows["effective rank"]
    assert worst[1].text.startswith("≥ 0.1")
    assert worst[1].latex.startswith(r"$\geq$ $0.1")
    assert worst[0].text.endswith("↓")
    assert "over examples only" in worst[0].hint
    assert rows["expected rise"][1].text.startswith("0.0")
    assert not {"↓", "↑"} & set(rank[0].text)
