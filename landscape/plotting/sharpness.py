"""A figure of sharpness measures: one dot plot of ratios, a row a measure."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes

from landscape.page.style import (
    INK,
    Stroke,
    figure_text,
    flatter_to_sharper,
    mark_series,
    plain_log_axis,
    read_out,
    stroke_of,
)
from landscape.results import Measure, SharpnessTable, measure_title

_WIDE = 1.5  # the least factor that the axis spans on either side of 1


def compared_rows(tables: Sequence[SharpnessTable]) -> list[Measure]:
    """The measures with a flatter side that two tables or more hold with positive values."""
    found: dict[str, list[Measure]] = {}
    for table in tables:
        for row in table.rows:
            if row.better != "neither" and row.value > 0:
                found.setdefault(row.label, []).append(row)
    return [rows[0] for rows in found.values() if len(rows) > 1]


def plot_sharpness(
    tables: Sequence[SharpnessTable],
    ax: Axes,
    *,
    strokes: Mapping[str, Stroke] | None = None,
    baseline: str | None = None,
) -> None:
    """Draw each measure of every checkpoint over that of ``baseline``, one log axis for all.

    Without a baseline, or where it lacks the measure, over the geometric mean of the checkpoints.
    Left is flatter: of a measure that is flatter where it is larger the ratio is turned over. Bars
    are ± 1 standard error; a value that is not positive has no ratio.
    """
    rows, labels = compared_rows(tables), [t.subject.label for t in tables]
    ax.axvline(1, color=INK, linewidth=0.8)
    reach = [1 / _WIDE, _WIDE]
    references = {row.label: _reference(tables, row, baseline) for row in rows}
    for index, table in enumerate(tables):
        stroke = stroke_of(table.subject.label, strokes, labels)
        aside = 0.5 * (index - (len(tables) - 1) / 2) / max(len(tables), 2)
        held = {row.label: row for row in table.rows if row.value > 0}
        shown = [(place, held[row.label]) for place, row in enumerate(rows) if row.label in held]
        if not shown:
            continue
        ratios = np.array([_ratio(row, references[row.label]) for _, row in shown])
        errors = ratios * [(row.stderr or 0.0) / row.value for _, row in shown]
        reach += [*ratios]
        drawn = ax.errorbar(
            ratios,
            [place + aside for place, _ in shown],
            # A bar to zero would have no end on the axis.
            xerr=[np.minimum(errors, 0.9 * ratios), errors],
            color=stroke.colour,
            marker=stroke.marker,
            markersize=3.5,
            linestyle="none",
            linewidth=1.0,
            label=figure_text(table.subject.label),
        )
        for artist in drawn.get_children():
            mark_series(artist, stroke)
    ax.set_xscale("log")
    ax.set_xlim(min(reach) / 1.1, max(reach) * 1.1)
    plain_log_axis(ax.xaxis)
    spiking = any(t.subject.spiking for t in tables)
    names = [_two_lines(measure_title(row, spiking=spiking)) for row in rows]
    ax.set_yticks(range(len(rows)), names, linespacing=1.05)
    ax.set_ylim(len(rows) - 0.5, -0.5)
    ax.grid(visible=False, axis="y")
    flatter_to_sharper(ax, f"ratio to {figure_text(baseline or 'the geometric mean')}")
    read_out(ax, "ratio {:.3g}", "")


def _reference(tables: Sequence[SharpnessTable], row: Measure, baseline: str | None) -> float:
    values = {
        t.subject.label: r.value
        for t in tables
        for r in t.rows
        if r.label == row.label and r.value > 0
    }
    return values.get(baseline or "", float(np.exp(np.mean(np.log([*values.values()])))))


def _ratio(row: Measure, reference: float) -> float:
    return row.value / reference if row.better == "lower" else reference / row.value


def _two_lines(title: str) -> str:
    name, bracket, details = title.partition(" (")
    return f"{figure_text(name)}\n{figure_text(bracket[1:] + details, longest=34)}"
