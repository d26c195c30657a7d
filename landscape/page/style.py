"""How figures look, and how they are written: the same bytes from the same numbers."""

import io
import math
import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import matplotlib as mpl
import matplotlib.style
import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_pdf import FigureCanvasPdf
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.text import Text

from landscape.files import write_atomic
from landscape.page.numbers import power_of_ten
from landscape.results import recipe_of

STYLE_FILE = Path(__file__).with_name("landscape.mplstyle")

# Widths of a journal's column, of a single-column page's text, and of a page, in inches.
COLUMN_WIDTH, TEXT_WIDTH, PAGE_WIDTH = 3.25, 5.5, 6.75
# Of a figure that a phone shows too: at 400 pixels its smallest labels, of 7 points, have 8 pixels.
SINGLE_WIDTH = 4.4

_LEGEND_ROW = 0.15  # inches
_POINTS = 72  # an inch, the resolution at which vector formats are laid out
_DPI_OF_IMAGES = 150  # in vector formats

INK, GRID, PAPER, MISSING = "#1b1f24", "#d8dce2", "#fffffe", "#c3c7cf"

# Petroff, "Accessible color sequences for data visualization", arXiv 2107.02270, the eight-colour
# sequence: told apart under the three colour-vision deficiencies, and in this order in grey.
COLOURS = (
    "#1845fb",
    "#ff5e02",
    "#c91f16",
    "#c849a9",
    "#adad7d",
    "#86c8dd",
    "#578dff",
    "#656364",
)
_DASHES: tuple["Dash", ...] = (
    "-",
    (0, (5, 1.5)),
    (0, (1.2, 1.2)),
    (0, (5, 1.5, 1.2, 1.5)),
    (0, (9, 2)),
    (0, (3, 1, 1, 1, 1, 1)),
)
_MARKERS = "osD^vP*X"


Dash = str | tuple[float, tuple[float, ...]]


class Stroke(NamedTuple):
    """How one checkpoint is drawn in every figure."""

    number: int  # of the checkpoint, from 0
    colour: str
    dash: Dash
    marker: str


def strokes_for(labels: Sequence[str]) -> dict[str, Stroke]:
    """A stroke for each label, in order.

    A recipe has a colour, and its runs have dashes of their own. With one recipe or more of them
    than colours, each label has the next colour, then other dashes of the same colours. Markers
    differ too, so that no line is told from another by its colour alone.
    """
    unique = list(dict.fromkeys(labels))
    recipes: dict[str, list[str]] = {}
    for label in unique:
        recipes.setdefault(recipe_of(label), []).append(label)
    if 1 < len(recipes) <= len(COLOURS):
        places = {
            label: (again, place)
            for place, members in enumerate(recipes.values())
            for again, label in enumerate(members)
        }
    else:
        places = {label: divmod(i, len(COLOURS)) for i, label in enumerate(unique)}
    return {
        label: Stroke(
            i,
            COLOURS[place],
            _DASHES[again % len(_DASHES)],
            _MARKERS[(place + again) % len(_MARKERS)],
        )
        for i, (label, (again, place)) in enumerate((one, places[one]) for one in unique)
    }


def stroke_of(label: str, strokes: Mapping[str, Stroke] | None, labels: Sequence[str]) -> Stroke:
    """The stroke that the caller assigned to ``label``, or the one its position gives it."""
    return (strokes if strokes is not None else strokes_for(labels))[label]


def figure_text(label: str, *, longest: int = 32) -> str:
    """``label`` as Matplotlib draws it literally: no mathematics, no hidden legend entry.

    Longer ones lose their middle, since both ends of a file's name tell runs apart.
    """
    text = "".join(c if c.isprintable() else " " for c in label)
    if len(text) > longest:
        half = (longest - 1) // 2
        text = f"{text[: longest - 1 - half]}…{text[-half:]}"
    if text.startswith("_"):  # a legend leaves out labels that start so
        text = f" {text}"
    return text.replace("$", r"\$")


def without_mathematics(figure: Figure) -> None:
    """Have every text that ``figure`` holds drawn as it is: what came out of a file may hold $."""
    for text in figure.findobj(Text):
        if text.get_parse_math():
            text.set_text(text.get_text().replace(r"\$", "$"))
            text.set_parse_math(False)


def mark_series(artist: Artist, stroke: Stroke) -> None:
    """Name an artist after its checkpoint, so that the report can hide and read it."""
    artist.set_gid(f"series-{stroke.number}")


def plain_log_axis(axis: Axis) -> None:
    """Write 0.02 and 10⁻⁵ as plain text on a log axis, and no more numbers than there is room for.

    Plain text is what Matplotlib's mathematics is not: quick to lay out.
    """
    axis.set_major_formatter(lambda value, _: _power_text(value))
    axis.set_minor_formatter(lambda value, _: _sparse(value, *axis.get_view_interval()))


