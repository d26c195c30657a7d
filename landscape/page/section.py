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
    files, the page and a phone. With several ``scales`` the page offers to switch between them.
    """

    name: str  # the files' stem, unique in the report
    draw: Callable[[Figure, bool], None]
    height: float  # inches, at the width of a page
    narrow_height: float  # inches, at the width of a column
    caption: str
    alt: str
    scales: tuple[bool, ...] = (True,)  # True: log; the first is shown and goes to the files
    on_page: bool = True  # else in the files only


@dataclass(frozen=True, kw_only=True)
class SurfaceData:
    """One plane of losses for the surface that can be turned; rows are x, columns y."""

    label: str
    x: tuple[float, ...]
    y: tuple[float, ...]
    losses: tuple[tuple[float | None, ...], ...]  # None where the loss is not finite


@dataclass(frozen=True, kw_only=True)
class Section:
    """A part of the report; its items are drawn in the order of the fields."""

    key: str  # the anchor
    title: str
    paragraphs: tuple[str, ...] = ()
    figures: tuple[ReportFigure, ...] = ()
    surfaces: tuple[SurfaceData, ...] = ()
    tables: tuple[Table[Any], ...] = ()
    notes: tuple[str, ...] = ()  # a list, after the rest
    lead: str = ""  # one line in large letters, first
