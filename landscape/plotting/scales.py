"""Figure of recipes by the scale of their initial weights: one scheme at several gains, others."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes

from landscape.page.style import (
    INK,
    MISSING,
    figure_text,
    plain_log_axis,
    read_out,
    strokes_for,
)
from landscape.results.study import RecipeScale


def plot_recipe_scales(rows: Sequence[RecipeScale], ax: Axes, *, measure: str) -> None:
    """Draw one measure against the scale of the initial weights, both on log axes.

    A dot a run, a line through the medians of the scheme that was drawn at several gains, and of
    each named scheme the median with a bar from its lowest to its highest run. Values that are not
    positive are left out.
    """
    shown = sorted((r for r in rows if r.measure == measure), key=lambda r: r.scale)
    drawn = [(row, values) for row in shown if len(values := _positive(row))]
    swept = [(row, values) for row, values in drawn if row.in_sweep]
    for row, values in swept:
        ax.plot([row.scale] * len(values), values, "o", color=MISSING, markersize=2.5)
    if swept:
        scales, medians = [r.scale for r, _ in swept], [np.median(values) for _, values in swept]
        label = figure_text(f"{swept[0][0].init} times a gain")
        ax.plot(scales, medians, "-", color=INK, linewidth=1.2, label=label)
    named = [(row, values) for row, values in drawn if not row.in_sweep or row.gain == 1]
    strokes = strokes_for([row.init for row, _ in named])
    for row, values in named:
        stroke = strokes[row.init]
        ax.plot([row.scale] * 2, [values.min(), values.max()], color=stroke.colour, linewidth=1.1)
        ax.plot(
            [row.scale],
            [np.median(values)],
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
