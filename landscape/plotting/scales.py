"""Figure of recipes by the scale of their initial weights: one scheme at several gains, others."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes

from landscape.page.style import (
    INK,
    MISSING,
    Stroke,
    figure_text,
    plain_log_axis,
    read_out,
    stroke_of,
)
from landscape.results.study import RecipeScale


def plot_recipe_scales(
    rows: Sequence[RecipeScale],
    ax: Axes,
    *,
    measure: str,
    strokes: Mapping[str, Stroke] | None = None,
) -> None:
    """Draw one measure against the scale of the initial weights, both on log axes.

    A dot a run, a line through the medians of the scheme that was drawn at several gains, and of
    each named scheme the median with a bar from its lowest to its highest run. Values that are not
    positive are left out.
    """
    shown = sorted((r for r in rows if r.measure == measure), key=lambda r: r.scale)
    swept = [r for r in shown if r.in_sweep]
    for row in swept:
        values = _positive(row)
        ax.plot([row.scale] * len(values), values, "o", color=MISSING, markersize=2.5)
    name = swept[0].init if swept else ""
    medians = [(r.scale, np.median(_positive(r))) for r in swept if len(_positive(r))]
    if medians:
        label = figure_text(f"{name} times a gain")
        ax.plot(*zip(*medians, strict=True), "-", color=INK, linewidth=1.2, label=label)
    named = [r for r in shown if not r.in_sweep or r.gain == 1]
    for row in named:
        values, stroke = _positive(row), stroke_of(row.init, strokes, [r.init for r in named])
        if not len(values):
            continue
        middle = float(np.median(values))
        ax.plot([row.scale] * 2, [values.min(), values.max()], color=stroke.colour, linewidth=1.1)
        ax.plot(
            [row.scale],
            [middle],
            color=stroke.colour,
            marker=stroke.marker,
            markersize=5.5,
            linestyle="none",
            label=figure_text(row.init),
        )
    ax.set_xscale("log")
    ax.set_yscale("log")
    plain_log_axis(ax.xaxis)
    plain_log_axis(ax.yaxis)
    read_out(ax, "scale {:.3g}", "value {:.4g}")
    ax.set(xlabel="fan-in × variance of the initial weights", ylabel=figure_text(measure))


def _positive(row: RecipeScale) -> np.ndarray:
    values = np.array(row.values)
    return values[values > 0]
