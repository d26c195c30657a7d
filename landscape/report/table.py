"""Tables as data, written out as CSV, Markdown and LaTeX; the page's template draws them too."""

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass, replace

from landscape.report.numbers import format_count, rounded

UNCONVERGED = "†"
_NOTHING = "–"
_BREAKS = "\n\r\t\v\f\u2028\u2029"


@dataclass(frozen=True, kw_only=True)
class Column:
    """A column: its heading, and what a reader may ask about it."""

    key: str  # in CSV
    title: str
    unit: str = ""
    better: str = ""  # ↑ or ↓, where one direction is the better one
    formula: str = ""
    source: str = ""
    optional: bool = False  # left out on the page where no row has a value


CHECKPOINT = Column(key="checkpoint", title="checkpoint")


@dataclass(frozen=True, kw_only=True)
class Explanation:
    """What a heading means: on the page as a tooltip and in a list below the table."""

    title: str
    formula: str
    source: str = ""

    @property
    def text(self) -> str:
        return f"{self.formula} [{self.source}]" if self.source else self.formula


@dataclass(frozen=True, kw_only=True)
class Cell:
    """A cell: how it reads, and the value behind it."""

    text: str
    latex: str
    value: float | str | None
    stderr: float | None = None
    mark: str = ""  # UNCONVERGED, or another sign that the table's note explains
    hint: str = ""  # a tooltip


@dataclass(frozen=True, kw_only=True)
class Table:
    """Rows under columns; the first column names the row."""

    name: str  # the files' stem
    caption: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    note: str = ""
    folded: bool = False  # closed on the page until asked for

    row_explanations: tuple[Explanation, ...] = ()  # where rows need explaining, not columns

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
        values = [[row[i].value for row in self.rows] for i in range(len(self.columns))]
        return tuple(
            any(isinstance(value, float) for value in column)
            and not any(isinstance(value, str) and value for value in column)
            for column in values
        )


def for_page(table: Table) -> Table:
    """``table`` without the optional columns that hold nothing."""
    kept = [
        i
        for i, column in enumerate(table.columns)
        if not column.optional or any(row[i].text != _NOTHING for row in table.rows)
    ]
    return replace(
        table,
        columns=tuple(table.columns[i] for i in kept),
        rows=tuple(tuple(row[i] for i in kept) for row in table.rows),
    )


def text_cell(text: str | None, *, hint: str = "") -> Cell:
    """A cell of words."""
    shown = _NOTHING if text is None or text == "" else text
    return Cell(text=shown, latex=escape_latex(shown), value=text, hint=hint)


def digest_cell(digest: str) -> Cell:
    """A cell with the first characters of a digest; all of it in CSV and as a tooltip."""
    return Cell(text=digest[:12], latex=escape_latex(digest[:12]), value=digest, hint=digest)


def count_cell(count: int | None) -> Cell:
    """A cell with an integer."""
    if count is None:
        return text_cell(None)
    text = format_count(count)
    return Cell(text=text, latex=f"{count:,}".replace(",", r"\,"), value=float(count))


def number_cell(
    value: float | None,
    stderr: float | None = None,
    *,
    converged: bool = True,
    bound: str = "",
    mark: str = "",
    digits: int = 4,
    hint: str = "",
) -> Cell:
    """A cell with a number, its error, and a mark where the number is not converged.

    ``bound``, ≥ or ≤, stands before a number that is no more than a bound.
    """
    if value is None:
        return text_cell(None)
    number = rounded(value, stderr, digits=digits)
    mark = mark or ("" if converged else UNCONVERGED)
    return Cell(
        text=f"{bound} {number.text()} {mark}".strip(),
        latex=escape_latex(f"{bound} ".lstrip())
        + number.latex()
        + (r"\,$\dagger$" if mark == UNCONVERGED else escape_latex(mark)),
        value=value,
        stderr=stderr,
        mark=mark,
        hint=hint,
    )


