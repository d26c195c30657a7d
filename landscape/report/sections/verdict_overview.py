"""A verdict on many pairs of groups at once: what was found in a few lines, one figure, a table."""

import math
from collections.abc import Sequence
from functools import partial

from matplotlib.figure import Figure

from landscape.plotting import TEXT_WIDTH, RatioRow, plot_ratios
from landscape.report.model import ReportFigure
from landscape.report.sections.verdict_tables import (
    P_HOLM,
    RUNS_NEEDED,
    P,
    decided_by,
    estimate_cell,
    interval_cell,
    interval_column,
)
from landscape.report.table import Cell, Column, Table, count_cell, number_cell, text_cell
from landscape.results.comparison import Comparison, MeasureRow, PairRow

FEW_PAIRS = 2  # so many are told one by one

_MOST_MEASURES = 3
_FOUND = {
    "flatter": "flatter minima than the baseline's",
    "sharper": "sharper minima",
    "equivalent": "minima as flat as the baseline's, within the bounds",
}


def overview_lead(comparison: Comparison) -> str:
    """How many of the pairs came out how."""
    pairs = comparison.pairs
    parts = [
        f"{n} with {words}"
        for verdict, words in _FOUND.items()
        if (n := sum(p.verdict == verdict for p in pairs))
    ]
    undecided = sum(p.verdict == "undecided" for p in pairs)
    if undecided == len(pairs):
        return (
            f"All {undecided} comparisons are undecided: none shows flatter minima, none sharper."
        )
    if undecided:
        parts.append(f"{undecided} undecided")
    return f"Of {len(pairs)} comparisons: {', '.join(parts)}."


def overview_paragraphs(comparison: Comparison) -> tuple[str, ...]:
    """The reasons of the pairs that were decided, and where to look for the others."""
    decided = [p for p in comparison.pairs if p.verdict != "undecided"]
    undecided = len(comparison.pairs) - len(decided)
    reasons = [
        f"{p.verdict.capitalize()}: {p.group} against {p.baseline}, {p.reason.rstrip('.')}."
        for p in decided
    ]
    alone = [
        p
        for p in comparison.pairs
        if p.verdict == "undecided"
        and (row := _row(p, comparison.settings.primary)) is not None
        and row.verdict != "undecided"
    ]
    if alone:
        reasons.append(
            f"In {len(alone)} of the undecided ones the {decided_by(comparison)} alone is decided. "
            "A verdict also takes a measure that leaves the curvature aside and looks at the "
            "network's own loss; why none agrees is told under each pair."
        )
    if undecided:
        reasons.append(
            "Undecided means that these runs cannot tell, not that there is no difference: the "
            "table gives the interval that the ratio lies in and how many runs would find a "
            "difference of the size of the bounds."
        )
    return tuple(reasons)


def overview_figure(comparison: Comparison) -> ReportFigure:
    """Ratios of all pairs, a panel for each measure; the deciding one first."""
    names = _panels(comparison)
    titles = [comparison.measure(name).title for name in names]
    settings, pairs = comparison.settings, comparison.pairs
    low, high = settings.bounds
    height = 0.85 + 0.2 * len(pairs)
    counts = sorted({min(m.num_runs) for p in pairs for m in p.measures})
    runs = f"{counts[0]}" if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"
    return ReportFigure(
        name="verdict",
        draw=partial(_draw, comparison, names),
        height=height,
        narrow_height=height * len(names),
        caption=(
            f"Ratio to the baseline in each comparison; left of 1 is "
            f"{_side(comparison, names[0])}. Points: median ratio; bars: {1 - settings.alpha:.0%} "
            f"interval over runs ({runs} a group), each on its own; the words at the right are "
            f"corrected for all tests. Shaded: ratios that count as no difference ({low:g} to "
            f"{high:g}). Hollow: undecided. No ratio: a value is not positive, and differences "
            f"were compared. {titles[0][0].upper()}{titles[0][1:]} decides"
            f"{', as declared before looking' if settings.primary_declared else ''}."
        ),
        alt="Ratios with intervals. "
        + " ".join(
            f"{p.group} to {p.baseline}: {row.estimate:.3g}, {row.verdict}."
            for p in pairs
            if (row := _row(p, names[0]))
        ),
    )


