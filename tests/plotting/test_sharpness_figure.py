from numpy.testing import assert_allclose
from synthetic_results import LABELS, header

from landscape.catalog import MEASURES
from landscape.page.style import figure_bytes
from landscape.plotting import panels_of, plot_sharpness
from landscape.results import SharpnessTable, make_measure


def test_sharpness_has_a_panel_a_measure_and_a_place_a_layer(figure):
    layers = ("features.block.0.conv.weight", "features.block.1.conv.weight")
    rows = [
        *(make_measure("relative_flatness", 2.0 + k, 0.1, layer=n) for k, n in enumerate(layers)),
        *(make_measure("sam_rise", 0.1 * r, 0.01, scale=s, radius=r)
          for s in ("none", "filter") for r in (0.01, 0.03)),
        make_measure("cusp_slope", 0.3, 0.02),
    ]  # fmt: skip
    table = SharpnessTable(
        **header("a-s0"), rows=tuple(rows), batch_norm="eval", accuracy_drop=0.05,
        num_pairs=2, num_evaluations=3,
    )  # fmt: skip
    plot_sharpness([table], figure)
    titles = [ax.get_title(loc="left").replace("\n", " ") for ax in figure.axes]
    drawn = {title: ax for title, ax in zip(titles, figure.axes, strict=True) if title}
    assert set(drawn) == {MEASURES[panel.name].title for panel in panels_of([table])}
    marks = {title: ax.get_lines()[0] for title, ax in drawn.items()}
    assert list(marks["relative flatness"].get_xdata()) == [0, 1]
    assert_allclose(marks["rise at SAM's step"].get_xydata(), [[0.01, 0.001], [0.03, 0.003]])


def test_sharpness_puts_one_unit_on_an_axis(figure):
    tables = [
        SharpnessTable(
            **header(label),
            rows=tuple(
                make_measure(name, value, 0.1, scale=scale, operator="hessian")
                for name in ("lambda_max", "mean_curvature", "frobenius_norm", "effective_rank")
                for scale, value in (("none", 7.0), ("filter", 0.02))
            ),
            batch_norm="eval", accuracy_drop=0.05, num_pairs=2, num_evaluations=3,
        )
        for label in LABELS[:2]
    ]  # fmt: skip
    plot_sharpness(tables, figure)
    panels = panels_of(tables)
    assert len(panels) == 7  # the rank has no unit, whatever the scale
    for panel, ax in zip(panels, figure.axes, strict=False):
        assert ax.get_ylabel() == ("" if panel.unit == "1" else panel.unit)
        rows = [r for r in tables[0].rows if (r.name, r.unit) == (panel.name, panel.unit)]
        assert list(ax.get_lines()[0].get_ydata()) == [row.value for row in rows]
    assert figure_bytes(figure, "png")
