"""The few numbers that stand for a checkpoint: the table at the end of a command."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from landscape.catalog import MEASURES
from landscape.page.cells import Cell, number_cell, text_cell
from landscape.page.columns import CHECKPOINT_OF_SUBJECT, number_column
from landscape.page.table import Column, Table
from landscape.results import Measure, Result, Subject, measure_title, readings_of
from landscape.results.preferred import rank_of

_SHORT = {"lambda_max": "λ_max"}


class _Row(NamedTuple):
    """A checkpoint on some examples, and what was measured of it."""

    subject: Subject
    measures: dict[str, tuple[Measure, str]]  # by name, with its title


def headline_table(results: Iterable[Result], primary: str = "") -> Table[_Row]:
    """A row for each checkpoint: loss, accuracy, and the measures that the catalog shows here.

    Each with its error, which the table's note says more of. The measure that a verdict rests on,
    ``primary``, is among them, and the others are at its scale where they are known.
    """
    found: dict[tuple[str, str], list[Result]] = {}
    for result in results:
        found.setdefault((result.subject.label, result.subject.split), []).append(result)
    rows = [_Row(own[0].subject, _measures(own, primary)) for own in found.values()]
    shown = [name for name in MEASURES if any(name in row.measures for row in rows)]
    columns: list[Column[_Row]] = [
        CHECKPOINT_OF_SUBJECT.of(lambda row: row.subject),
        number_column("loss", lambda row: row.subject.loss),
        number_column("accuracy", lambda row: row.subject.accuracy, optional=True),
        *(_column(name) for name in shown),
    ]
    return Table(columns=columns, rows=rows, note=_note(rows, shown))


def _measures(results: Sequence[Result], primary: str) -> dict[str, tuple[Measure, str]]:
    """Of each kind the one value that stands for it."""
    best: dict[str, tuple[tuple[object, ...], Measure, str]] = {}
    found = [(result, reading) for result in results for reading in readings_of(result)]
    deciding = tuple(reading.measure.scale for _, reading in found if reading.name == primary)
    for result, reading in found:
        row, decides = reading.measure, reading.name == primary
        shown_at = reading.kind.shown_at
        scales = (*deciding, *shown_at) if shown_at or decides else ()
        if row.scale in scales:
            rank = (not decides, not reading.is_of_all, *rank_of(row, scales))
            if row.name not in best or rank < best[row.name][0]:
                params = dict(reading.conditions).get("parameters", "*")
                title = measure_title(row, spiking=result.subject.spiking, params=params)
                best[row.name] = (rank, row, title)
    return {name: (row, title) for name, (_, row, title) in best.items()}


def _column(name: str) -> Column[_Row]:
    def cell(row: _Row) -> Cell:
        if name not in row.measures:
            return text_cell(None)
        found, _ = row.measures[name]
        return number_cell(found.value, found.stderr, bound=found.bound)

    return Column(title=_heading(name), cell=cell)


def _heading(name: str) -> str:
    return _SHORT.get(name, MEASURES[name].title)


def _note(rows: Sequence[_Row], shown: Sequence[str]) -> str:
    """What each heading leaves out."""
    parts = []
    for name in shown:
        found = [row.measures[name] for row in rows if name in row.measures]
        titles = " or ".join(dict.fromkeys(title for _, title in found))
        heading = _heading(name)
        what = titles if titles.startswith(heading) else f"{heading}: {titles}"
        parts.append(f"{what}, ± over {found[0][0].error_over}")
    return "; ".join(parts)
