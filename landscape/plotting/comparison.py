"""The figure of a verdict: ratios or differences with their intervals, a row each."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from landscape.page.numbers import power_of_ten
from landscape.page.style import (
    GRID,
    INK,
    PAPER,
    figure_text,
    flatter_to_sharper,
    read_out,
)

_SIGNIFICANT = (1.0, 1.2, 1.5, 2.0, 3.0, 5.0, 7.0)
_NICE_RATIOS = sorted(
    {round(s * 10.0**e, 6) for s in _SIGNIFICANT for e in range(4)}
    | {round(s * 10.0**e, 6) for s in (1.0, 2.0, 3.0, 5.0, 6.0, 7.0, 8.0) for e in (-3, -2, -1)}
)


@dataclass(frozen=True, kw_only=True)
class EffectRow:
    """One row: how far a group is from its baseline, by one measure; less is flatter."""

    title: str  # drawn on two lines where it has a part in brackets
    estimate: float | None  # None: nothing is drawn
    interval: tuple[float, float] | None
    verdict: str  # flatter | sharper | equivalent | undecided, or other words
    primary: bool = False


def plot_ratios(
    rows: Sequence[EffectRow],
    ax: Axes,
    *,
    bounds: tuple[float, float],
    baseline: str,
    most_ticks: int = 10,
    show_verdicts: bool = True,
) -> None:
    """Draw ratios on a log axis with 1 marked and the equivalence ``bounds`` shaded.

    A measure that is decided is filled, an undecided one hollow; the primary measure is bold and
    has a diamond. An interval that does not end within a factor of 1,000 runs off the axis.
    """
    ax.axvspan(*bounds, color=GRID, alpha=0.6, linewidth=0)
    ax.axvline(1, color=INK, linewidth=0.8)
    _draw_rows(rows, ax, within=(1e-3, 1e3), show_verdicts=show_verdicts)
    ax.set_xscale("log")
    reach = [1 / 1.5, 1.5, *_reach(rows)]
    ax.set_xlim(max(min(reach) / 1.1, 1e-3), min(max(reach) * 1.1, 1e3))
    low, high = ax.get_xlim()
    ticks = [tick for tick in _NICE_RATIOS if low <= tick <= high]
    ax.set_xticks(_thinned(ticks, (high / low) ** (1 / most_ticks)))
    ax.set_xticks([], minor=True)
    ax.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    read_out(ax, "ratio {:.3g}", "")
    flatter_to_sharper(ax, f"ratio to {figure_text(baseline)}")


def plot_differences(
    rows: Sequence[EffectRow],
    ax: Axes,
    *,
    unit: str,
    baseline: str,
    most_ticks: int = 6,
    show_verdicts: bool = True,
) -> None:
    """Draw differences in ``unit`` on a linear axis with 0 marked, in the manner of ratios."""
    ax.axvline(0, color=INK, linewidth=0.8)
    _draw_rows(rows, ax, within=(-math.inf, math.inf), show_verdicts=show_verdicts)
    reach = [0.0, *_reach(rows)]
    margin = 0.08 * (max(reach) - min(reach)) or 1.0
    ax.set_xlim(min(reach) - margin, max(reach) + margin)
    largest = max(map(abs, reach))
    exponent = math.floor(math.log10(largest)) if largest else 0
    exponent = 0 if -2 <= exponent <= 3 else exponent
    ax.xaxis.set_major_locator(MaxNLocator(most_ticks))
    ax.xaxis.set_major_formatter(
        lambda value, _: f"{round(value / 10.0**exponent, 6):g}".replace("-", "−")
    )
    read_out(ax, "difference {:.3g}", "")
    power = f"{power_of_ten(exponent)} " if exponent else ""
    flatter_to_sharper(ax, f"difference from {figure_text(baseline)} ({power}{unit})")


def _draw_rows(
    rows: Sequence[EffectRow], ax: Axes, *, within: tuple[float, float], show_verdicts: bool
) -> None:
    for place, row in enumerate(rows):
        if row.interval is not None:
            ends = [min(max(end, within[0]), within[1]) for end in row.interval]
            ax.plot(ends, [place, place], color=INK, linewidth=1.6 if row.primary else 1.1)
        if row.estimate is not None:
            ax.plot(
                [row.estimate],
                [place],
                color=INK,
                marker="D" if row.primary else "o",
                markersize=5.5 if row.primary else 4.5,
                markerfacecolor=PAPER if row.verdict == "undecided" else INK,
                linestyle="none",
            )
        if show_verdicts:
            ax.annotate(
                row.verdict,
                (1.01, place),
                xycoords=("axes fraction", "data"),
                va="center",
                fontsize=7,
                fontweight="bold" if row.primary else "normal",
            )
    ax.set_yticks(range(len(rows)), [_two_lines(r) for r in rows], linespacing=1.05)
    for label, row in zip(ax.get_yticklabels(), rows, strict=True):
        label.set_fontweight("bold" if row.primary else "normal")
    ax.set_ylim(len(rows) - 0.5, -0.5)
    ax.grid(visible=False, axis="y")


def _reach(rows: Sequence[EffectRow]) -> list[float]:
    return [
        end
        for row in rows
        if row.estimate is not None
        for end in (*(row.interval or ()), row.estimate)
    ]


def _two_lines(row: EffectRow) -> str:
    name, bracket, details = row.title.partition(" (")
    first = figure_text(name, longest=44)
    return f"{first}\n{figure_text(bracket[1:] + details, longest=40)}" if details else first


def _thinned(ticks: list[float], gap: float) -> list[float]:
    """1 and outward from it those of ``ticks`` that are at least a factor ``gap`` apart."""
    kept = [1.0]
    for tick in (t for t in ticks if t > 1):
        if tick >= kept[-1] * gap:
            kept.append(tick)
    for tick in (t for t in reversed(ticks) if t < 1):
        if tick <= kept[0] / gap:
            kept.insert(0, tick)
    return kept
