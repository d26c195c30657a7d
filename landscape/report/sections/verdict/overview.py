"""A verdict on many pairs of groups at once: what was found in a few lines, and one table."""

from typing import NamedTuple

from landscape.page.cells import Cell, number_cell, text_cell
from landscape.page.columns import count_column, text_column
from landscape.page.table import Column, Table
from landscape.report.sections.verdict.tables import (
    decided_by,
    difference_notes,
    effect_columns,
    measures_shown,
    row_of,
    runs_needed_column,
)
from landscape.results.comparison import Comparison, MeasureRow, PairRow

FEW_PAIRS = 2  # so many are told one by one


def overview_paragraphs(comparison: Comparison) -> tuple[str, ...]:
    """The reasons of few pairs that were decided, and where to look for the others."""
    decided = [p for p in comparison.pairs if p.verdict != "undecided"]
    undecided = len(comparison.pairs) - len(decided)
    reasons = [
        f"{p.verdict.capitalize()}: {p.group} against {p.baseline}, {p.reason.rstrip('.')}."
        for p in decided
        if len(decided) <= FEW_PAIRS  # of more the table tells
    ]
    alone = [
        p
        for p in comparison.pairs
        if p.verdict == "undecided"
        and (row := row_of(p, comparison.settings.primary)) is not None
        and row.verdict != "undecided"
    ]
    if alone:
        reasons.append(
            f"In {len(alone)} of the undecided ones the {decided_by(comparison)} by itself is "
            "decided. A verdict also takes a scale-invariant measure and one of the network's own "
            "loss that agree with it; what is missing or disagrees is told under each pair."
        )
    if undecided:
        reasons.append(
            "Undecided means that these runs cannot tell, not that there is no difference: the "
            "table gives the interval that the ratio lies in and how many runs would find a "
            "difference of the size of the bounds."
        )
    return (*reasons, *bearing_paragraphs(comparison))


def bearing_paragraphs(comparison: Comparison) -> list[str]:
    """Which measure decides, and why; nothing of comparisons that did not say."""
    reason = comparison.settings.primary_reason
    return [f"What decides is {decided_by(comparison)}: {reason}."] if reason else []


class _Decided(NamedTuple):
    """A pair, and its row of the measure that decides."""

    pair: PairRow
    by: MeasureRow


def overview_table(comparison: Comparison) -> Table[_Decided]:
    """A row for each pair: its verdict and the deciding measure's numbers."""
    rows = [
        _Decided(pair, row)
        for pair in comparison.pairs
        if (row := row_of(pair, comparison.settings.primary)) is not None
    ]
    columns: list[Column[_Decided]] = [
        text_column("group", lambda row: row.pair.group),
        text_column("baseline", lambda row: row.pair.baseline),
        text_column("verdict", lambda row: row.pair.verdict, hint=lambda row: row.pair.reason),
        *(_verdict_column(comparison, name) for name in measures_shown(comparison)),
        *(column.of(_by) for column in effect_columns(comparison, key="ratio")),
        count_column(
            "runs", lambda row: min(row.by.num_runs), key="num_runs", formula="of the smaller group"
        ),
        runs_needed_column(comparison).of(_by),
        Column(
            title="loss ratio",
            cell=lambda row: number_cell(row.pair.loss_ratio, digits=3, hint=row.pair.matched),
            formula="the group's loss on the examples over the baseline's",
        ),
    ]
    return Table(
        name="verdicts",
        caption=f"All comparisons; decided by {decided_by(comparison)}.",
        columns=columns,
        rows=rows,
        note=". ".join(difference_notes(comparison, [row.by for row in rows])),
    )


def _by(row: _Decided) -> MeasureRow:
    return row.by


def _verdict_column(comparison: Comparison, name: str) -> Column[_Decided]:
    title = comparison.measure(name).title

    def cell(decided: _Decided) -> Cell:
        row = row_of(decided.pair, name)
        return text_cell(None) if row is None else text_cell(row.verdict, hint=row.reason)

    return Column(
        key=f"verdict {name}", title=f"by {title.partition(' (')[0]}", cell=cell, formula=title
    )
