"""What a report is made of, before it is drawn: sections of words, figures and tables."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from matplotlib.figure import Figure

from landscape.page.table import Table


@dataclass(frozen=True, kw_only=True)
class ReportFigure:
    """A figure: how to draw it, and the words that go with it.

    ``draw(figure, log)`` fills an empty figure of any width, so that one function serves the
    files, the page and a phone. One drawing does for all three where there is one panel; several
    panels side by side are too small on a phone, which then has a drawing with more rows of them.
    With several ``scales`` the page offers to switch between them.
    """

    name: str  # the files' stem, unique in the report
    draw: Callable[[Figure, bool], None]
    height: float  # inches, at SINGLE_WIDTH, or at PAGE_WIDTH where a phone has its own drawing
    caption: str
    alt: str
    scales: tuple[bool, ...] = (True,)  # True: log; the first is shown and goes to the files
    narrow_height: float | None = None  # inches, of a phone's own drawing; None: the same
    on_page: bool = True  # else in the files only

    @property
    def is_single(self) -> bool:
        """Whether one drawing does for all widths."""
        return self.narrow_height is None


@dataclass(frozen=True, kw_only=True)
class Section:
    """A part of the report's details, closed until asked for; drawn in the order of the fields."""

    key: str  # the anchor
    title: str
    paragraphs: tuple[str, ...] = ()
    figures: tuple[ReportFigure, ...] = ()
    tables: tuple[Table[Any], ...] = ()
    notes: tuple[str, ...] = ()  # a list, after the rest
    summary: str = ""  # what it found in a few words, beside its title
    warning: str = ""  # what of it stands beside the verdict, since it speaks against the numbers
    on_paper: bool = True  # opened for printing
