"""Figures of training: loss and accuracy against the epoch."""

from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from landscape.page.style import (
    Stroke,
    figure_text,
    plain_log_axis,
    read_out,
    stroke_of,
)
from landscape.plotting.band import band_of, draw_band, grouped
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
    groups: Mapping[str, str] | None = None,
    log: bool = False,
) -> None:
    """Draw one measure of every run: train_loss, test_loss, train_accuracy or test_accuracy.

    ``groups`` names what each label is drawn as: runs of one group share a line, their median,
    and a band from the lowest to the highest.

    Raises
    ------
    ValueError
        If ``measure`` is none of these.
    """
    if measure not in _MEASURES:
        raise ValueError(f"measure must be one of {', '.join(_MEASURES)}; got {measure!r}.")
    labels = [r.subject.label for r in results]
    known = [r for r in results if getattr(r, measure) is not None]
    for name, members in grouped(known, groups).items():
        band = band_of([(r.epochs, getattr(r, measure)) for r in members])
        stroke = stroke_of(members[0].subject.label, strokes, labels)
        draw_band(ax, band, stroke, label=figure_text(name), marker=True)
    if log and "loss" in measure:
        ax.set_yscale("log")
        plain_log_axis(ax.yaxis)
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    read_out(ax, "epoch {:.0f}", f"{_MEASURES[measure]} = {{:.4g}}")
    ax.set(xlabel="epoch", ylabel=_MEASURES[measure])
