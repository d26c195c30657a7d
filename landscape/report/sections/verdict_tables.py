"""The tables of a verdict: measures, groups, and flatness against accuracy."""

from collections.abc import Sequence
from dataclasses import replace

from landscape.report.numbers import rounded
from landscape.report.table import (
    Cell,
    Column,
    Explanation,
    Table,
    count_cell,
    number_cell,
    text_cell,
)
from landscape.results.comparison import ComparedMeasure, Comparison, MeasureRow, PairRow
from landscape.values import Interval

ESTIMATE_FORMULA = "median of group over baseline; a difference where marked Δ"
P = Column(key="p", title="p", formula="permutation test of no difference")
P_HOLM = Column(key="p_holm", title="p (Holm)", formula="corrected over all measures and pairs")
_MOST_MEASURES = 3


def verdict_table(comparison: Comparison, pair: PairRow, number: int) -> Table:
    """A row for each measure of one pair of groups."""
    columns = (
        Column(key="measure", title="measure"),
        Column(key="verdict", title="verdict"),
        Column(
            key="estimate",
            title="ratio",
            formula=ESTIMATE_FORMULA,
        ),
        interval_column(comparison),
        P,
        P_HOLM,
        Column(key="p_floor", title="floor of p", formula="the smallest p that this n can give"),
        Column(
            key="equivalence_p_holm",
            title="p of equivalence",
            formula="two one-sided tests against the bounds, Holm",
        ),
        Column(
            key="detectable",
            title="detectable ratio",
            formula="the least ratio above 1 that these runs would have found",
        ),
        runs_needed_column(comparison),
        Column(key="kind", title="kind"),
    )
    measures = [comparison.measure(m.measure) for m in pair.measures]
    return Table(
        name="verdict" if not number else f"verdict-{number + 1}",
        caption=f"{pair.group} against {pair.baseline}; decided by {decided_by(comparison)}.",
        columns=columns,
        rows=tuple(_row(comparison, m) for m in pair.measures),
        row_explanations=(
            *(Explanation(title=m.title, formula=m.formula, source=m.source) for m in measures),
            *(
                Explanation(title=f"Why {row.verdict}: {m.title}", formula=row.reason)
                for m, row in zip(measures, pair.measures, strict=True)
            ),
        ),
        note=". ".join(
            [
                *difference_notes(comparison, pair.measures),
                *(f"{m.title}: {m.mismatch}" for m in measures if m.mismatch),
            ]
        ),
    )


def _row(comparison: Comparison, row: MeasureRow) -> tuple[Cell, ...]:
    measure = comparison.measure(row.measure)
    kinds = ["scale-invariant"] * measure.scale_invariant + ["hard-forward"] * measure.hard_forward
    return (
        measure_cell(measure),
        text_cell(row.verdict, hint=row.reason),
        estimate_cell(row),
        interval_cell(row.interval),
        number_cell(row.p_value, digits=2),
        number_cell(row.p_holm, digits=2),
        number_cell(row.p_floor, digits=2),
        number_cell(row.equivalence_p_holm, digits=2),
        number_cell(row.detectable_ratio, digits=3),
        count_cell(row.runs_needed),
        text_cell(", ".join(kinds)),
    )


def measure_cell(measure: ComparedMeasure) -> Cell:
    """A measure's title, its formula as a tooltip, and in CSV its key."""
    shown = text_cell(measure.title, hint=f"{measure.formula} [{measure.source}]")
    return replace(shown, value=measure.name)


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


def interval_column(comparison: Comparison) -> Column:
    """Headed by the comparison's confidence."""
    return Column(key="interval", title=f"{1 - comparison.settings.alpha:.0%} interval")


def runs_needed_column(comparison: Comparison) -> Column:
    """Headed by the ratios that so many runs would find."""
    low, high = comparison.settings.bounds
    return Column(
        key="runs_needed",
        title=f"runs needed for {low:g} or {high:g}",
        formula=f"to find a ratio at the bound nearer to 1 with probability "
        f"{comparison.settings.power:.0%}; larger differences are found by fewer",
    )


def estimate_cell(row: MeasureRow) -> Cell:
    """A ratio, or a difference with its mark."""
    return number_cell(row.estimate, mark="" if row.scale == "ratio" else "Δ", digits=3)


def difference_notes(comparison: Comparison, rows: Sequence[MeasureRow]) -> list[str]:
    """The units of the differences among ``rows``, once each."""
    measures = [comparison.measure(row.measure) for row in rows if row.scale != "ratio"]
    units = dict.fromkeys(f"{m.title}: Δ and its interval in units of {m.unit}" for m in measures)
    return list(units)


def interval_cell(interval: Interval | None) -> Cell:
    """Both ends, the method as a tooltip."""
    if interval is None:
        return text_cell(None)
    low, high = (rounded(end, digits=3).text() for end in (interval.low, interval.high))
    # A number is not torn apart at the end of a line.
    return text_cell(f"{low} to {high}".replace(" ", "\u00a0"), hint=interval.method)


def group_table(comparison: Comparison) -> Table:
    """Which checkpoints make up each group."""
    rows = tuple(
        (
            text_cell(run.label),
            text_cell(group.name),
            count_cell(run.seed),
            count_cell(run.epoch),
            number_cell(run.loss),
            number_cell(run.accuracy),
            number_cell(run.test_accuracy),
        )
        for group in comparison.groups
        for run in group.runs
    )
    titles = ("checkpoint", "group", "seed", "epoch", "loss", "accuracy", "test accuracy")
    return Table(
        name="groups",
        caption="The groups and their checkpoints.",
        columns=tuple(Column(key=t.replace(" ", "_"), title=t) for t in titles),
        rows=rows,
        folded=True,
    )


def accuracy_table(comparison: Comparison) -> Table | None:
    """Flatness against test accuracy: apart from the verdict."""
    if not comparison.accuracy:
        return None
    rows = tuple(
        (
            measure_cell(comparison.measure(row.measure)),
            number_cell(row.correlation, digits=2),
            interval_cell(row.interval),
            number_cell(row.p_holm, digits=2),
            count_cell(row.num_runs),
        )
        for row in comparison.accuracy
    )
    return Table(
        name="accuracy",
        caption="No part of the verdict: does flatness go with test accuracy, within groups?",
        columns=(
            Column(key="measure", title="measure"),
            Column(
                key="correlation",
                title="correlation",
                formula="of log measure and test accuracy, each less its group's mean",
            ),
            Column(key="interval", title="interval"),
            Column(key="p_holm", title="p (Holm)"),
            Column(key="num_runs", title="runs"),
        ),
        rows=rows,
        note="p by shuffling within groups. An interval that holds 0 is compatible with an "
        "association of either sign or none.",
    )
