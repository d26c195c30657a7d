"""The tables of a verdict: measures, groups, and flatness against accuracy."""

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple, Protocol

from landscape.page.cells import Cell, number_cell, text_cell
from landscape.page.columns import (
    count_column,
    interval_column,
    number_column,
    text_column,
)
from landscape.page.table import Column, Explanation, Table
from landscape.results.comparison import (
    AccuracyRow,
    ComparedMeasure,
    ComparedRun,
    Comparison,
    MeasureRow,
    PairRow,
)

_MOST_MEASURES = 3


def verdict_table(comparison: Comparison, pair: PairRow, number: int) -> Table[MeasureRow]:
    """A row for each measure of one pair of groups."""
    columns: list[Column[MeasureRow]] = [
        measure_column(comparison),
        text_column("verdict", lambda row: row.verdict, hint=lambda row: row.reason),
        *effect_columns(comparison, key="estimate"),
        number_column(
            "floor of p",
            lambda row: row.p_floor,
            digits=2,
            key="p_floor",
            formula="the smallest p that this n can give",
        ),
        number_column(
            "p of equivalence",
            lambda row: row.equivalence_p_holm,
            digits=2,
            key="equivalence_p_holm",
            formula="one-sided tests against both bounds, Holm",
            optional=True,
        ),
        number_column(
            "detectable ratio",
            lambda row: row.detectable_ratio,
            digits=3,
            key="detectable",
            formula="the least ratio above 1 that these runs would have found",
            optional=True,
        ),
        runs_needed_column(comparison),
        text_column(
            "kind",
            lambda row: _kinds(comparison.measure(row.measure)),
            hint=lambda row: comparison.measure(row.measure).certificate,
        ),
    ]
    measures = [comparison.measure(m.measure) for m in pair.measures]
    return Table(
        name="verdict" if not number else f"verdict-{number + 1}",
        caption=f"{pair.group} against {pair.baseline}; decided by {decided_by(comparison)}.",
        columns=columns,
        rows=pair.measures,
        row_explanations=tuple(
            Explanation(title=m.title, formula=m.formula, source=m.source) for m in measures
        ),
        reasons=tuple(
            Explanation(title=f"{titles}: {pair_verdict}", formula=reason)
            for (pair_verdict, reason), titles in _reasons(comparison, pair)
        ),
        note=". ".join(
            [
                *difference_notes(comparison, pair.measures),
                *(f"{m.title}: {m.mismatch}" for m in measures if m.mismatch),
            ]
        ),
    )


def _reasons(comparison: Comparison, pair: PairRow) -> list[tuple[tuple[str, str], str]]:
    """Each verdict with its reason once, and the measures that share it.

    Not of measures that so few runs cannot decide, as the pair's own reason says.
    """
    titles: dict[tuple[str, str], list[str]] = {}
    for row in (m for m in pair.measures if m.p_floor <= comparison.settings.alpha):
        of_row = titles.setdefault((row.verdict, row.reason), [])
        of_row.append(comparison.measure(row.measure).title)
    return [(why, "; ".join(names)) for why, names in titles.items()]


def _kinds(measure: ComparedMeasure) -> str:
    how = " (certified)" if measure.certified else " (by kind)"
    kinds = [f"scale-invariant{how}"] * measure.scale_invariant
    return ", ".join([*kinds, *["of the loss itself"] * measure.hard_forward])


class _OfMeasure(Protocol):
    @property
    def measure(self) -> str: ...


def measure_column(comparison: Comparison) -> Column[_OfMeasure]:
    """A measure's title, its formula as a tooltip, and in CSV its key."""

    def cell(row: _OfMeasure) -> Cell:
        measure = comparison.measure(row.measure)
        shown = text_cell(measure.title, hint=f"{measure.formula} [{measure.source}]")
        return replace(shown, value=measure.name)

    return Column(title="measure", cell=cell)


