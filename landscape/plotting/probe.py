"""Figures of curvature while a network trains: sharpness and the optimiser's edge, and the loss."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes

from landscape.page.style import (
    Stroke,
    figure_text,
    mark_series,
    plain_log_axis,
    read_out,
    stroke_of,
)
from landscape.plotting.band import positive
from landscape.results.probe import LAMBDA_MAX, ProbeCurves

_MOST_MARKS = 60  # calls that have a mark each
_HEADROOM = 2.0  # of the axis over what is drawn, as a factor


def plot_probe(
    results: Sequence[ProbeCurves],
    ax: Axes,
    *,
    measure: str = "sharpness",
    strokes: Mapping[str, Stroke] | None = None,
) -> None:
    """Draw ``sharpness``, dotted its edge of stability, or the ``loss`` over steps, on a log axis.

    Sharpness is the eigenvalue that the edge is one of, with a band of its residual.

    Raises
    ------
    ValueError
        If ``measure`` is neither.
    """
    if measure not in ("sharpness", "loss"):
        raise ValueError(f"measure must be sharpness or loss; got {measure!r}.")
    labels = [r.subject.label for r in results]
    for result in results:
        stroke = stroke_of(result.subject.label, strokes, labels)
        name = result.sharpness if measure == "sharpness" else "loss"
        values = positive(getattr(result, name))
        (line,) = ax.plot(
            result.steps,
            values,
            color=stroke.colour,
            linestyle=stroke.dash,
            linewidth=1.1,
            marker=stroke.marker if len(values) <= _MOST_MARKS else None,
            markersize=2.5,
            label=figure_text(result.subject.label),
        )
        mark_series(line, stroke)
        if measure == "sharpness":
            residual = getattr(result, f"{name}_residual")
            band = ax.fill_between(
                result.steps,
                positive(values - residual),
                values + residual,
                color=stroke.colour,
                alpha=0.2,
                linewidth=0,
            )
            mark_series(band, stroke)
            (edge,) = ax.plot(
                result.steps, positive(result.edge), color=stroke.colour, linestyle=":"
            )
            mark_series(edge, stroke)
    ax.set_yscale("log")
    if measure == "sharpness":
        _leave_out_far_edges(results, ax)
    plain_log_axis(ax.yaxis)
    read_out(ax, "step {:.0f}", f"{measure} = {{:.4g}}")
    ax.set(xlabel="step", ylabel=_title(results) if measure == "sharpness" else "loss")


def _leave_out_far_edges(results: Sequence[ProbeCurves], ax: Axes) -> None:
    """An edge goes to infinity with the learning rate to 0: what it leaves of the axis is shown."""
    values = np.concatenate([positive(getattr(r, r.sharpness)) for r in results])
    edges = np.concatenate([positive(r.edge) for r in results])
    if np.isfinite(values).any() and np.isfinite(edges).any():
        ax.set_ylim(top=_HEADROOM * max(np.nanmax(values), np.nanmin(edges)))


def _title(results: Sequence[ProbeCurves]) -> str:
    if all(r.sharpness == LAMBDA_MAX for r in results):
        return "sharpness (loss/θ²)"
    return "preconditioned sharpness" if len({r.sharpness for r in results}) == 1 else "sharpness"
