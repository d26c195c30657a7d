"""The figure of a verdict: ratios with their intervals, measures as rows."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes

from landscape.plotting.style import (
    COLOURS,
    GRID,
    INK,
    PAPER,
    figure_text,
    read_out,
)

_COLOUR_OF = {"flatter": COLOURS[0], "sharper": COLOURS[1], "equivalent": COLOURS[7]}

_SIGNIFICANT = (1.0, 1.2, 1.5, 2.0, 3.0, 5.0, 7.0)
_NICE_RATIOS = sorted(
    {round(s * 10.0**e, 6) for s in _SIGNIFICANT for e in range(4)}
    | {round(s * 10.0**e, 6) for s in (1.0, 2.0, 3.0, 5.0, 6.0, 7.0, 8.0) for e in (-3, -2, -1)}
)


@dataclass(frozen=True, kw_only=True)
class RatioRow:
    """One row: a measure's ratio to the baseline and its interval; None where it has none."""

    title: str  # drawn on two lines where it has a part in brackets
    flatter: str  # ↓ or ↑: where the flatter side is
    ratio: float  # not drawn where it is not finite
    interval: tuple[float, float] | None
    verdict: str  # flatter | sharper | equivalent | undecided
    primary: bool = False


def plot_ratios(
    rows: Sequence[RatioRow],
    ax: Axes,
    *,
    bounds: tuple[float, float],
    baseline: str,
    most_ticks: int = 10,
) -> None:
    """Draw ratios on a log axis with 1 marked and the equivalence ``bounds`` shaded.

    A measure that is decided is filled, an undecided one hollow; the primary measure is bold and
    has a diamond. An interval that does not end within a factor of 1,000 runs off the axis.
    """
    ax.axvspan(*bounds, color=GRID, alpha=0.6, linewidth=0)
    ax.axvline(1, color=INK, linewidth=0.8)
    for row, entry in enumerate(rows):
        colour = _COLOUR_OF.get(entry.verdict, INK)
        if entry.interval is not None:
            low, high = (min(max(end, 1e-3), 1e3) for end in entry.interval)
            ax.plot([low, high], [row, row], color=colour, linewidth=1.6 if entry.primary else 1.1)
        ax.plot(
            [entry.ratio],
            [row],
            color=colour,
            marker="D" if entry.primary else "o",
            markersize=5.5 if entry.primary else 4.5,
            markerfacecolor=PAPER if entry.verdict == "undecided" else colour,
            linestyle="none",
        )
        ax.annotate(
            entry.verdict,
            (1.01, row),
            xycoords=("axes fraction", "data"),
            va="center",
            fontsize=7,
            fontweight="bold" if entry.primary else "normal",
        )
    ax.set_xscale("log")
    drawn = (r for r in rows if math.isfinite(r.ratio))
    reach = [1 / 1.5, 1.5, *(end for r in drawn for end in (*(r.interval or ()), r.ratio))]
    ax.set_xlim(max(min(reach) / 1.1, 1e-3), min(max(reach) * 1.1, 1e3))
    low, high = ax.get_xlim()
    ticks = [tick for tick in _NICE_RATIOS if low <= tick <= high]
    ax.set_xticks(_thinned(ticks, (high / low) ** (1 / most_ticks)))
    ax.set_xticks([], minor=True)
    ax.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    ax.set_yticks(range(len(rows)), [_two_lines(r) for r in rows], linespacing=1.05)
    for label, entry in zip(ax.get_yticklabels(), rows, strict=True):
        label.set_fontweight("bold" if entry.primary else "normal")
    ax.set_ylim(len(rows) - 0.5, -0.5)
    ax.grid(visible=False, axis="y")
    read_out(ax, "ratio {:.3g}", "")
    ax.set_xlabel(f"ratio to {figure_text(baseline)} (log scale)")


def _two_lines(row: RatioRow) -> str:
    name, bracket, details = row.title.partition(" (")
    first = f"{figure_text(name)} {row.flatter}"
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
