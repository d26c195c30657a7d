"""Cells of tables: how each reads on the page and in LaTeX, and the value behind it."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from landscape.page.latex.text import UNBROKEN, escape_latex
from landscape.page.numbers import format_count, rounded

if TYPE_CHECKING:
    from landscape.values import Interval, Population

UNCONVERGED = "†"
NOTHING = "–"


@dataclass(frozen=True, kw_only=True)
class Cell:
    """A cell: how it reads, and the value behind it."""

    text: str
    latex: str
    value: float | str | None
    stderr: float | None = None
    mark: str = ""  # UNCONVERGED, or another sign that the table's note explains
    hint: str = ""  # a tooltip


def text_cell(text: str | None, *, hint: str = "", missing: str = NOTHING) -> Cell:
    """A cell of words; ``missing`` stands where there are none."""
    shown = missing if text is None or text == "" else text
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


def interval_cell(interval: "Interval | None", *, factor: float = 1) -> Cell:
    """Both ends, times ``factor``; the method as a tooltip."""
    if interval is None:
        return text_cell(None)
    ends = interval_text(factor * interval.low, factor * interval.high)
    # A number is not torn apart at the end of a line.
    return text_cell(ends.replace(" ", UNBROKEN), hint=interval.method)


def population_cell(found: "Population | None") -> Cell:
    """Both ends of what is known of the set that the examples stand for."""
    if found is None or found.no_error:
        return text_cell(None, hint="" if found is None else found.no_error)
    ends = interval_text(found.low, found.high).replace(" ", UNBROKEN)
    return text_cell(ends, hint="; ".join((found.of, *found.warnings)))


def interval_text(low: float | None, high: float) -> str:
    """``0.71 to 1.33``; without a lower end, ``up to 1.33``."""
    upper = rounded(high, digits=3).text()
    return f"up to {upper}" if low is None else f"{rounded(low, digits=3).text()} to {upper}"