def effect_columns(comparison: Comparison, *, key: str) -> list[Column[MeasureRow]]:
    """A ratio, or a difference with its mark; its interval; what tests say of it."""
    confidence = f"{1 - comparison.settings.alpha:.0%}"
    return [
        Column(
            key=key,
            title="ratio",
            cell=lambda row: number_cell(
                row.estimate, mark="" if row.scale == "ratio" else "Δ", digits=3
            ),
            formula="of group over baseline, the centre of its runs; a difference where marked Δ",
        ),
        interval_column(
            f"{confidence} interval",
            lambda row: row.interval,
            key="interval",
            optional=True,
        ),
        number_column(
            "p", lambda row: row.p_value, digits=2, formula="permutation test of no difference"
        ),
        number_column(
            "p (corrected)",
            lambda row: row.p_holm,
            digits=2,
            key="p_holm",
            formula="corrected over all measures and pairs",
        ),
    ]


def run_counts(comparison: Comparison) -> list[int]:
    """The least and the greatest number of runs that a test rests on; one where they are alike."""
    counts = [min(m.num_runs) for pair in comparison.pairs for m in pair.measures]
    return sorted({min(counts), max(counts)})


def row_of(pair: PairRow, measure: str) -> MeasureRow | None:
    """The pair's row of a measure; None: it was not compared by that."""
    return next((m for m in pair.measures if m.measure == measure), None)


def measures_shown(comparison: Comparison) -> list[str]:
    """Where all pairs are told together: the deciding measure, then others that all have."""
    primary = comparison.settings.primary
    shared = [
        m.name for m in comparison.measures if all(row_of(p, m.name) for p in comparison.pairs)
    ]
    return [primary, *(name for name in shared if name != primary)][:_MOST_MEASURES]


def decided_by(comparison: Comparison) -> str:
    """The title of the primary measure."""
    return comparison.measure(comparison.settings.primary).title


def runs_needed_column(comparison: Comparison) -> Column[MeasureRow]:
    """Headed by the ratios that so many runs would find."""
    low, high = comparison.settings.bounds
    return count_column(
        f"runs needed for {low:g} or {high:g}",
        lambda row: row.runs_needed,
        key="runs_needed",
        formula=f"to find a ratio at the bound nearer to 1 with probability "
        f"{comparison.settings.power:.0%}; larger differences are found by fewer",
        optional=True,
    )


def difference_notes(comparison: Comparison, rows: Sequence[MeasureRow]) -> list[str]:
    """The units of the differences among ``rows``, once each."""
    measures = [comparison.measure(row.measure) for row in rows if row.scale != "ratio"]
    units = dict.fromkeys(f"{m.title}: Δ and its interval in units of {m.unit}" for m in measures)
    return list(units)


class _Member(NamedTuple):
    """A checkpoint of a group."""

    group: str
    run: ComparedRun


_MEMBERS: list[Column[_Member]] = [
    text_column("checkpoint", lambda m: m.run.label),
    text_column("group", lambda m: m.group),
    count_column("seed", lambda m: m.run.seed),
    count_column("epoch", lambda m: m.run.epoch),
    number_column("loss", lambda m: m.run.loss),
    number_column("accuracy", lambda m: m.run.accuracy),
    number_column("test accuracy", lambda m: m.run.test_accuracy),
]


def group_table(comparison: Comparison) -> Table[_Member]:
    """Which checkpoints make up each group."""
    return Table(
        name="groups",
        caption="The groups and their checkpoints.",
        columns=_MEMBERS,
        rows=[_Member(group.name, run) for group in comparison.groups for run in group.runs],
        folded=True,
    )


def accuracy_table(comparison: Comparison) -> Table[AccuracyRow] | None:
    """Flatness against test accuracy: apart from the verdict."""
    if not comparison.accuracy:
        return None
    columns: list[Column[AccuracyRow]] = [
        measure_column(comparison),
        number_column(
            "correlation",
            lambda row: row.correlation,
            digits=2,
            formula="of log measure and test accuracy, each less its group's mean",
        ),
        interval_column("interval", lambda row: row.interval),
        number_column("p (Holm)", lambda row: row.p_holm, digits=2, key="p_holm"),
        count_column("runs", lambda row: row.num_runs, key="num_runs"),
    ]
    return Table(
        name="accuracy",
        caption="No part of the verdict: does flatness go with test accuracy, within groups?",
        columns=columns,
        rows=comparison.accuracy,
        note="p by shuffling within groups. An interval that holds 0 is compatible with an "
        "association of either sign or none.",
    )