def overview_table(comparison: Comparison) -> Table:
    """A row for each pair: its verdict and the deciding measure's numbers."""
    measures = _measures(comparison)
    rows = []
    for pair in comparison.pairs:
        row = _row(pair, comparison.settings.primary)
        if row is None:
            continue
        rows.append(
            (
                text_cell(pair.group),
                text_cell(pair.baseline),
                text_cell(pair.verdict, hint=pair.reason),
                *(_verdict_cell(pair, name) for name in measures),
                estimate_cell(row),
                interval_cell(row.interval),
                number_cell(row.p_value, digits=2),
                number_cell(row.p_holm, digits=2),
                count_cell(min(row.num_runs)),
                count_cell(row.runs_needed),
                number_cell(pair.loss_ratio, digits=3, hint=pair.matched),
            )
        )
    return Table(
        name="verdicts",
        caption=f"All comparisons; decided by {decided_by(comparison)}.",
        columns=(
            Column(key="group", title="group"),
            Column(key="baseline", title="baseline"),
            Column(key="verdict", title="verdict"),
            *(
                Column(
                    key=f"verdict {name}",
                    title=f"by {title.partition(' (')[0]}",
                    formula=title,
                )
                for name in measures
                for title in [comparison.measure(name).title]
            ),
            Column(key="ratio", title="ratio", formula="median of group over baseline"),
            interval_column(comparison),
            P,
            P_HOLM,
            Column(key="num_runs", title="runs", formula="of the smaller group"),
            RUNS_NEEDED,
            Column(
                key="loss_ratio",
                title="loss ratio",
                formula="the group's loss on the examples over the baseline's",
            ),
        ),
        rows=tuple(rows),
    )


def _measures(comparison: Comparison) -> list[str]:
    """The deciding measure, then others that every pair was judged by."""
    primary = comparison.settings.primary
    shared = [m.name for m in comparison.measures if all(_row(p, m.name) for p in comparison.pairs)]
    return [primary, *(name for name in shared if name != primary)][:_MOST_MEASURES]


def _panels(comparison: Comparison) -> list[str]:
    """Those of which some pair has a ratio; the deciding one always."""
    first, *others = _measures(comparison)
    drawn = [n for n in others if any(_has_ratio(p, n) for p in comparison.pairs)]
    return [first, *drawn]


def _verdict_cell(pair: PairRow, name: str) -> Cell:
    row = _row(pair, name)
    return text_cell(None) if row is None else text_cell(row.verdict, hint=row.reason)


def _has_ratio(pair: PairRow, name: str) -> bool:
    row = _row(pair, name)
    return row is not None and row.scale == "ratio"


def _row(pair: PairRow, measure: str) -> MeasureRow | None:
    return next((m for m in pair.measures if m.measure == measure), None)


def _side(comparison: Comparison, name: str) -> str:
    return "flatter" if comparison.measure(name).larger_is == "sharper" else "sharper"


def _draw(comparison: Comparison, names: Sequence[str], figure: Figure, _log: bool) -> None:
    wide = figure.get_figwidth() >= TEXT_WIDTH
    shape = (1, len(names)) if wide else (len(names), 1)
    axes = figure.subplots(*shape, squeeze=False)
    for ax, name in zip(axes.flat, names, strict=True):
        plot_ratios(
            [_ratio(p, name) for p in comparison.pairs],
            ax,
            bounds=comparison.settings.bounds,
            baseline="the baseline",
            most_ticks=10 if len(names) == 1 or not wide else 6,
        )
        # On two lines: the panels are narrow.
        ax.set_title(comparison.measure(name).title.replace(" (", "\n(", 1), fontsize=7)
        if wide and ax is not axes[0, 0]:
            ax.set_yticklabels([])


def _ratio(pair: PairRow, name: str) -> RatioRow:
    """The pair's row in one panel; without a point where it has no ratio."""
    title, row = f"{pair.group} / {pair.baseline}", _row(pair, name)
    if row is None or row.scale != "ratio":
        words = "not compared" if row is None else f"{row.verdict} (no ratio)"
        return RatioRow(title=title, flatter="", ratio=math.nan, interval=None, verdict=words)
    return RatioRow(
        title=title,
        flatter="",
        ratio=row.estimate,
        interval=None if row.interval is None else (row.interval.low, row.interval.high),
        verdict=row.verdict,
    )
