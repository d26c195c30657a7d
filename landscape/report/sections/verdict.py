"""The verdict, first on the page: the answer in words, and one figure."""

from dataclasses import replace
from functools import partial

from matplotlib.figure import Figure

from landscape.plotting import TEXT_WIDTH, RatioRow, plot_ratios
from landscape.report.model import ReportFigure, Section
from landscape.report.sections.verdict_errors import error_table
from landscape.report.sections.verdict_overview import (
    FEW_PAIRS,
    overview_figure,
    overview_lead,
    overview_paragraphs,
    overview_table,
)
from landscape.report.sections.verdict_tables import accuracy_table, group_table, verdict_table
from landscape.results.comparison import Comparison, MeasureRow, PairRow

_WORDS = {
    "flatter": "The minima of {group} are flatter than those of {baseline}.",
    "sharper": "The minima of {group} are sharper than those of {baseline}.",
    "equivalent": "The minima of {group} are as flat as those of {baseline}, within the bounds.",
    "undecided": "Undecided whether the minima of {group} are flatter than those of {baseline}.",
}


def verdict_section(comparison: Comparison) -> Section:
    """A sentence and a reason for each pair of groups, then ratios with their intervals.

    More than ``FEW_PAIRS`` pairs are told together, each one's own tables folded.
    """
    if len(comparison.pairs) > FEW_PAIRS:
        return _overview(comparison)
    headlines = [
        _WORDS[p.verdict].format(group=p.group, baseline=p.baseline) for p in comparison.pairs
    ]
    reasons = [f"{p.group} against {p.baseline}: {p.reason.rstrip('.')}." for p in comparison.pairs]
    reasons += [f"{p.group} was compared {p.matched.rstrip('.')}." for p in comparison.pairs]
    return Section(
        key="verdict",
        title="Verdict",
        lead=" ".join(headlines),
        paragraphs=tuple(reasons),
        figures=tuple(
            _figure(comparison, p, i)
            for i, p in enumerate(comparison.pairs)
            if any(m.scale == "ratio" for m in p.measures)
        ),
        tables=(
            *(verdict_table(comparison, p, i) for i, p in enumerate(comparison.pairs)),
            *(error_table(comparison, p, i) for i, p in enumerate(comparison.pairs)),
            group_table(comparison),
        ),
        notes=comparison.notes,
    )


def _overview(comparison: Comparison) -> Section:
    pairs = list(enumerate(comparison.pairs))
    return Section(
        key="verdict",
        title="Verdict",
        lead=overview_lead(comparison),
        paragraphs=overview_paragraphs(comparison),
        figures=(overview_figure(comparison),),
        tables=(
            overview_table(comparison),
            *(
                replace(
                    verdict_table(comparison, p, i),
                    caption=f"{p.group} against {p.baseline}: all measures.",
                    folded=True,
                )
                for i, p in pairs
            ),
            *(error_table(comparison, p, i) for i, p in pairs),
            group_table(comparison),
        ),
        notes=comparison.notes,
    )


def accuracy_section(comparison: Comparison) -> Section | None:
    """Flatness against test accuracy, kept apart: it has no part in the verdict."""
    table = accuracy_table(comparison)
    if table is None:
        return None
    return Section(
        key="accuracy",
        title="Flatness and test accuracy",
        paragraphs=(
            "Apart from the verdict: do flatter runs of one recipe test better? Each group's mean "
            "is taken off both, so that a difference between groups cannot answer; what is left is "
            "an association, not a cause.",
        ),
        tables=(table,),
    )


def _figure(comparison: Comparison, pair: PairRow, number: int) -> ReportFigure:
    settings = comparison.settings
    rows = [_ratio(comparison, m) for m in pair.measures if m.scale == "ratio"]
    counts = ", ".join(
        f"n = {a} pairs of runs with one seed" if pair.paired else f"n = {a} and {b} runs"
        for a, b in sorted({m.num_runs for m in pair.measures})
    )
    differences = sum(m.scale != "ratio" for m in pair.measures)
    low, high = settings.bounds
    height = 0.75 + 0.33 * len(rows)
    return ReportFigure(
        name="verdict" if not number else f"verdict-{number + 1}",
        draw=partial(_draw, rows, settings.bounds, pair.baseline),
        height=height,
        narrow_height=height,
        caption=(
            f"Ratio of {pair.group} to {pair.baseline} by measure, the arrow pointing to the "
            f"flatter side. Points: median ratio; bars: {1 - settings.alpha:.0%} interval over "
            f"runs ({counts}), each on its own; the "
            f"words at the right are corrected for all measures. Shaded: ratios that count as no "
            f"difference ({low:g} to {high:g}). Hollow: undecided. Diamond, bold: the measure that "
            + (
                "was declared to decide before looking."
                if settings.primary_declared
                else "decides, chosen by rule."
            )
            + (" Measures with values that are not positive have no ratio." if differences else "")
        ),
        alt="Ratios with intervals. "
        + " ".join(f"{r.title}: {r.ratio:.3g}, {r.verdict}." for r in rows),
    )


def _ratio(comparison: Comparison, row: MeasureRow) -> RatioRow:
    measure = comparison.measure(row.measure)
    return RatioRow(
        title=measure.title,
        flatter="↓" if measure.larger_is == "sharper" else "↑",
        ratio=row.estimate,
        interval=None if row.interval is None else (row.interval.low, row.interval.high),
        verdict=row.verdict,
        primary=row.measure == comparison.settings.primary,
    )


def _draw(
    rows: list[RatioRow], bounds: tuple[float, float], baseline: str, figure: Figure, _log: bool
) -> None:
    ticks = 10 if figure.get_figwidth() >= TEXT_WIDTH else 5
    plot_ratios(rows, figure.subplots(), bounds=bounds, baseline=baseline, most_ticks=ticks)
