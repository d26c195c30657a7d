"""Figures drawn for the page, for a phone, and as files."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from markupsafe import Markup
from matplotlib.figure import Figure

from landscape.plotting.style import (
    COLUMN_WIDTH,
    PAGE_WIDTH,
    figure_bytes,
    figure_style,
    new_figure,
)
from landscape.report.model import ReportFigure
from landscape.report.svg import inline_svg, points_json

FORMATS = ("pdf", "svg", "png")
_PHONE_WIDTH = COLUMN_WIDTH + 0.25  # inches; a phone of 400 pixels shows it at its own size


@dataclass(frozen=True, kw_only=True)
class Variant:
    """One drawing of a figure: for a width and a scale."""

    width: str  # wide | narrow
    scale: str  # log | linear
    svg: Markup
    points: str  # JSON, for the pointer's read-out


@dataclass(frozen=True, kw_only=True)
class DrawnFigure:
    """A figure with all its drawings."""

    figure: ReportFigure
    variants: tuple[Variant, ...]

    @property
    def scales(self) -> tuple[str, ...]:
        """The scales offered; the first is shown."""
        return tuple(dict.fromkeys(v.scale for v in self.variants))


def draw_inline(figure: ReportFigure) -> DrawnFigure:
    """Draw ``figure`` for the page: each scale, wide and narrow."""
    variants = []
    sizes = (("wide", PAGE_WIDTH, figure.height), ("narrow", _PHONE_WIDTH, figure.narrow_height))
    for width, inches, height in sizes:
        for log in figure.scales:
            scale = "log" if log else "linear"
            drawn = _draw(figure, inches, height, log)
            svg = inline_svg(drawn, f"{figure.name}-{width}-{scale}")
            variants.append(
                # The SVG is Matplotlib's own, which escapes the text it draws.
                Variant(width=width, scale=scale, svg=Markup(svg), points=points_json(drawn))
            )
    return DrawnFigure(figure=figure, variants=tuple(variants))


def figure_files(figures: Sequence[ReportFigure], folder: Path) -> dict[Path, bytes]:
    """Bytes of the files of all ``figures``, at the width of a page, on their first scale."""
    files = {}
    for figure in figures:
        drawn = _draw(figure, PAGE_WIDTH, figure.height, figure.scales[0])
        with figure_style():
            for format in FORMATS:
                files[folder / f"{figure.name}.{format}"] = figure_bytes(drawn, format)
    return files


def _draw(figure: ReportFigure, width: float, height: float, log: bool) -> Figure:
    with figure_style():
        drawn = new_figure(width, height)
        figure.draw(drawn, log)
    return drawn
