"""Figures drawn for the page, for a phone, and as files."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from markupsafe import Markup

from landscape.page.section import ReportFigure
from landscape.page.style import (
    COLUMN_WIDTH,
    PAGE_WIDTH,
    SINGLE_WIDTH,
    TEXT_WIDTH,
    figure_bytes,
    figure_style,
    new_figure,
    without_mathematics,
)
from landscape.page.svg import inline_svg, points_json
from landscape.results import ResultError

_PHONE_WIDTH = COLUMN_WIDTH + 0.25  # inches; a phone of 400 pixels shows it at its own size


@dataclass(frozen=True, kw_only=True)
class Variant:
    """One drawing of a figure: for a width and a scale."""

    width: str  # wide | narrow, on a phone instead of the wide one
    scale: str  # log | linear
    svg: Markup
    points: str  # JSON, for the pointer's read-out


@dataclass(frozen=True, kw_only=True)
class DrawnFigure:
    """A figure with all its drawings, and the formats of its files."""

    figure: ReportFigure
    variants: tuple[Variant, ...]
    formats: tuple[str, ...] = ("svg",)

    @property
    def scales(self) -> tuple[str, ...]:
        """The scales offered; the first is shown."""
        return tuple(dict.fromkeys(v.scale for v in self.variants))

    def shown_on(self, variant: Variant) -> str:
        """``wide`` or ``narrow`` screens, or ``any`` where a phone has no drawing of its own."""
        own = any(v.width == "narrow" and v.scale == variant.scale for v in self.variants)
        return variant.width if own else "any"


def trim(drawn: dict[str, DrawnFigure], limit: int) -> dict[str, DrawnFigure]:
    """Leave out drawings until all take at most ``limit`` characters, or nothing is left to spare.

    First go the second scales on a phone, then those on wide screens, then the phone's own
    drawings, where the wide ones are shown instead; each time from the largest figure on.
    """
    spare = (("narrow", False), ("wide", False), ("narrow", True))
    for width, first in spare:
        for figure in sorted(drawn.values(), key=_size, reverse=True):
            if sum(map(_size, drawn.values())) <= limit:
                return drawn
            kept = tuple(
                v
                for v in figure.variants
                if v.width != width or (v.scale == figure.scales[0]) is not first
            )
            drawn = drawn | {figure.figure.name: replace(figure, variants=kept)}
    return drawn


def _size(drawn: DrawnFigure) -> int:
    return sum(len(v.svg) + len(v.points) for v in drawn.variants)


def draw(figure: ReportFigure, formats: Sequence[str] = ()) -> tuple[DrawnFigure, dict[str, bytes]]:
    """Draw ``figure`` for the page, each scale and width, and the files by their suffix.

    The files are the wide drawing of the first scale: the page's own SVG, and what ``formats``
    asks for beside it, each of which takes as long to draw again.

    Raises
    ------
    ResultError
        The results hold values that cannot be drawn.
    """
    try:
        return _draw(figure, formats)
    except (ValueError, ArithmeticError) as error:
        raise ResultError(
            f"figure '{figure.name}' cannot be drawn of these results ({error}). Analyse its "
            "checkpoints again, or remove their files."
        ) from error


def draw_files(figure: ReportFigure, width: float, formats: Iterable[str]) -> dict[str, bytes]:
    """The files of ``figure`` by their suffix, ``width`` inches wide, at its first scale."""
    narrow = figure.narrow_height if width < TEXT_WIDTH else None
    height = figure.height if narrow is None else narrow
    with figure_style():
        drawn = new_figure(width, height)
        figure.draw(drawn, figure.scales[0])
        without_mathematics(drawn)
        return {format: figure_bytes(drawn, format) for format in formats}


def _draw(figure: ReportFigure, formats: Sequence[str]) -> tuple[DrawnFigure, dict[str, bytes]]:
    variants = []
    files: dict[str, bytes] = {}
    sizes = [("wide", SINGLE_WIDTH if figure.is_single else PAGE_WIDTH, figure.height)]
    if figure.narrow_height is not None and figure.on_page:
        sizes.append(("narrow", _PHONE_WIDTH, figure.narrow_height))
    for width, inches, height in sizes:
        for log in figure.scales:
            scale = "log" if log else "linear"
            with figure_style():
                drawn = new_figure(inches, height)
                figure.draw(drawn, log)
                without_mathematics(drawn)
                svg = figure_bytes(drawn, "svg")
                drawn.set_layout_engine("none")  # settled by now, for all formats alike
                if not files:
                    files = {"svg": svg} | {f: figure_bytes(drawn, f) for f in formats}
                points = points_json(drawn)
            inline = inline_svg(svg.decode(), f"{figure.name}-{width}-{scale}")
            # Markup is safe: the SVG is Matplotlib's own, which escapes the text it draws.
            variants.append(Variant(width=width, scale=scale, svg=Markup(inline), points=points))
    return DrawnFigure(figure=figure, variants=tuple(variants), formats=tuple(files)), files
