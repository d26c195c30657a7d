"""Where the scatter of a verdict's ratios comes from, and their intervals by other methods."""

import math
from collections.abc import Callable

from landscape.page.columns import number_column, text_column
from landscape.page.numbers import rounded
from landscape.page.table import Column, Table
from landscape.report.sections.verdict.tables import measure_column
from landscape.results.comparison import Comparison, MeasureRow, PairRow
from landscape.values import VarianceComponents


def error_table(comparison: Comparison, pair: PairRow, number: int) -> Table[MeasureRow]:
    """A row for each measure of one pair of groups: variance components, other intervals."""
    columns: list[Column[MeasureRow]] = [
        measure_column(comparison),
        _component_column(
            "seeds",
            lambda parts: math.sqrt(parts.seed),
            key="seed",
            formula="standard deviation of the log ratio (unpaired: of the group's logarithms) "
            "between training runs",
        ),
        _component_column(
            "examples",
            lambda parts: None if parts.shard is None else math.sqrt(parts.shard),
            key="shard",
            formula="likewise between disjoint parts of the examples, within a run",
        ),
        _component_column(
            "probes",
            lambda parts: math.sqrt(parts.probe),
            key="probe",
            formula="likewise from the random probes or noise of the estimator",
        ),
        _component_column(
            "share of measurement",
            lambda parts: parts.measurement_share,
            key="measurement_share",
            formula="of the variance of the mean: what more examples and probes could remove",
        ),
        text_column(
            f"other {1 - comparison.settings.alpha:.0%} intervals",
            _other_intervals,
            key="intervals",
        ),
    ]
    return Table(
        name="verdict-errors" if not number else f"verdict-errors-{number + 1}",
        caption=f"{pair.group} against {pair.baseline}: where the scatter comes from.",
        columns=columns,
        rows=pair.measures,
        note="0.1 is a tenth of the value. Only further training runs reduce all three parts. "
        "Without parts of the examples (landscape analyze --shards), theirs counts as the seeds'.",
        folded=True,
    )


def _component_column(
    title: str, part: Callable[[VarianceComponents], float | None], *, key: str, formula: str
) -> Column[MeasureRow]:
    return number_column(
        title,
        lambda row: None if row.components is None else part(row.components),
        digits=2,
        key=key,
        formula=formula,
    )


def _other_intervals(row: MeasureRow) -> str:
    return ", ".join(
        f"{i.method} {rounded(i.low, digits=3).text()} to {rounded(i.high, digits=3).text()}"
        for i in row.other_intervals
    )
