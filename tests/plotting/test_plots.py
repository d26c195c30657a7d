from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose
from synthetic_comparison import comparison
from synthetic_measures import fidelity
from synthetic_results import (
    LABELS,
    curves,
    density,
    eigenvalues,
    layers,
    line,
    plane,
    probed,
    trace,
)

from landscape.page.style import PAPER, figure_bytes
from landscape.plotting import (
    EffectRow,
    plot_density,
    plot_differences,
    plot_eigenvalues,
    plot_fidelity,
    plot_fidelity_ratios,
    plot_layers,
    plot_line,
    plot_plane,
    plot_plane_3d,
    plot_planes,
    plot_probe,
    plot_ratios,
    plot_trace,
    plot_training_curves,
    shared_levels,
    strokes_for,
)
from landscape.results import Trajectory
from landscape.values import Eigenvalue


def lines_of(ax, index):
    return [artist for artist in ax.get_lines() if artist.get_gid() == f"series-{index}"]


@pytest.mark.parametrize(
    ("plot", "make"),
    [
        (plot_density, density),
        (plot_eigenvalues, eigenvalues),
        (plot_trace, trace),
        (plot_layers, layers),
        (plot_line, line),
        (plot_training_curves, curves),
        (plot_probe, probed),
    ],
)
def test_a_checkpoint_has_the_colour_it_was_given(plot, make, figure, ax):
    strokes = strokes_for(["other", *LABELS])
    plot([make(label) for label in LABELS[:2]], ax, strokes=strokes)
    for label in LABELS[:2]:
        found = lines_of(ax, strokes[label].number)
        assert found
        assert {artist.get_color() for artist in found} == {strokes[label].colour}
    assert figure_bytes(figure, "png")


def test_density_is_drawn_as_stored_down_to_a_tenth_of_one_eigenvalue(ax):
    result = density("a-s0")
    plot_density([result], ax)
    (drawn,) = lines_of(ax, 0)
    x, y = drawn.get_data()
    peak = 1 / (result.operator.num_params * result.bandwidth * np.sqrt(2 * np.pi))
    shown = np.isfinite(y)
    assert_allclose(x, result.grid)
    assert_allclose(y[shown], result.density[shown])
    assert np.all(result.density[~shown] < 0.1 * peak)
    assert ax.get_yscale() == "log"


def test_a_linear_density_hides_nothing(ax):
    result = density("a-s0")
    plot_density([result], ax, log=False)
    assert_allclose(lines_of(ax, 0)[0].get_ydata(), result.density)


def test_eigenvalues_that_did_not_converge_are_hollow(ax):
    result = eigenvalues("a-s0")
    plot_eigenvalues([result], ax)
    hollow = [artist for artist in lines_of(ax, 0) if artist.get_markerfacecolor() == PAPER]
    (marks,) = hollow
    assert_allclose(marks.get_ydata(), [e.value for e in result.largest if not e.converged])


def test_one_converged_eigenvalue_and_no_other_end(figure, ax):
    one = (Eigenvalue(value=1.0, residual=0.0, converged=True),)
    plot_eigenvalues([eigenvalues("a-s0", largest=one, smallest=(), shards=())], ax)
    assert figure_bytes(figure, "png")


@pytest.mark.parametrize(("edge", "drawn"), [(38.0, 0), (2.0, 1)])
def test_the_edge_of_stability_is_drawn_where_eigenvalues_come_near(edge, drawn, ax):
    plot_eigenvalues([eigenvalues("a-s0", stability_edge=edge)], ax)
    assert sum(text.get_text() == "edge of stability" for text in ax.texts) == drawn


def test_the_prediction_is_the_parabola_of_slope_and_curvature(ax):
    result = line("a-s0", slope=0.2, curvature=0.3, accuracies=None)
    assert plot_line([result], ax) is None
    _, dashed = lines_of(ax, 0)
    x, y = dashed.get_data()
    shown = np.isfinite(y)
    assert_allclose(y[shown], (result.subject.loss + 0.2 * x + 0.15 * x**2)[shown])


def test_no_loss_looks_like_a_prediction_or_an_accuracy(ax):
    labels = [f"a-s{seed}" for seed in range(3)]
    labels += [f"b-s{seed}" for seed in range(3)]
    second = plot_line([line(label) for label in labels], ax)
    losses, predictions = zip(*(lines_of(ax, k) for k in range(len(labels))), strict=True)
    assert {artist.get_linestyle() for artist in losses} == {"-"}
    assert {artist.get_linestyle() for artist in predictions} == {"--"}
    assert "-" not in {artist.get_linestyle() for artist in second.get_lines()}
    assert len({(artist.get_color(), artist.get_marker()) for artist in losses}) == len(labels)


def test_losses_that_are_not_finite_are_crosses_and_break_the_line(ax):
    losses = line("a-s0").losses.copy()
    losses[[0, 5]] = np.inf, np.nan
    plot_line([line("a-s0", losses=losses, curvature=None)], ax)
    drawn, crosses = lines_of(ax, 0)
    assert np.isnan(drawn.get_ydata()[[0, 5]]).all()
    assert crosses.get_marker() == "x"
    assert_allclose(crosses.get_xdata(), line("a-s0").axis[[0, 5]])


