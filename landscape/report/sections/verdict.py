"""The verdict, first on the page: the answer in words, and one figure."""

from dataclasses import dataclass
from functools import partial

from matplotlib.figure import Figure

from landscape.plotting import RatioRow, plot_ratios
from landscape.report.model import ReportFigure, Section
from landscape.report.numbers import format_number
from landscape.report.table import Cell, Column, Table, number_cell, text_cell
from landscape.statistics import MeasureVerdict, PairVerdict, Settings


@dataclass(frozen=True, kw_only=True)
class Judgement:
    """Verdicts on pairs of groups, and the settings that they were reached with."""

    pairs: tuple[PairVerdict, ...]
    settings: Settings


_WORDS = {
    "flatter": "The minima of {group} are flatter than those of {baseline}.",
    "sharper": "The minima of {group} are sharper than those of {baseline}.",
    "equivalent": "The minima of {group} are as flat as those of {baseline}, within the bounds.",
    "undecided": "Undecided whether the minima of {group} are flatter than those of {baseline}.",
}


def verdict_section(judgement: Judgement) -> Section:
    """A sentence and a reason for each pair of groups, then ratios with their intervals."""
    pairs, settings = judgement.pairs, judgement.settings
    headlines = [_WORDS[p.verdict].format(group=p.group, baseline=p.baseline) for p in pairs]
    reasons = [f"{p.group} against {p.baseline}: {p.reason.rstrip('.')}." for p in pairs]
    return Section(
        key="verdict",
        title="Verdict",
        lead=" ".join(headlines),
        paragraphs=tuple(reasons),
        figures=tuple(_figure(p, i, settings) for i, p in enumerate(pairs)),
        tables=tuple(_table(p, i, settings) for i, p in enumerate(pairs)),
    )


def _has_ratio(verdict: MeasureVerdict) -> bool:
    return verdict.comparison.effect.scale == "ratio"


def _figure(pair: PairVerdict, number: int, settings: Settings) -> ReportFigure:
    low, high = settings.bounds
    rows = [
        RatioRow(
            title=m.comparison.measure.name,
            ratio=m.comparison.effect.estimate,
            interval=_interval(m),
            verdict=m.verdict,
            primary=m.comparison.measure.name == pair.primary,
        )
        for m in pair.measures
        if _has_ratio(m)
    ]
    runs = sorted({m.comparison.num_runs for m in pair.measures})
    counts = ", ".join(f"n = {a} and {b} runs" for a, b in runs)
    paired = all(m.comparison.paired for m in pair.measures)
    height = 0.75 + 0.26 * len(rows)
    return ReportFigure(
        name="verdict" if not number else f"verdict-{number + 1}",
        draw=partial(_draw, rows, settings.bounds, pair.baseline),
        height=height,
        narrow_height=height,
        caption=(
            f"Ratio of {pair.group} to {pair.baseline} by measure: left of 1 is a smaller value. "
            f"Points: median ratio; bars: {1 - settings.alpha:.0%} interval over runs ({counts}"
            f"{', paired by seed' if paired else ''}), not corrected for the number of measures; "
            "the words at the right are. Shaded: ratios that count as no difference "
            f"({low:g} to {high:g}). Hollow: undecided. Bold diamond: the measure "
            "declared to decide before looking."
        ),
        alt="Ratios with intervals. "
        + " ".join(f"{r.title}: {r.ratio:.3g}, {r.verdict}." for r in rows),
    )


def _interval(verdict: MeasureVerdict) -> tuple[float, float] | None:
    interval = verdict.comparison.effect.interval
    return None if interval is None else (interval.low, interval.high)


def _draw(
    rows: list[RatioRow], bounds: tuple[float, float], baseline: str, figure: Figure, _log: bool
) -> None:
    plot_ratios(rows, figure.subplots(), bounds=bounds, baseline=baseline)


def _table(pair: PairVerdict, number: int, settings: Settings) -> Table:
    columns = (
        Column(key="measure", title="measure"),
        Column(key="verdict", title="verdict"),
        Column(
            key="estimate",
            title="ratio",
            formula="median over seeds of group over baseline; a difference where marked Δ",
        ),
        Column(key="interval", title=f"{1 - settings.alpha:.0%} interval"),
        Column(key="p", title="p", formula="exact permutation test of no difference"),
        Column(key="p_holm", title="p (Holm)", formula="corrected over all measures and pairs"),
        Column(key="floor", title="floor of p", formula="the smallest p that this n can give"),
        Column(
            key="detectable",
            title="detectable ratio",
            formula="the least ratio above 1 that these runs would have found",
        ),
        Column(key="kind", title="kind"),
        Column(key="reason", title="why"),
    )
    return Table(
        name="verdict" if not number else f"verdict-{number + 1}",
        caption=f"{pair.group} against {pair.baseline}; primary measure: {pair.primary}.",
        columns=columns,
        rows=tuple(_row(m) for m in pair.measures),
    )


def _row(verdict: MeasureVerdict) -> tuple[Cell, ...]:
    comparison, effect = verdict.comparison, verdict.comparison.effect
    interval = _interval(verdict)
    kinds = ["scale-invariant"] * comparison.measure.scale_invariant
    kinds += ["hard-forward"] * comparison.measure.hard_forward
    return (
        text_cell(comparison.measure.name),
        text_cell(verdict.verdict),
        number_cell(effect.estimate, mark="" if _has_ratio(verdict) else "Δ"),
        text_cell(
            f"{format_number(interval[0])} to {format_number(interval[1])}" if interval else None
        ),
        number_cell(effect.test.p_value),
        number_cell(verdict.p_holm),
        number_cell(effect.test.floor),
        number_cell(verdict.detectable_ratio),
        text_cell(", ".join(kinds)),
        text_cell(verdict.reason),
    )
