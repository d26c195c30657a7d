"""Where the scatter of a verdict's ratios comes from, and their intervals by other methods."""

import math

from landscape.report.numbers import rounded
from landscape.report.sections.verdict_tables import measure_cell
from landscape.report.table import Cell, Column, Table, number_cell, text_cell
from landscape.results.comparison import Comparison, MeasureRow, PairRow


def error_table(comparison: Comparison, pair: PairRow, number: int) -> Table:
    """A row for each measure of one pair of groups: variance components, other intervals."""
    return Table(
        name="verdict-errors" if not number else f"verdict-errors-{number + 1}",
        caption=f"{pair.group} against {pair.baseline}: where the scatter comes from.",
        columns=(
            Column(key="measure", title="measure"),
            Column(
                key="seed",
                title="seeds",
                formula="standard deviation of the log ratio (unpaired: of the group's logarithms) "
                "between training runs",
            ),
            Column(
                key="shard",
                title="examples",
                formula="likewise between disjoint parts of the examples, within a run",
            ),
            Column(
                key="probe",
                title="probes",
                formula="likewise from the random probes or noise of the estimator",
            ),
            Column(
                key="measurement_share",
                title="share of measurement",
                formula="of the variance of the mean: what more examples and probes could remove",
            ),
            Column(
                key="intervals",
                title=f"other {1 - comparison.settings.alpha:.0%} intervals",
            ),
        ),
        rows=tuple(_row(comparison, row) for row in pair.measures),
        note="0.1 is a tenth of the value. Only further training runs reduce all three parts. "
        "Without parts of the examples (landscape analyze --shards), theirs counts as the seeds'.",
        folded=True,
    )


def _row(comparison: Comparison, row: MeasureRow) -> tuple[Cell, ...]:
    parts = row.components
    spreads = (
        (None, None, None, None)
        if parts is None
        else (
            math.sqrt(parts.seed),
            None if parts.shard is None else math.sqrt(parts.shard),
            math.sqrt(parts.probe),
            parts.measurement_share,
        )
    )
    intervals = ", ".join(
        f"{i.method} {rounded(i.low, digits=3).text()} to {rounded(i.high, digits=3).text()}"
        for i in row.other_intervals
    )
    return (
        measure_cell(comparison.measure(row.measure)),
        *(number_cell(value, digits=2) for value in spreads),
        text_cell(intervals),
    )
