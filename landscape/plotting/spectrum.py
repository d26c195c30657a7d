"""Figures of a spectrum: density, eigenvalues at both ends, trace, layers."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from landscape.catalog.scales import scale_called
from landscape.page.style import (
    GRID,
    INK,
    PAPER,
    Stroke,
    figure_text,
    flatter_to_sharper,
    mark_series,
    plain_log_axis,
    read_out,
    stroke_of,
)
from landscape.plotting.band import Band, band_of, draw_band, grouped
from landscape.results import Eigenvalues, LayerRow, LayerTable, SpectralDensity, Trace
from landscape.values import gamma_interval

Strokes = Mapping[str, Stroke]
Values = NDArray[np.floating]
_RUG_HEIGHT = 0.035  # of the axes, for each checkpoint's row of ticks
_MOST_RUGS = 6


def _of_unit(results: Sequence[SpectralDensity | Eigenvalues | Trace | LayerTable]) -> str:
    """The unit in brackets; of scaled operators before it what S is."""
    scales = [scale_called(name) for name in sorted({r.operator.scale for r in results})]
    scaled = ", ".join(kind.words or kind.name for kind in scales if kind.name != "none")
    if not scaled:
        return " (loss per unit of θ²)"
    units = dict.fromkeys(kind.unit for kind in scales if kind.name != "none")
    forms = dict.fromkeys(kind.form for kind in scales if kind.name != "none")
    return f" of {' or '.join(forms)}, S = {scaled} ({', '.join(units)})"


def plot_density(
    results: Sequence[SpectralDensity],
    ax: Axes,
    *,
    strokes: Strokes | None = None,
    groups: Mapping[str, str] | None = None,
    log: bool = True,
) -> None:
    """Draw φ(λ), one line a checkpoint, with a 95 % band, over probes and steps.

    ``groups`` names what each label is drawn as: the runs of one group share a line, their
    median, and a band from the lowest to the highest of them. On the log axis the bottom is a
    tenth of what a single eigenvalue of mass 1/P adds at its peak: nothing below it is a count of
    anything. Ticks along the bottom are the converged eigenvalues, a row for each checkpoint.
    """
    labels = [r.subject.label for r in results]
    floor = min(0.1 / (r.operator.num_params * r.bandwidth * np.sqrt(2 * np.pi)) for r in results)
    members_of = grouped(results, groups)
    for name, members in members_of.items():
        stroke = stroke_of(members[0].subject.label, strokes, labels)
        draw_band(ax, _shown(_band(members), floor, log), stroke, label=figure_text(name))
    rows = list(members_of.values()) if len(members_of) <= _MOST_RUGS else []
    for row, members in enumerate(rows):
        stroke = stroke_of(members[0].subject.label, strokes, labels)
        _rug(ax, np.concatenate([r.atoms for r in members]), row, stroke)
    if log:
        ax.set_yscale("log")
        plain_log_axis(ax.yaxis)
        top = max(float((r.density + r.stderr).max()) for r in results)
        height = np.log(3 * top / floor)
        strip = _RUG_HEIGHT * (len(rows) + 0.4)
        ax.set_ylim(floor * np.exp(-height * strip / (1 - strip)), 3 * top)
    else:
        ax.set_ylim(bottom=0)
    ax.set(xlabel=f"eigenvalue λ{_of_unit(results)}", ylabel="density φ(λ)")
    read_out(ax, "λ = {:.4g}", "φ = {:.3g}")


def _band(members: Sequence[SpectralDensity]) -> Band:
    """Of one result its density with its 95 % interval; of several their median and range."""
    if len(members) == 1:
        (r,) = members
        return Band(r.grid, r.density, *gamma_interval(r.density, r.stderr))
    return band_of([(r.grid, r.density) for r in members], outside=0.0)


def _shown(band: Band, floor: float, log: bool) -> Band:
    """What stands on the axes: nothing below their foot, and no band that lies there whole."""
    lowest = floor if log else 0.0
    high = np.where(band.high > lowest, band.high, lowest)
    low = np.where(band.low > lowest, band.low, lowest)
    return Band(band.x, np.where(band.middle >= lowest, band.middle, np.nan), low, high)


def _rug(ax: Axes, atoms: Values, row: int, stroke: Stroke) -> None:
    ticks = ax.vlines(
        atoms,
        row * _RUG_HEIGHT,
        (row + 0.8) * _RUG_HEIGHT,
        transform=ax.get_xaxis_transform(),
        color=stroke.colour,
        linewidth=0.9,
    )
    mark_series(ticks, stroke)


def plot_eigenvalues(
    results: Sequence[Eigenvalues], ax: Axes, *, strokes: Strokes | None = None
) -> None:
    """Draw both ends against their rank from the end; hollow where not converged.

    Bars are one standard error over data shards where there are shards, else the 95 % interval of
    the largest for the set that the examples stand for. The edge of stability is drawn
    where the eigenvalues come near it.
    """
    labels = [r.subject.label for r in results]
    ax.axhline(0, color=INK, linewidth=0.6)
    for place, result in enumerate(results):
        stroke = stroke_of(result.subject.label, strokes, labels)
        shift = 0.5 * (place - (len(results) - 1) / 2) / max(len(results), 2)
        for end in (result.largest, result.smallest):
            if not end:
                continue
            ranks = np.arange(1, len(end) + 1) + shift
            values = np.array([e.value for e in end])
            bars = _reach(result) if end is result.largest else np.zeros((2, len(end)))
            converged = np.array([e.converged for e in end])
            named = end is result.largest or not result.largest
            (line,) = ax.plot(
                ranks,
                values,
                color=stroke.colour,
                linestyle=stroke.dash,
                linewidth=0.7,
                marker=stroke.marker,
                markevery=list(np.flatnonzero(converged)),
                label=figure_text(result.subject.label) if named else None,
            )
            mark_series(line, stroke)
            _bars(ax, ranks, values, bars, stroke)
            if not converged.all():
                (hollow,) = ax.plot(
                    ranks[~converged],
                    values[~converged],
                    color=stroke.colour,
                    linestyle="none",
                    marker=stroke.marker,
                    markerfacecolor=PAPER,
                )
                mark_series(hollow, stroke)
    _stability_edge(results, ax)
    ax.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    read_out(ax, "rank {:.0f}", "λ = {:.4g}")
    ax.set(xlabel="rank, counted from each end", ylabel=f"eigenvalue λ{_of_unit(results)}")


def _reach(result: Eigenvalues) -> Values:
    """How far bars go below and above each of the largest, shape (2, k)."""
    if result.shard_stderr:
        return np.array([result.shard_stderr] * 2)
    bars = np.zeros((2, len(result.largest)))
    top = result.largest[0]
    if top.population is not None:
        low = 0.0 if top.population.low is None else top.population.low
        bars[:, 0] = max(0.0, top.value - low), max(0.0, top.population.high - top.value)
    return bars


def _bars(ax: Axes, x: Values, y: Values, bars: Values, stroke: Stroke) -> None:
    _, caps, (bodies,) = ax.errorbar(
        x, y, yerr=bars, fmt="none", color=stroke.colour, ecolor=stroke.colour, elinewidth=0.8
    )
    for part in (*caps, bodies):
        mark_series(part, stroke)


def _stability_edge(results: Sequence[Eigenvalues], ax: Axes) -> None:
    edges = {r.stability_edge for r in results if r.stability_edge is not None}
    top = max((e.value for r in results for e in r.largest), default=0.0)
    for edge in sorted(edges):
        if edge <= 3 * top:
            ax.axhline(edge, color=INK, linewidth=0.8, linestyle=(0, (4, 2)))
            ax.annotate(
                "edge of stability",
                (1, edge),
                xycoords=("axes fraction", "data"),
                xytext=(0, 2),
                textcoords="offset points",
                ha="right",
                fontsize=7,
            )


def plot_trace(results: Sequence[Trace], ax: Axes, *, strokes: Strokes | None = None) -> None:
    """Draw the traces, a row for each checkpoint, with bars of one standard error over probes.

    Small marks are the traces on each disjoint data shard.
    """
    labels = [r.subject.label for r in results]
    for row, result in enumerate(results):
        stroke = stroke_of(result.subject.label, strokes, labels)
        point, caps, bodies = ax.errorbar(
            [result.trace.mean],
            [row],
            xerr=[result.trace.stderr or 0.0],
            color=stroke.colour,
            marker=stroke.marker,
            linestyle="none",
            elinewidth=1.0,
            label=figure_text(result.subject.label),
        )
        (shards,) = ax.plot(
            result.shards,
            [row + 0.28] * len(result.shards),
            color=stroke.colour,
            marker="|",
            linestyle="none",
        )
        for part in (point, *caps, *bodies, shards):
            mark_series(part, stroke)
    ax.set_yticks(range(len(results)), [figure_text(label) for label in labels])
    ax.set_ylim(len(results) - 0.5, -0.5)
    ax.grid(visible=False, axis="y")
    read_out(ax, "trace = {:.4g}", "")
    if len(results) > 1:
        flatter_to_sharper(ax, f"trace{_of_unit(results)}")
    else:
        ax.set_xlabel(f"trace{_of_unit(results)}")


def shows_traces(results: Sequence[LayerTable]) -> bool:
    """Whether their layers are shown by their traces: none has an eigenvalue."""
    return all(row.largest is None for r in results for row in r.rows)


def layers_shown(results: Sequence[LayerTable]) -> list[str]:
    """The layers that have a row in a figure: of traces, those that are known."""
    of_traces = shows_traces(results)
    rows = [row for r in results for row in r.rows if not of_traces or row.trace is not None]
    return list(dict.fromkeys(row.name for row in rows))


def plot_layers(results: Sequence[LayerTable], ax: Axes, *, strokes: Strokes | None = None) -> None:
    """Draw the largest eigenvalue of each layer's block, on a log axis; hollow if not converged.

    Where no layer has one, its trace with one standard error. A layer whose value is not positive
    has no place on the axis and is left out.
    """
    labels = [r.subject.label for r in results]
    names, of_traces = layers_shown(results), shows_traces(results)
    is_empty = True
    for place, result in enumerate(results):
        stroke = stroke_of(result.subject.label, strokes, labels)
        shift = 0.6 * (place - (len(results) - 1) / 2) / max(len(results), 2)
        found = [(row.name, _layer_value(row, of_traces)) for row in result.rows]
        shown = [(name, *value) for name, value in found if value is not None and value[0] > 0]
        for converged in (True, False):
            marks = [mark for mark in shown if mark[3] is converged]
            if not marks:
                continue
            drawn = ax.errorbar(
                [value for _, value, _, _ in marks],
                [names.index(name) + shift for name, _, _, _ in marks],
                xerr=[error for _, _, error, _ in marks] if of_traces else None,
                color=stroke.colour,
                marker=stroke.marker,
                markerfacecolor=stroke.colour if converged else PAPER,
                linestyle="none",
                label=figure_text(result.subject.label) if marks[0] is shown[0] else None,
            )
            for part in drawn.get_children():
                mark_series(part, stroke)
            is_empty = False
    if not is_empty:
        ax.set_xscale("log")
        plain_log_axis(ax.xaxis)
    ax.set_yticks(range(len(names)), [figure_text(name) for name in names])
    ax.set_ylim(len(names) - 0.5, -0.5)
    for edge in range(1, len(names)):
        ax.axhline(edge - 0.5, color=GRID, linewidth=0.5)
    ax.grid(visible=False, axis="y")
    read_out(ax, "trace = {:.4g}" if of_traces else "λ = {:.4g}", "")
    ax.fmt_ydata = lambda y: names[min(max(round(y), 0), len(names) - 1)]
    what = "trace" if of_traces else "largest eigenvalue"
    ax.set_xlabel(f"{what} of the block\n{_of_unit(results).strip()}")


def _layer_value(row: LayerRow, of_traces: bool) -> tuple[float, float, bool] | None:
    """What is drawn of a layer, its standard error, and whether it has converged."""
    if of_traces:
        return None if row.trace is None else (row.trace.mean, row.trace.stderr or 0.0, True)
    return None if row.largest is None else (row.largest.value, 0.0, row.largest.converged)
