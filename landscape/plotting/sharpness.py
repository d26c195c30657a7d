"""A figure of sharpness measures: a small panel for each, checkpoints side by side."""

from collections.abc import Mapping, Sequence
from textwrap import fill
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from landscape.catalog import MEASURES
from landscape.page.style import (
    Stroke,
    figure_text,
    mark_series,
    plain_log_axis,
    read_out,
    stroke_of,
)
from landscape.results import Measure, SharpnessTable

_MOST_NAMED = 6  # places of one axis whose names have room


class Panel(NamedTuple):
    """What one axis shows: the values of a measure that have one unit."""

    name: str  # a key of MEASURES
    unit: str
    title: str


def plot_sharpness(
    tables: Sequence[SharpnessTable],
    figure: Figure,
    *,
    strokes: Mapping[str, Stroke] | None = None,
) -> None:
    """Fill ``figure`` with a panel a measure and unit; bars are ± 1 standard error.

    Scaled curvature is a loss, plain curvature a loss per θ²: two panels. Measures at several
    radii are drawn against them, at the filter scale where there is one, since that does not
    change under rescaled filters; the others side by side, one place for each scale or layer.
    """
    panels = panels_of(tables)
    columns = min(len(panels), max(2, round(figure.get_figwidth() / 2.2)))
    rows = -(-len(panels) // columns)
    grid = figure.subplots(rows, columns, squeeze=False)
    for panel, ax in zip(panels, grid.flat, strict=False):
        _draw(panel, tables, ax, strokes)
    for ax in grid.flat[len(panels) :]:
        ax.set_axis_off()


def panels_of(tables: Sequence[SharpnessTable]) -> list[Panel]:
    """A panel for each measure and unit that the tables hold, in the order of ``MEASURES``."""
    every = [row for table in tables for row in table.rows]
    panels = []
    for name in MEASURES:
        units = list(dict.fromkeys(row.unit for row in every if row.name == name))
        for unit in units:
            scales = dict.fromkeys(r.scale for r in every if (r.name, r.unit) == (name, unit))
            scaled = " or ".join(scale for scale in scales if scale != "none")
            told = f", {scaled} scale" if scaled and len(units) > 1 else ""
            panels.append(Panel(name, unit, MEASURES[name].title + told))
    return panels


def _draw(
    panel: Panel,
    tables: Sequence[SharpnessTable],
    ax: Axes,
    strokes: Mapping[str, Stroke] | None,
) -> None:
    labels = [t.subject.label for t in tables]
    rows = [[r for r in t.rows if (r.name, r.unit) == (panel.name, panel.unit)] for t in tables]
    radii = sorted({row.radius for part in rows for row in part if row.radius is not None})
    over_radii = len(radii) > 1
    if over_radii:
        rows = [_of_one_scale(part) for part in rows]
    every = [row for part in rows for row in part]
    places = list(dict.fromkeys(map(_place, every)))
    for index, (table, part) in enumerate(zip(tables, rows, strict=True)):
        stroke = stroke_of(table.subject.label, strokes, labels)
        aside = 0.5 * (index - (len(tables) - 1) / 2) / len(tables)  # so that none hides another
        asides = [places.index(_place(row)) + aside for row in part]
        drawn = ax.errorbar(
            [row.radius or 0.0 for row in part] if over_radii else asides,
            [row.value for row in part],
            yerr=[row.stderr or 0.0 for row in part],
            color=stroke.colour,
            marker=stroke.marker,
            markersize=3,
            linestyle=stroke.dash if over_radii else "none",
            linewidth=1.0,
            label=figure_text(table.subject.label),
        )
        for artist in drawn.get_children():
            mark_series(artist, stroke)
    if over_radii:
        scale = every[0].scale
        ax.set_xscale("log")
        ax.set_xticks(radii, [f"{r:g}" for r in radii])
        ax.minorticks_off()
        ax.set_xlabel("radius ρ" + ("" if scale == "none" else f", scaled by {scale}"))
    else:
        ax.set_xlim(-0.6, len(places) - 0.4)
        names = [figure_text(place, longest=16) for place in places]
        shown = names if len(places) <= _MOST_NAMED else [""] * len(places)
        ax.set_xticks(range(len(places)), shown)
        ax.tick_params("x", rotation=20 if len("".join(names)) > 24 else 0)
        if radii:
            ax.set_xlabel(f"at radius ρ = {radii[0]:g}")
    values = np.array([row.value for row in every])
    if values.min() > 0 and values.max() > 4 * values.min():
        ax.set_yscale("log")
        plain_log_axis(ax.yaxis)
    ax.set_title(fill(panel.title, 20))
    ax.set_ylabel("" if panel.unit == "1" else panel.unit)
    read_out(ax, "{:.3g}", "{:.4g}")


def _of_one_scale(rows: Sequence[Measure]) -> list[Measure]:
    scales = [row.scale for row in rows]
    scale = "filter" if "filter" in scales else "".join(scales[:1])
    return [row for row in rows if row.scale == scale]


def _place(row: Measure) -> str:
    if row.layer is not None:
        return row.layer.removesuffix(".weight")
    scale = "unscaled" if row.scale == "none" else row.scale
    return scale if row.operator in (None, "hessian") else f"{row.operator}, {scale}"
