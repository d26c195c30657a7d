"""Figures of fidelity: the rise of the real loss against what operators predict of it."""

import numpy as np
from matplotlib.axes import Axes

from landscape.page.style import (
    COLOURS,
    INK,
    figure_text,
    plain_log_axis,
    read_out,
)
from landscape.results.fidelity import DirectionFidelity, Fidelity, judged_along
from landscape.results.titles import operator_title

# Colours are networks; operators differ in dash and marker.
_OPERATOR = COLOURS[7]
_DASHES = ((0, (5, 2)), (0, (1.2, 1.2)), (0, (5, 1.5, 1.2, 1.5)), (0, (9, 2)))
_MARKERS = "osD^"


def plot_fidelity(
    result: Fidelity, ax: Axes, *, direction: DirectionFidelity | None = None
) -> None:
    """Draw the measured rise along ``direction`` (the sharpest) and each operator's prediction.

    Both axes are logarithmic: a quadratic has slope 2, a cusp slope 1. The rise is the mean of
    both sides, with ± 1 standard error over examples; where it is not positive there is no mark.
    A negative prediction has no place on the axis and is left out.
    """
    shown = direction if direction is not None else result.sharpest
    radii, t = np.array(result.radii), np.array(result.distances)
    rise, stderr = (np.array(v) * t**2 / 2 for v in (shown.kappa, shown.kappa_stderr))
    positive = rise > 0
    for index, operator in enumerate(result.operators):
        if shown.curvatures[index] > 0:
            ax.plot(
                radii,
                shown.curvatures[index] * t**2 / 2,
                color=_OPERATOR,
                linestyle=_DASHES[index % 4],
                linewidth=1.0,
                label=figure_text(f"predicted: {_operator_name(operator, result)}"),
            )
    if positive.any():
        low = np.minimum(stderr, 0.95 * rise)[positive]  # a bar to zero would have no end
        ax.errorbar(
            radii[positive],
            rise[positive],
            yerr=[low, stderr[positive]],
            color=INK,
            marker="o",
            linestyle="-",
            linewidth=1.2,
            label="measured, hard spikes" if result.subject.spiking else "measured",
        )
        ax.set_yscale("log")
        plain_log_axis(ax.yaxis)
        ax.set_ylim(rise[positive].min() / 4, rise[positive].max() * 4)
    ax.set_xscale("log")
    plain_log_axis(ax.xaxis)
    read_out(ax, "r = {:.3g}", "rise = {:.3g}")
    ax.set(xlabel="distance / ‖θ‖", ylabel="rise of the loss")
    ax.set_title(figure_text(f"{result.subject.label}, {shown.name}", longest=40))


def _operator_name(operator: str, result: Fidelity) -> str:
    return operator_title(operator, spiking=result.subject.spiking)


def plot_fidelity_ratios(
    result: Fidelity, ax: Axes, *, direction: DirectionFidelity | None = None
) -> None:
    """Draw measured over predicted curvature against the radius, with 95 % intervals; 1 marked.

    Each operator along the directions that its verdict is about, its own top ones, or all along
    ``direction``.
    """
    ax.axhline(1, color=INK, linewidth=0.8)
    centres: list[float] = []
    lows: list[float] = []
    for index, operator in enumerate(result.operators):
        shown = judged_along(result.directions, operator) if direction is None else [direction]
        for number, one in enumerate(shown):
            ratios = [
                (r, ratio)
                for r, ratio in zip(result.radii, one.ratios[index], strict=True)
                if ratio is not None
            ]
            if not ratios:
                continue
            centre = np.array([ratio.value for _, ratio in ratios])
            ends = np.array([(ratio.low, ratio.high) for _, ratio in ratios]).T
            centres += [*centre]
            lows += [*ends[0]]
            ax.errorbar(
                [r for r, _ in ratios],
                centre,
                yerr=np.abs(ends - centre),
                color=_OPERATOR,
                marker=_MARKERS[index % 4],
                linestyle=_DASHES[index % 4],
                linewidth=1.0,
                label=figure_text(_operator_name(operator, result)) if number == 0 else None,
            )
    if lows and min(lows) > 0:
        ax.set_yscale("log")
        plain_log_axis(ax.yaxis)
    elif centres:
        # At the smallest radii noise may exceed the rise a hundredfold; its bars run off the axis.
        ax.set_ylim(min(0.0, *centres) - 0.5, 1.3 * max(2.0, *centres))
    ax.set_xscale("log")
    plain_log_axis(ax.xaxis)
    read_out(ax, "r = {:.3g}", "ratio = {:.3g}")
    ax.set(xlabel="distance / ‖θ‖", ylabel="measured / predicted")
