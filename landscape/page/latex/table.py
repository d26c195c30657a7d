"""A table as the source of LaTeX that a paper takes in."""

from collections.abc import Sequence
from typing import Any

from landscape.page.latex.layout import Part, PlacedColumn, is_wrapped, laid_out
from landscape.page.latex.text import breakable, escape_latex, words_of
from landscape.page.latex.widths import LOOSE, POINTS
from landscape.page.table import Table

COLUMN, PAGE = 3.25, 6.75  # inches: of a column, and of a page with two of them


def to_latex(table: Table[Any], *, column: float = COLUMN, page: float = PAGE) -> str:
    """A booktabs table in ASCII, ready for LaTeX's input command; it needs the booktabs package.

    One that does not fit ``column`` inches spans the page (``table*``), with its words wrapped; one
    that does not fit that either is several tables, each with the first column.
    """
    parts = laid_out(table, narrow=column * POINTS, wide=page * POINTS)
    return "\n".join(
        _float(table, part, number, len(parts), page if part.is_wide else column)
        for number, part in enumerate(parts, start=1)
    )


def _float(table: Table[Any], part: Part, number: int, of: int, inches: float) -> str:
    environment = "table*" if part.is_wide else "table"
    span = "across both columns of a page" if part.is_wide else "in one column"
    words = any(column.width is not None for column in part.columns)
    end = r" \tabularnewline" if words else r" \\"  # raggedright gives \\ a meaning of its own
    again = "" if number == 1 else f"-part{number}"
    caption = breakable(table.caption) + (f" Part {number} of {of}." if of > 1 else "")
    lines = [
        f"% {inches:g} in wide: {environment}, {span}, \\footnotesize in a paper of 10 pt.",
        r"% Needs \usepackage{booktabs}.",
        rf"\begin{{{environment}}}",
        r"\centering",
        rf"\caption{{{caption}}}",
        rf"\label{{tab:{_key(table.name)}{again}}}",
        r"\footnotesize",
        rf"\setlength{{\tabcolsep}}{{{part.spacing.columns:g}pt}}",
        *([rf"\medmuskip={part.spacing.signs}mu"] if part.spacing != LOOSE else []),
        rf"\begin{{tabular}}{{@{{}}{''.join(map(_alignment, part.columns))}@{{}}}}",
        r"\toprule",
        " & ".join(map(_heading, part.columns)) + end,
        r"\midrule",
        *(_row(table, row, part.columns) + end for row in part.rows),
        r"\bottomrule",
        r"\end{tabular}",
    ]
    if table.note and number == of:
        lines.append(rf"\par\smallskip\raggedright {breakable(table.note)}")
    return "\n".join([*lines, rf"\end{{{environment}}}"]) + "\n"


def _key(name: str) -> str:
    """A name as a label can have it."""
    plain = "".join(c if c.isascii() and c.isalnum() else "-" for c in name)
    return plain.strip("-") or "landscape"


def _alignment(column: PlacedColumn) -> str:
    if column.width is not None:
        return f"p{{{column.width:.1f}pt}}"
    return "r" if column.is_number else "l"


def _heading(column: PlacedColumn) -> str:
    """The heading, its lines a small table where there are several."""
    lines = list(map(escape_latex, column.heading))
    if len(lines) == 1:
        return lines[0]
    side, stacked = "r" if column.is_number else "l", r"\\".join(lines)
    return rf"\begin{{tabular}}[b]{{@{{}}{side}@{{}}}}{stacked}\end{{tabular}}"


def _row(table: Table[Any], row: int, columns: Sequence[PlacedColumn]) -> str:
    shown = []
    for column in columns:
        cell = table.cells[row][column.index]
        if column.width is not None and is_wrapped(cell) and words_of(cell.text):
            shown.append(rf"\raggedright {breakable(cell.text)}")
        else:
            shown.append(cell.latex)
    return " & ".join(shown)