def test_a_line_that_is_nowhere_finite_is_drawn(figure, ax):
    plot_line([line("a-s0", losses=np.full(41, np.nan))], ax)
    assert figure_bytes(figure, "png")


def test_levels_rise_from_each_plane_s_own_lowest_point():
    low, high = plane("a-s0"), plane("b-s0", losses=10 * plane("a-s0").losses)
    finite = low.losses[np.isfinite(low.losses)]
    top = 10 * (finite.max() - finite.min())
    levels = shared_levels([low, high])
    assert_allclose(levels[[0, 1, -1]], [0, top / 100, top])
    assert_allclose(np.diff(np.log(levels[1:]), 2), 0, atol=1e-9)
    assert_allclose(np.diff(shared_levels([low], log=False), 2), 0, atol=1e-9)
    # What a network's loss is at its minimum is not its shape.
    assert_allclose(shared_levels([plane("a-s0", losses=low.losses + 7)]), shared_levels([low]))


def test_runs_of_a_group_share_a_line_and_a_band_from_the_lowest_to_the_highest(ax):
    axis = np.linspace(-1.0, 1.0, 5)
    runs = [
        density(f"a-s{i}", grid=axis, density=np.full(5, v), stderr=np.zeros(5))
        for i, v in enumerate((1.0, 2.0, 4.0))
    ]
    groups = {r.subject.label: "a" for r in runs}
    plot_density(runs, ax, groups=groups, log=False)
    (line_drawn,) = (artist for artist in ax.get_lines() if artist.get_label() == "a")
    assert list(line_drawn.get_ydata()) == [2.0] * 5
    band = ax.collections[0].get_paths()[0].get_extents()
    assert (band.y0, band.y1) == (1.0, 4.0)


def test_a_run_that_ended_early_or_diverged_leaves_the_band_to_the_others(ax):
    epochs = np.arange(1.0, 5)
    losses = ([4.0, 3.0, 2.0, 1.0], [4.0, np.nan, np.nan, np.nan], [6.0, 5.0, 4.0, 3.0])
    runs = [
        curves(f"a-s{i}", epochs=epochs, train_loss=np.array(loss)) for i, loss in enumerate(losses)
    ]
    runs[2] = replace(runs[2], epochs=epochs[:2], train_loss=runs[2].train_loss[:2])
    plot_training_curves(runs, ax, groups={r.subject.label: "a" for r in runs})
    (drawn,) = ax.get_lines()
    assert_allclose(drawn.get_ydata(), [4, 4, 2, 1])


def test_points_that_are_not_finite_are_hatched_and_not_coloured(figure, ax):
    result = plane("a-s0")
    filled = plot_plane(result, ax, levels=shared_levels([result]))
    hatched = [patch for patch in ax.patches if patch.get_hatch()]
    assert len(hatched) == (~np.isfinite(result.losses)).sum() == 4
    half = np.diff(result.x_axis)[0] / 2
    corners = {tuple(np.round(np.array(p.get_xy()) + half, 9)) for p in hatched}
    lost = np.argwhere(~np.isfinite(result.losses))
    assert corners == {(round(result.x_axis[i], 9), round(result.y_axis[j], 9)) for i, j in lost}
    assert filled is not None
    assert figure_bytes(figure, "png")


def test_x_is_the_first_index_of_the_losses(ax):
    x = np.linspace(-1, 1, 5)
    result = plane("a-s0", x_axis=x, y_axis=x, losses=np.tile((x + 2)[:, None], (1, 5)))
    filled = plot_plane(result, ax, levels=np.array([0.0, 1.0, 2.0]), log=False)
    left, right = (path.get_extents() for path in filled.get_paths())
    assert left.x1 == pytest.approx(0)
    assert right.x0 == pytest.approx(0)


@pytest.mark.parametrize("losses", [np.full((3, 3), np.nan), np.full((3, 3), 0.5), -np.eye(3)])
def test_planes_without_contrast_or_with_negative_losses_are_drawn(losses, figure):
    axis = np.linspace(-1, 1, 3)
    plot_planes([plane("a-s0", x_axis=axis, y_axis=axis, losses=losses)], figure)
    assert figure_bytes(figure, "png")


def test_the_trajectory_is_drawn_on_its_plane(ax):
    points = np.array([[0.5, 0.2], [0.2, 0.1], [0.0, 0.0]])
    path = Trajectory(
        points=points,
        errors=np.zeros(3),
        explained_variance=(0.8, 0.1),
        reconstruction_error=0.1,
    )
    plot_plane(plane("a-s0", trajectory=path), ax, levels=np.geomspace(0.01, 1, 5))
    assert any(np.array_equal(artist.get_xydata(), points) for artist in ax.get_lines())


def test_a_surface_in_perspective_leaves_lost_points_open(figure):
    ax = figure.add_subplot(projection="3d")
    plot_plane_3d(plane("a-s0"), ax)
    assert ax.get_zlabel() == "L − L_min"
    assert figure_bytes(figure, "png")


