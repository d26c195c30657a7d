"""Figures of curvature along training."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from landscape.page.style import (
    INK,
    Stroke,
    figure_text,
    plain_log_axis,
    read_out,
    stroke_of,
)
from landscape.plotting.band import band_of, draw_band, grouped, positive
from landscape.results.study import CurvatureCourse

_MEASURES = {
    "lambda_max": "largest eigenvalue (loss/θ²)",
    "trace": "trace (loss/θ²)",
    "rise": "expected rise (loss)",
}


def plot_course(
    results: Sequence[CurvatureCourse],
    ax: Axes,
    *,
    measure: str = "lambda_max",
    groups: Mapping[str, str] | None = None,
    strokes: Mapping[str, Stroke] | None = None,
) -> None:
    """Draw one measure against the epoch on a log axis: lambda_max, trace or rise.

    ``groups`` names what each label is drawn as: runs of one group share a line, their median,
    and a band from the lowest to the highest. With lambda_max, the stability edge of plain SGD is
    drawn too.

    Raises
    ------
    ValueError
        If ``measure`` is none of these.
    """
    if measure not in _MEASURES:
        raise ValueError(f"measure must be one of {', '.join(_MEASURES)}; got {measure!r}.")
    members_of = grouped(results, groups)
    for name, members in members_of.items():
        stroke = stroke_of(name, strokes, list(members_of))
        band = band_of([(r.epochs, positive(getattr(r, measure))) for r in members])
        draw_band(ax, band, stroke, label=figure_text(name), marker=True)
    if measure == "lambda_max":
        _draw_edges(results, ax)
    ax.set_yscale("log")
    plain_log_axis(ax.yaxis)
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    read_out(ax, "epoch {:.0f}", f"{measure} = {{:.4g}}")
    ax.set(xlabel="epoch", ylabel=_MEASURES[measure])


def _draw_edges(results: Sequence[CurvatureCourse], ax: Axes) -> None:
    """Each edge once; runs of one learning rate share it."""
    drawn: set[tuple[float, ...]] = set()
    for result in results:
        edges = np.where(np.isfinite(result.edges), result.edges, np.nan)
        key = tuple(np.nan_to_num(edges).tolist())
        if np.isnan(edges).all() or key in drawn:
            continue
        label = None if drawn else "edge (2 + 2m)/lr"
        drawn.add(key)
        ax.plot(result.epochs, edges, color=INK, linestyle=":", linewidth=1.0, label=label)