def to_csv(table: Table) -> str:
    """Full precision; an error and a mark have columns of their own, where there are any."""
    buffer = io.StringIO()
    # RFC 4180 line ends: with them the writer quotes a lone carriage return too.
    writer = csv.writer(buffer, lineterminator="\r\n")
    with_error = [any(row[i].stderr is not None for row in table.rows) for i in _indices(table)]
    with_mark = [any(row[i].mark for row in table.rows) for i in _indices(table)]
    header = []
    for i, column in enumerate(table.columns):
        header.append(column.key)
        header += [f"{column.key}_stderr"] * with_error[i] + [f"{column.key}_mark"] * with_mark[i]
    writer.writerow(header)
    for row in table.rows:
        cells: list[str] = []
        for i, cell in enumerate(row):
            cells.append(_csv_value(cell.value))
            cells += [_csv_value(cell.stderr)] * with_error[i] + [cell.mark] * with_mark[i]
        writer.writerow(cells)
    return buffer.getvalue()


def _indices(table: Table) -> range:
    return range(len(table.columns))


def _csv_value(value: float | str | None) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        # Spreadsheets run a cell that starts so as a formula.
        return f"'{value}" if value.startswith(("=", "+", "-", "@", "\t", "\r")) else value
    return f"{value:.0f}" if value.is_integer() and abs(value) < 1e15 else repr(value)


def to_markdown(table: Table) -> str:
    """A pipe table with its caption and note."""
    lines = [
        _markdown_row([_heading(c) for c in table.columns]),
        "|" + "|".join("--:" if number else "---" for number in table.number_columns) + "|",
        *(_markdown_row([cell.text for cell in row]) for row in table.rows),
    ]
    notes = [f"\n{_escape_markdown(table.note)}"] if table.note else []
    return "\n".join([f"{_escape_markdown(table.caption)}\n", *lines, *notes]) + "\n"


def _markdown_row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(_escape_markdown(cell) for cell in cells) + " |"


def _escape_markdown(text: str) -> str:
    flat = "".join(" " if sign in _BREAKS else sign for sign in text)
    for sign in "\\`*_[]<>|":
        flat = flat.replace(sign, "\\" + sign)
    return flat


def to_latex(table: Table) -> str:
    """A booktabs table, ready for LaTeX's input command; it needs the booktabs package."""
    aligned = "".join("r" if number else "l" for number in table.number_columns)
    lines = [
        r"\begin{table}",
        r"\centering",
        rf"\caption{{{escape_latex(table.caption)}}}",
        rf"\begin{{tabular}}{{{aligned}}}",
        r"\toprule",
        " & ".join(escape_latex(_heading(c)) for c in table.columns) + r" \\",
        r"\midrule",
        *(" & ".join(cell.latex for cell in row) + r" \\" for row in table.rows),
        r"\bottomrule",
        r"\end{tabular}",
    ]
    if table.note:
        lines.append(rf"\par\smallskip\footnotesize {escape_latex(table.note)}")
    return "\n".join([*lines, r"\end{table}"]) + "\n"


def _heading(column: Column) -> str:
    unit = f" ({column.unit})" if column.unit else ""
    return f"{column.title}{unit} {column.better}".rstrip()


_LATEX = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "_": r"\_",
    "%": r"\%",
    "&": r"\&",
    "#": r"\#",
    "$": r"\$",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    "\u202f": r"\,",
    "–": "--",
    "±": r"$\pm$",
    "≥": r"$\geq$",
    "≤": r"$\leq$",
    "×": r"$\times$",
    "†": r"$\dagger$",
    "λ": r"$\lambda$",
    "θ": r"$\theta$",
    "φ": r"$\varphi$",
    "κ": r"$\kappa$",
    "ρ": r"$\rho$",
    "∇": r"$\nabla$",
    "‖": r"$\Vert$",
    "₂": r"$_2$",
    "²": r"$^2$",
    "↑": r"$\uparrow$",
    "↓": r"$\downarrow$",
    "·": r"$\cdot$",
    "½": r"$\tfrac12$",
    "Δ": r"$\Delta$",
    "\u2009": r"\,",
    "\u00a0": r"\ ",
    "…": r"\ldots{}",
}


def escape_latex(text: str) -> str:
    """``text`` as LaTeX prints it literally, on one line."""
    return "".join(" " if sign in _BREAKS else _LATEX.get(sign, sign) for sign in text)
