"""A verdict on many pairs of groups at once: what was found in a few lines, and one table."""

from landscape.report.sections.verdict_tables import (
    ESTIMATE_FORMULA,
    P_HOLM,
    P,
    decided_by,
    difference_notes,
    estimate_cell,
    interval_cell,
    interval_column,
    measures_shown,
    row_of,
    runs_needed_column,
)
from landscape.report.table import Cell, Column, Table, count_cell, number_cell, text_cell
from landscape.results.comparison import Comparison, MeasureRow, PairRow

FEW_PAIRS = 2  # so many are told one by one

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
    return tuple(reasons)


def overview_table(comparison: Comparison) -> Table:
    """A row for each pair: its verdict and the deciding measure's numbers."""
    measures = measures_shown(comparison)
    rows: list[tuple[Cell, ...]] = []
    deciding: list[MeasureRow] = []
    for pair in comparison.pairs:
        row = row_of(pair, comparison.settings.primary)
        if row is None:
            continue
        deciding.append(row)
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
            Column(key="ratio", title="ratio", formula=ESTIMATE_FORMULA),
            interval_column(comparison),
            P,
            P_HOLM,
            Column(key="num_runs", title="runs", formula="of the smaller group"),
            runs_needed_column(comparison),
            Column(
                key="loss_ratio",
                title="loss ratio",
                formula="the group's loss on the examples over the baseline's",
            ),
        ),
        rows=tuple(rows),
        note=". ".join(difference_notes(comparison, deciding)),
    )


def _verdict_cell(pair: PairRow, name: str) -> Cell:
    row = row_of(pair, name)
    return text_cell(None) if row is None else text_cell(row.verdict, hint=row.reason)