def test_a_measure_that_does_not_exist_is_refused(ax):
    with pytest.raises(ValueError, match="measure must be one of train_loss"):
        plot_training_curves([curves("a-s0")], ax, measure="loss")


def test_ratios_stand_at_their_values_with_one_marked(figure, ax):
    pair = comparison().pairs[0]
    rows = [
        EffectRow(
            title=m.measure.replace("[filter]", " (filter scale)"),
            estimate=m.estimate,
            interval=(m.interval.low, m.interval.high),
            verdict=m.verdict,
        )
        for m in pair.measures
    ]
    rows.append(EffectRow(title="unbounded", estimate=2, interval=(0, np.inf), verdict="undecided"))
    plot_ratios(rows, ax, bounds=(0.8, 1.25), baseline="kaiming")
    figure.draw_without_rendering()
    marks = [artist for artist in ax.get_lines() if artist.get_linestyle() == "None"]
    assert_allclose([mark.get_xdata()[0] for mark in marks], [row.estimate for row in rows])
    assert "1" in [text.get_text() for text in ax.get_xticklabels()]
    assert [mark.get_markerfacecolor() == PAPER for mark in marks] == [
        row.verdict == "undecided" for row in rows
    ]


@pytest.mark.parametrize(("size", "power"), [(3e-5, "10⁻⁵ "), (0.4, ""), (70.0, ""), (2e6, "10⁶ ")])
def test_differences_are_read_off_in_their_unit(figure, ax, size, power):
    estimates = [-size, None, size]
    rows = [
        EffectRow(
            title="rise",
            estimate=estimate,
            interval=None if estimate is None else (estimate - size / 2, estimate + size),
            verdict="undecided",
        )
        for estimate in estimates
    ]
    plot_differences(rows, ax, unit="loss", baseline="kaiming")
    figure.draw_without_rendering()
    assert ax.get_xlabel().endswith(f"\ndifference from kaiming ({power}loss)")
    unit = 10.0 ** np.floor(np.log10(2 * size)) if power else 1.0
    for place, text in zip(ax.get_xticks(), ax.get_xticklabels(), strict=True):
        assert_allclose(float(text.get_text().replace("−", "-")) * unit, place, atol=1e-6 * size)
    low, high = ax.get_xlim()
    assert low < -1.5 * size
    assert high > 2 * size
    marks = [artist for artist in ax.get_lines() if artist.get_linestyle() == "None"]
    assert [mark.get_ydata()[0] for mark in marks] == [0, 2]


def test_a_difference_of_nothing_has_an_axis(figure, ax):
    row = EffectRow(title="rise", estimate=0.0, interval=(0.0, 0.0), verdict="undecided")
    plot_differences([row], ax, unit="loss", baseline="kaiming")
    figure.draw_without_rendering()
    low, high = ax.get_xlim()
    assert low < 0 < high


def test_fidelity_draws_the_measured_rise_and_each_prediction(figure):
    left, right = figure.subplots(1, 2)
    result = fidelity("a-s0")
    plot_fidelity(result, left)
    along, t = result.sharpest, np.array(result.distances)
    *predicted, measured = left.get_lines()[:4]
    for artist, curvature in zip(predicted, along.curvatures, strict=True):
        assert_allclose(artist.get_ydata(), 0.5 * curvature * t**2)
    assert_allclose(measured.get_ydata(), (np.array(along.plus) + along.minus) / 2)
    plot_fidelity_ratios(result, right)
    assert figure_bytes(figure, "png")


def test_ratios_of_an_operator_are_those_that_its_verdict_is_about(figure):
    result = fidelity("a-s0")
    (along,) = result.directions
    ggn = replace(along, name="ggn top 1", operator="ggn", ratios=along.ratios[::-1])
    random = replace(along, name="random 1", kind="random", operator=None)
    result = replace(result, directions=(along, ggn, random))
    ax = figure.subplots()
    plot_fidelity_ratios(result, ax)
    drawn = [line.get_ydata() for line in ax.get_lines() if len(line.get_xdata()) > 2]
    drawn = [y for y in drawn if len(y) == len(result.radii)]
    # The operators with directions of their own, then one that is judged by all top ones.
    expected = [along.ratios[0], ggn.ratios[1], along.ratios[2], ggn.ratios[2]]
    for ratios in expected:
        values = [ratio.value for ratio in ratios]
        assert any(np.array_equal(values, y) for y in drawn)


def test_layers_without_eigenvalues_are_shown_by_the_traces_that_are_known(ax):
    table = layers("a-s0")
    rows = [replace(row, largest=None, smallest=None) for row in table.rows]
    rows[1] = replace(rows[1], trace=None)
    result = replace(table, rows=tuple(rows))
    plot_layers([result], ax)
    known = [row for row in rows if row.trace is not None]
    assert [t.get_text() for t in ax.get_yticklabels()] == [row.name for row in known]
    assert list(ax.lines[0].get_xdata()) == [row.trace.mean for row in known]
    assert ax.get_xlabel().startswith("trace")
