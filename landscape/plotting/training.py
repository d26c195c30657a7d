"""Figures of training: loss and accuracy against the epoch."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from landscape.page.style import (
    Stroke,
    figure_text,
    mark_series,
    plain_log_axis,
    read_out,
    stroke_of,
)
from landscape.results.training import TrainingCurves

_MEASURES = {
    "train_loss": "training loss",
    "test_loss": "test loss",
    "train_accuracy": "training accuracy",
    "test_accuracy": "test accuracy",
}


def plot_training_curves(
    results: Sequence[TrainingCurves],
    ax: Axes,
    *,
    measure: str = "train_loss",
    strokes: Mapping[str, Stroke] | None = None,
    log: bool = False,
) -> None:
    """Draw one measure of every run: train_loss, test_loss, train_accuracy or test_accuracy.

    Raises
    ------
    ValueError
        If ``measure`` is none of these.
    """
    if measure not in _MEASURES:
        raise ValueError(f"measure must be one of {', '.join(_MEASURES)}; got {measure!r}.")
    labels = [r.subject.label for r in results]
    for result in results:
        values = getattr(result, measure)
        if values is None:
            continue
        stroke = stroke_of(result.subject.label, strokes, labels)
        (line,) = ax.plot(
            result.epochs,
            np.where(np.isfinite(values), values, np.nan),
            color=stroke.colour,
            linestyle=stroke.dash,
            marker=stroke.marker if len(result.epochs) <= 20 else None,
            markersize=3,
            label=figure_text(result.subject.label),
        )
        mark_series(line, stroke)
    if log and "loss" in measure:
        ax.set_yscale("log")
        plain_log_axis(ax.yaxis)
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    read_out(ax, "epoch {:.0f}", f"{_MEASURES[measure]} = {{:.4g}}")
    ax.set(xlabel="epoch", ylabel=_MEASURES[measure])
