"""Tables as files: CSV, Markdown and LaTeX."""

import csv
import io
from collections.abc import Sequence
from typing import Any

from landscape.page.cells import BREAKS, escape_latex
from landscape.page.table import Table


def to_csv(table: Table[Any]) -> str:
    """Full precision; an error and a mark have columns of their own, where there are any."""
    written: list[list[str]] = []  # a list a column: its heading, then its values
    for column, cells in zip(table.columns, table.cells_below, strict=True):
        written.append([column.key, *(_csv_value(cell.value) for cell in cells)])
        if any(cell.stderr is not None for cell in cells):
            written.append([f"{column.key}_stderr", *(_csv_value(cell.stderr) for cell in cells)])
        if any(cell.mark for cell in cells):
            written.append([f"{column.key}_mark", *(cell.mark for cell in cells)])
    buffer = io.StringIO()
    # RFC 4180 line ends: with them the writer quotes a lone carriage return too.
    csv.writer(buffer, lineterminator="\r\n").writerows(zip(*written, strict=True))
    return buffer.getvalue()


def _csv_value(value: float | str | None) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        # Spreadsheets run a cell that starts so as a formula.
        return f"'{value}" if value.startswith(("=", "+", "-", "@", "\t", "\r")) else value
    return f"{value:.0f}" if value.is_integer() and abs(value) < 1e15 else repr(value)


def to_markdown(table: Table[Any]) -> str:
    """A pipe table with its caption and note."""
    lines = [
        _markdown_row([c.heading for c in table.columns]),
        "|" + "|".join("--:" if number else "---" for number in table.number_columns) + "|",
        *(_markdown_row([cell.text for cell in row]) for row in table.cells),
    ]
    notes = [f"\n{_escape_markdown(table.note)}"] if table.note else []
    return "\n".join([f"{_escape_markdown(table.caption)}\n", *lines, *notes]) + "\n"


def _markdown_row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(_escape_markdown(cell) for cell in cells) + " |"


def _escape_markdown(text: str) -> str:
    flat = "".join(" " if sign in BREAKS else sign for sign in text)
    for sign in "\\`*_[]<>|":
        flat = flat.replace(sign, "\\" + sign)
    return flat


def to_latex(table: Table[Any]) -> str:
    """A booktabs table, ready for LaTeX's input command; it needs the booktabs package."""
    aligned = "".join("r" if number else "l" for number in table.number_columns)
    lines = [
        r"\begin{table}",
        r"\centering",
        rf"\caption{{{escape_latex(table.caption)}}}",
        rf"\begin{{tabular}}{{{aligned}}}",
        r"\toprule",
        " & ".join(escape_latex(c.heading) for c in table.columns) + r" \\",
        r"\midrule",
        *(" & ".join(cell.latex for cell in row) + r" \\" for row in table.cells),
        r"\bottomrule",
        r"\end{tabular}",
    ]
    if table.note:
        lines.append(rf"\par\smallskip\footnotesize {escape_latex(table.note)}")
    return "\n".join([*lines, r"\end{table}"]) + "\n"
