"""Which part of a table goes where in a paper: decided by the width that its text has."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from landscape.page.cells import NOTHING, Cell
from landscape.page.latex.text import UNBROKEN
from landscape.page.latex.widths import (
    LOOSE,
    TIGHT,
    Spacing,
    latex_width,
    longest_piece,
    num_lines,
    text_width,
    wrapped,
)
from landscape.page.table import Table

_COMFORT = 70.0  # points: words are not wrapped into less, unless they are shorter
_HEADING_LINES = 3
_MOST_LINES = 44  # of a part: with its caption it fits a page of nine inches


@dataclass(frozen=True, kw_only=True)
class PlacedColumn:
    """A column as it is set."""

    index: int  # in the table
    heading: tuple[str, ...]  # its lines
    is_number: bool
    width: float | None  # points, of words that are wrapped; None: as wide as its text


@dataclass(frozen=True, kw_only=True)
class Part:
    """Columns and rows that stand in a float of their own."""

    columns: tuple[PlacedColumn, ...]
    rows: tuple[int, ...]
    is_wide: bool  # across both columns of a page
    spacing: Spacing


class _Sizes(NamedTuple):
    """Of a column, in points."""

    place: int  # in the table
    heading: tuple[str, ...]
    is_number: bool
    natural: float  # with nothing but the heading wrapped
    least: float


def laid_out(table: Table[Any], *, narrow: float, wide: float) -> list[Part]:
    """Divide ``table`` into parts that fit.

    One part of the ``narrow`` width where all fits, closely set if need be, else of the ``wide``
    one; there words are wrapped where need be. Where that does not suffice, columns and then rows
    go into further parts, each with the first column. Columns without a value are left out.

    Parameters
    ----------
    narrow, wide
        Widths of a column and of a page, in points.
    """
    kept = _kept(table)
    for spacing in (LOOSE, TIGHT):
        sizes = [_sizes(table, i, spacing) for i in kept]
        if _total([s.natural for s in sizes], spacing) <= narrow:
            return _parts(table, [_as_they_are(sizes)], spacing, is_wide=False)
    sizes = [_sizes(table, i, LOOSE) for i in kept]
    return _parts(table, _divided(sizes, wide), LOOSE, is_wide=True)


def _parts(
    table: Table[Any],
    groups: Iterable[tuple[PlacedColumn, ...]],
    spacing: Spacing,
    *,
    is_wide: bool,
) -> list[Part]:
    return [
        Part(columns=columns, rows=rows, is_wide=is_wide, spacing=spacing)
        for columns in groups
        for rows in _by_height([_lines(row, columns) for row in table.cells])
    ]


def _kept(table: Table[Any]) -> list[int]:
    """The columns in which a row has a value; all of a table without rows."""
    kept = [
        i
        for i, below in enumerate(table.cells_below)
        if any(cell.text not in ("", NOTHING) for cell in below)
    ]
    return kept if table.rows else list(range(len(table.columns)))


def _sizes(table: Table[Any], index: int, spacing: Spacing) -> _Sizes:
    column, is_number = table.columns[index], table.number_columns[index]
    title = column.heading
    if column.better:  # the arrow stands by its word
        title = title.removesuffix(f" {column.better}") + UNBROKEN + column.better
    below = table.cells_below[index]
    body = max((latex_width(cell.latex, spacing) for cell in below), default=0.0)
    width = max(body, longest_piece(title))
    while len(heading := wrapped(title, width)) > _HEADING_LINES:
        width *= 1.1
    natural = max(body, *map(text_width, heading))
    if is_number:
        return _Sizes(index, tuple(heading), True, natural, natural)
    pieces = max((_longest(cell) for cell in below), default=0.0)
    least = max(pieces, longest_piece(title), min(natural, _COMFORT))
    return _Sizes(index, tuple(heading), False, natural, least)


def _longest(cell: Cell) -> float:
    return longest_piece(cell.text) if is_wrapped(cell) else latex_width(cell.latex)


def is_wrapped(cell: Cell) -> bool:
    """Whether lines may end within the cell: numbers are not torn apart."""
    return not isinstance(cell.value, float)


def _as_they_are(sizes: Sequence[_Sizes]) -> tuple[PlacedColumn, ...]:
    return tuple(_placed(s, None) for s in sizes)


def _divided(sizes: Sequence[_Sizes], limit: float) -> list[tuple[PlacedColumn, ...]]:
    """Columns in as many groups as fit, each with the first."""
    if _total([s.natural for s in sizes]) <= limit:
        return [_as_they_are(sizes)]
    if _total([s.least for s in sizes]) <= limit or len(sizes) <= 2:
        return [_filled(sizes, limit)]
    first, *others = sizes
    groups: list[list[_Sizes]] = [[]]
    for s in others:
        if groups[-1] and _total([c.least for c in (first, *groups[-1], s)]) > limit:
            groups.append([])
        groups[-1].append(s)
    return [part for group in groups for part in _divided([first, *group], limit)]


def _total(widths: Sequence[float], spacing: Spacing = LOOSE) -> float:
    return sum(widths) + 2 * spacing.columns * (len(widths) - 1)


def _filled(sizes: Sequence[_Sizes], limit: float) -> tuple[PlacedColumn, ...]:
    """Share out what is left of ``limit`` among the columns of words, by what each lacks."""
    spare = max(0.0, limit - _total([s.least for s in sizes]))
    lacking = sum(s.natural - s.least for s in sizes)
    share = min(1.0, spare / lacking) if lacking else 0.0
    placed = []
    for s in sizes:
        width = s.least + share * (s.natural - s.least)
        placed.append(_placed(s, width if width < s.natural else None))
    return tuple(placed)


def _placed(s: _Sizes, width: float | None) -> PlacedColumn:
    heading = s.heading if width is None else tuple(wrapped(" ".join(s.heading), width))
    return PlacedColumn(index=s.place, heading=heading, is_number=s.is_number, width=width)


def _lines(row: Sequence[Cell], columns: Sequence[PlacedColumn]) -> int:
    return max(1 if c.width is None else num_lines(row[c.index].text, c.width) for c in columns)


def _by_height(lines: Sequence[int]) -> list[tuple[int, ...]]:
    """Rows, from the first on, as many together as a page holds."""
    parts: list[list[int]] = [[]]
    total = 0
    for row, count in enumerate(lines):
        if parts[-1] and total + count > _MOST_LINES:
            parts.append([])
            total = 0
        parts[-1].append(row)
        total += count
    return [tuple(part) for part in parts]