def _power_text(value: float) -> str:
    exponent = round(np.log10(value)) if value > 0 else 0
    if value <= 0 or -3 <= exponent <= 3 or not np.isclose(value, 10.0**exponent):
        return f"{value:g}"
    return power_of_ten(exponent)


def _sparse(value: float, low: float, high: float) -> str:
    digit = int(f"{value:e}"[0])
    decades = np.log10(high / low)
    shown = (2, 3, 4, 6, 8) if decades < 0.7 else (2, 5) if decades < 1.6 else ()
    return f"{value:g}" if digit in shown else ""


def read_out(axes: Axes, x: str, y: str) -> None:
    """Say what the pointer reads at a point, as format strings such as ``λ = {:.4g}``."""
    axes.fmt_xdata = x.format
    axes.fmt_ydata = y.format


def flatter_to_sharper(axes: Axes, label: str) -> None:
    """Label an x axis along which left is flatter."""
    axes.set_xlabel(f"← flatter\u2003\u2003sharper →\n{label}")  # spaces that SVG keeps


@contextmanager
def figure_style() -> Iterator[None]:
    """The package's style, for the block alone."""
    with mpl.style.context(["default", str(STYLE_FILE)]), warnings.catch_warnings():
        # A label in a script that the font lacks is drawn as boxes; the report's text has it whole.
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        yield


def new_figure(width: float, height: float) -> Figure:
    """An empty figure, in inches, that no global state of pyplot knows."""
    figure = Figure(figsize=(width, height))
    FigureCanvasAgg(figure)
    return figure


def panel_size(width: float | None) -> tuple[float, float]:
    """Width and height of a figure of one panel, in inches: narrower ones are somewhat taller."""
    width = width or TEXT_WIDTH
    return width, 3.2 * math.sqrt(width / TEXT_WIDTH)


def figure_bytes(figure: Figure, format: str) -> bytes:
    """The figure as ``svg``, ``pdf`` or ``png`` without a date: equal figures, equal bytes.

    Raises
    ------
    ValueError
        For another format.
    """
    if format not in ("svg", "pdf", "png"):
        raise ValueError(f"format must be svg, pdf or png; got {format!r}.")
    buffer = io.BytesIO()
    # The canvases' own writers draw once, where savefig draws a second time to find out the layout.
    # Vector formats are laid out at their own resolution; this one is that of images in them, which
    # hold smooth areas only.
    figure.dpi = mpl.rcParams["savefig.dpi"] if format == "png" else _DPI_OF_IMAGES
    if format == "svg":
        FigureCanvasSVG(figure).print_svg(buffer, metadata={"Date": None})  # type: ignore[no-untyped-call]
    elif format == "pdf":
        FigureCanvasPdf(figure).print_pdf(buffer, metadata={"CreationDate": None})  # type: ignore[no-untyped-call]
    else:
        FigureCanvasAgg(figure).print_png(buffer, metadata={"Software": None})  # type: ignore[no-untyped-call]
    return _rounded(buffer.getvalue()) if format == "svg" else buffer.getvalue()


def _rounded(svg: bytes) -> bytes:
    """Coordinates to a hundredth of a point, of which Matplotlib writes millionths; texts stay."""
    return re.sub(rb"<[^>]+>", lambda tag: re.sub(rb"(\.\d\d)\d+", rb"\1", tag[0]), svg)


def save_figure(figure: Figure, path: Path, formats: Sequence[str] = ("pdf", "svg", "png")) -> None:
    """Write ``path`` once for each format, with that suffix."""
    for format in formats:
        write_atomic(path.with_name(f"{path.name}.{format}"), figure_bytes(figure, format))


def legend_above(axes: Axes, figure: Figure) -> None:
    """Put the legend of ``axes`` above it, where it covers no data, in as many columns as fit.

    The figure grows by the rows beyond the second, so that many checkpoints leave room for data.
    """
    handles, labels = axes.get_legend_handles_labels()
    if labels:
        columns = _fitting_columns(labels, figure)
        rows = -(-len(labels) // columns)
        width, height = figure.get_size_inches()
        figure.set_size_inches(width, height + max(0, rows - 2) * _LEGEND_ROW)
        axes.legend(handles, labels, loc="lower left", bbox_to_anchor=(0, 1.0), ncols=columns)


def legend_above_all(figure: Figure) -> None:
    """Put one legend above all axes of ``figure``, of what the first of them draws."""
    handles, labels = figure.axes[0].get_legend_handles_labels()
    if labels:
        columns = _fitting_columns(labels, figure)
        figure.legend(handles, labels, loc="outside upper left", ncols=columns)


def _fitting_columns(labels: Sequence[str], figure: Figure) -> int:
    width = 0.42 + 0.062 * max(len(label) for label in labels)  # inches, of one entry
    return min(max(1, int((figure.get_figwidth() - 0.6) / width)), len(labels))
