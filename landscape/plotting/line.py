"""Figures of the loss along lines and curves: one line a checkpoint, accuracy on a second axis."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from landscape.page.style import (
    INK,
    Stroke,
    figure_text,
    mark_series,
    plain_log_axis,
    read_out,
    stroke_of,
)
from landscape.results import LossLine

Strokes = Mapping[str, Stroke]
_DASHED, _DOTTED = (0, (4, 2.5)), (0, (1, 1))
_MARKS = 8  # along each line, so that lines of one colour are told apart


def plot_line(
    results: Sequence[LossLine],
    ax: Axes,
    *,
    strokes: Strokes | None = None,
    log: bool = False,
) -> Axes | None:
    """Draw L(θ + x d), its accuracy dotted on a second axis, and the quadratic prediction dashed.

    Losses are solid lines with marks, whatever dashes their strokes have elsewhere. The
    prediction is L(θ) + x ∇L·d + ½ x² dᵀAd of the operator that the result names. A band spans
    the losses along all random directions, where there are several. A straight line between two
    checkpoints that is drawn beside the curve between them is dashed. Points whose loss is not
    finite are crosses on the upper edge. Returns the accuracies' axes, if any.
    """
    labels = [r.subject.label for r in results]
    drawn = [r.losses if r.spread is None else r.spread for r in results]
    finite = np.concatenate([losses[np.isfinite(losses)] for losses in drawn])
    second = ax.twinx() if any(r.accuracies is not None for r in results) else None
    curved = any(r.direction.kind == "bezier" for r in results)
    for place, result in enumerate(results):
        stroke = stroke_of(result.subject.label, strokes, labels)
        every = max(1, len(result.axis) // _MARKS)
        (line,) = ax.plot(
            result.axis,
            np.where(np.isfinite(result.losses), result.losses, np.nan),
            color=stroke.colour,
            linestyle=_DASHED if curved and result.direction.kind == "between" else "-",
            linewidth=1.1,
            marker=stroke.marker,
            markersize=3,
            markevery=(every * place // len(results), every),  # those of two lines side by side
            label=_label(result),
        )
        mark_series(line, stroke)
        _spread(result, ax, stroke)
        _prediction(result, ax, stroke, finite)
        lost = ~np.isfinite(result.losses)
        if lost.any():
            (crosses,) = ax.plot(
                result.axis[lost],
                np.full(lost.sum(), 0.98),
                transform=ax.get_xaxis_transform(),
                color=stroke.colour,
                marker="x",
                linestyle="none",
            )
            mark_series(crosses, stroke)
        if second is not None and result.accuracies is not None:
            (accuracy,) = second.plot(
                result.axis, result.accuracies, color=stroke.colour, linewidth=0.7, alpha=0.75
            )
            accuracy.set_linestyle(_DOTTED)
            mark_series(accuracy, stroke)
    if finite.size:
        span = float(np.ptp(finite)) or 1.0
        if log and finite.min() > 0:
            ax.set_yscale("log")
            plain_log_axis(ax.yaxis)
            ax.set_ylim(finite.min() / 1.3, finite.max() * 1.3)
        else:
            ax.set_ylim(finite.min() - 0.05 * span, finite.max() + 0.08 * span)
    _explain(results, ax)
    _name_line_axes(results, ax, second)
    return second


def _spread(result: LossLine, ax: Axes, stroke: Stroke) -> None:
    if result.spread is None or len(result.spread) < 2:
        return
    spread = np.ma.masked_invalid(result.spread)
    band = ax.fill_between(
        result.axis,
        spread.min(axis=0),
        spread.max(axis=0),
        color=stroke.colour,
        alpha=0.15,
        linewidth=0,
    )
    mark_series(band, stroke)


def _prediction(result: LossLine, ax: Axes, stroke: Stroke, finite: NDArray[np.floating]) -> None:
    if result.slope is None or result.curvature is None:
        return
    x = np.linspace(result.axis[0], result.axis[-1], 201)
    quadratic = result.subject.loss + x * result.slope + 0.5 * x**2 * result.curvature
    # Only where a loss was measured of that size: a steep prediction must not set the scale.
    shown = np.where(quadratic <= finite.max() if finite.size else True, quadratic, np.nan)
    (dashed,) = ax.plot(x, shown, color=stroke.colour, linewidth=0.9, linestyle=_DASHED)
    mark_series(dashed, stroke)


def _label(result: LossLine) -> str:
    if not result.direction.is_path:
        return figure_text(result.subject.label)
    ends = f"{result.subject.label} to {result.direction.far_end}"
    return figure_text(f"{ends}, {result.direction.short}", longest=60)


def _explain(results: Sequence[LossLine], ax: Axes) -> None:
    """Legend entries, in ink, for what every checkpoint's line comes with."""
    operators = {r.operator_name for r in results if r.curvature is not None}
    if operators:
        text = f"prediction ({', '.join(sorted(map(str, operators)))})"
        ax.plot([], [], color=INK, linewidth=0.9, linestyle=_DASHED, label=text)
    counts = {len(r.spread) for r in results if r.spread is not None and len(r.spread) > 1}
    if counts:
        text = f"range, {max(counts)} directions"
        ax.fill_between([], [], color=INK, alpha=0.15, linewidth=0, label=text)


def _name_line_axes(results: Sequence[LossLine], ax: Axes, second: Axes | None) -> None:
    losses = sorted({r.subject.loss_name for r in results})
    names = {
        r.direction.short if r.direction.kind == "eigenvector" else f"a {r.direction.short}"
        for r in results
    }
    if all(r.direction.is_path for r in results):
        x_label = "position t, from the first checkpoint (0) to the second (1)"
    else:
        x_label = f"step x along {'the direction' if len(names) > 1 else names.pop()}"
    ax.set(xlabel=x_label, ylabel=f"loss ({', '.join(losses)})")
    read_out(ax, "x = {:.3g}", "loss = {:.4g}")
    if second is not None:
        read_out(second, "x = {:.3g}", "accuracy = {:.4g}")
        second.set(ylabel="accuracy (dotted)", ylim=(0, 1.02))
        second.spines["right"].set_visible(True)
        second.grid(visible=False)
