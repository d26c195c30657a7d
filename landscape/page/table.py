"""Tables as data: columns that know how to read their cell off a row, and the rows."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Generic, TypeVar

from landscape.page.cells import NOTHING, Cell

MOST_PRINTED = 100  # rows, or columns, that anyone reads: on the page, in Markdown and LaTeX

_Row_contra = TypeVar("_Row_contra", contravariant=True)
_Other = TypeVar("_Other")


@dataclass(frozen=True, kw_only=True)
class Column(Generic[_Row_contra]):
    """A column: its heading, its cell in any row, and what a reader may ask about it."""

    title: str
    cell: Callable[[_Row_contra], Cell]
    key: str = ""  # in CSV; by default the title, with _ for what is neither letter nor digit
    unit: str = ""
    better: str = ""  # ↑ or ↓, where one direction is the better one
    formula: str = ""
    source: str = ""
    error: str = "stderr"  # what stands behind ±, in CSV
    optional: bool = False  # left out on the page and in a terminal where no row has a value

    def __post_init__(self) -> None:
        if not self.key:
            plain = "".join(c if c.isalnum() else "_" for c in self.title).strip("_")
            object.__setattr__(self, "key", plain)

    @property
    def heading(self) -> str:
        """Title, unit and the better direction, as one line of text."""
        unit = f" ({self.unit})" if self.unit else ""
        return f"{self.title}{unit}" + (f" {self.better}" if self.better else "")

    def of(self, part: "Callable[[_Other], _Row_contra]") -> "Column[_Other]":
        """The same column of other rows, which hold in ``part`` what this one reads."""
        return Column(**{**vars(self), "cell": lambda row: self.cell(part(row))})


@dataclass(frozen=True, kw_only=True)
class Explanation:
    """What a heading means: on the page as a tooltip and in its glossary."""

    title: str
    formula: str
    source: str = ""

    @property
    def text(self) -> str:
        return f"{self.formula} [{self.source}]" if self.source else self.formula


@dataclass(frozen=True, kw_only=True)
class Table(Generic[_Row_contra]):
    """Rows, whatever they are, under columns; the first column names the row."""

    columns: Sequence[Column[_Row_contra]]
    rows: Sequence[_Row_contra]
    caption: str = ""
    name: str = ""  # the files' stem, where it is written to files
    note: str = ""
    folded: bool = False  # closed on the page until asked for

    row_explanations: Sequence[Explanation] = ()  # where rows need explaining, not columns
    reasons: Sequence[Explanation] = ()  # why rows came out as they did, below the table

    @cached_property
    def cells(self) -> tuple[tuple[Cell, ...], ...]:
        """The cells of each row, in the order of the columns."""
        return tuple(tuple(column.cell(row) for column in self.columns) for row in self.rows)

    @cached_property
    def cells_below(self) -> tuple[tuple[Cell, ...], ...]:
        """The cells of each column, in the order of the rows."""
        return tuple(tuple(row[i] for row in self.cells) for i in range(len(self.columns)))

    @property
    def is_long(self) -> bool:
        """Whether it is for programs: of more rows or columns than the page and papers show."""
        return max(len(self.rows), len(self.columns)) > MOST_PRINTED

    @property
    def explanations(self) -> tuple[Explanation, ...]:
        """What a reader may ask about the columns, then about the rows."""
        of_columns = (
            Explanation(title=c.title, formula=c.formula, source=c.source)
            for c in self.columns
            if c.formula
        )
        return (*of_columns, *self.row_explanations)

    @property
    def number_columns(self) -> tuple[bool, ...]:
        """For each column whether it holds numbers, some of which may be missing, and no words."""
        return tuple(
            any(isinstance(cell.value, float) for cell in below)
            and not any(isinstance(cell.value, str) and cell.value for cell in below)
            for below in self.cells_below
        )

    def without_empty(self) -> "Table[_Row_contra]":
        """The table without the optional columns that hold nothing."""
        kept = [
            column
            for column, below in zip(self.columns, self.cells_below, strict=True)
            if not column.optional or any(cell.text not in ("", NOTHING) for cell in below)
        ]
        return replace(self, columns=kept)
