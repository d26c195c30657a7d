"""How commands end: a short table of the numbers, the verdicts, the paths of what was written."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from landscape.cli.output import print_table, print_words
from landscape.files import COMPARISON, PAGE, SUMMARY
from landscape.page.columns import text_column
from landscape.page.table import Column, Table

if TYPE_CHECKING:
    from landscape.results import Comparison, Result
    from landscape.results.comparison import MeasureRow, PairRow


class _Written(NamedTuple):
    what: str
    path: Path


class _Decided(NamedTuple):
    """A pair, and its row of the measure that decides."""

    pair: "PairRow"
    by: "MeasureRow"


_WRITTEN: list[Column[_Written]] = [
    text_column("written", lambda row: row.what),
    text_column("", lambda row: str(row.path)),
]
_OF_REPORT = (
    ("tables", "tables"),
    ("figures", "figures"),
    ("verdicts", COMPARISON),
    ("numbers", SUMMARY),
    ("page", PAGE),
)


def print_numbers(results: "Iterable[Result]", primary: str = "") -> None:
    """Loss, accuracy, λ_max, trace and a sharpness of each checkpoint, each with its error.

    ``primary`` is the measure that a verdict rests on, which is among them.
    """
    from landscape.report.headline import headline_table

    table = headline_table(results, primary)
    print_table(table)
    if table.note:
        print_words(table.note)


def print_groups(results: "Iterable[Result]", comparison: "Comparison | None", split: str) -> None:
    """Mean ± standard deviation of each group: of those compared, else by what was trained how."""
    from landscape.compare.groups import groups_of
    from landscape.paper.settings import PaperSettings
    from landscape.paper.table import paper_table

    groups = None if comparison is None else groups_of(comparison)
    try:
        table = paper_table(list(results), PaperSettings(groups=groups, split=split))
    except ValueError as error:  # of networks that were trained or measured unlike
        print_words(f"No table by group: {error}")
        return
    print_table(table)
    print_words(table.note)


def print_verdicts(comparison: "Comparison") -> None:
    """A line for each pair of groups, with the numbers of the measure that decides."""
    primary = comparison.settings.primary
    rows = [
        _Decided(p, row) for p in comparison.pairs for row in p.measures if row.measure == primary
    ]
    columns: list[Column[_Decided]] = [
        text_column("groups", lambda row: f"{row.pair.group} against {row.pair.baseline}"),
        text_column("verdict", lambda row: row.pair.verdict.upper()),
        *(column.of(_by) for column in effect_columns(comparison)),
    ]
    print_table(
        Table(
            columns=columns,
            rows=rows,
            caption=f"Verdicts, beside {comparison.measure(primary).title}:",
        )
    )


def _by(row: _Decided) -> "MeasureRow":
    return row.by


def effect_columns(comparison: "Comparison") -> "list[Column[MeasureRow]]":
    """A ratio, or a difference with its unit; its interval; what the test says of it."""

    def estimate(row: "MeasureRow") -> str:
        unit = comparison.measure(row.measure).unit
        found = f"{row.estimate:.3g}"
        return f"Δ {found} {unit}" if row.scale == "difference" else found

    def interval(row: "MeasureRow") -> str | None:
        ends = row.interval
        return None if ends is None else f"{ends.low:.3g} to {ends.high:.3g}"

    return [
        text_column("ratio", estimate),
        text_column("interval", interval),
        text_column("p (corrected)", lambda row: f"{row.p_holm:.2g}"),
    ]


def print_report_paths(folder: Path) -> None:
    """What a report's folder holds for a reader, the page last."""
    print_paths([(what, folder / name) for what, name in _OF_REPORT])


def print_paths(paths: Iterable[tuple[str, Path]]) -> None:
    """What was written, and where; of what is not there nothing is said."""
    rows = [_Written(what, path) for what, path in paths if path.exists()]
    if rows:
        print_table(Table(columns=_WRITTEN, rows=rows))
