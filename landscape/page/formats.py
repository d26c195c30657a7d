"""Tables as files that are no LaTeX: CSV and Markdown."""

import csv
import io
from collections.abc import Sequence
from typing import Any

from landscape.page.latex.text import BREAKS
from landscape.page.table import Table


def to_csv(table: Table[Any]) -> str:
    """Full precision; an error and a mark have columns of their own, where there are any."""
    written: list[list[str]] = []  # a list a column: its heading, then its values
    for column, cells in zip(table.columns, table.cells_below, strict=True):
        written.append([column.key, *(_csv_value(cell.value) for cell in cells)])
        if any(cell.stderr is not None for cell in cells):
            written.append(
                [f"{column.key}_{column.error}", *(_csv_value(cell.stderr) for cell in cells)]
            )
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
