"""Runs of one group as one line and a band: their median, from the lowest to the highest."""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple, TypeVar

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from landscape.page.style import Stroke, mark_series
from landscape.results import Result

Values = NDArray[np.floating]
_R = TypeVar("_R", bound=Result)
_MARKS = 7  # along a line, where it has any


class Band(NamedTuple):
    """A line with its band over x; NaN where no run has a finite value."""

    x: Values
    middle: Values
    low: Values
    high: Values


def grouped(results: Iterable[_R], groups: Mapping[str, str] | None) -> dict[str, list[_R]]:
    """Results by the name that ``groups`` gives their label, else by the label itself."""
    found: dict[str, list[_R]] = {}
    for result in results:
        label = result.subject.label
        found.setdefault(label if groups is None else groups.get(label, label), []).append(result)
    return found


def positive(values: Values) -> Values:
    """``values`` for a logarithmic axis: NaN where they are not finite, or not above 0."""
    return np.where(np.isfinite(values) & (values > 0), values, np.nan)


def band_of(curves: Sequence[tuple[Values, Values]], *, outside: float = np.nan) -> Band:
    """The median and range of curves (x, y), each ``outside`` where it has no x; NaN is missing.

    Curves of one x are taken at it; others between their points, on as many as the finest has.
    """
    first = curves[0][0]
    if all(np.array_equal(x, first) for x, _ in curves):
        grid, rows = first, [y for _, y in curves]
    else:
        low, high = min(x[0] for x, _ in curves), max(x[-1] for x, _ in curves)
        grid = np.linspace(low, high, max(len(x) for x, _ in curves))
        rows = [np.interp(grid, x, y, left=outside, right=outside) for x, y in curves]
    every = np.ma.masked_invalid(np.array(rows))
    middle = np.ma.median(every, axis=0)  # type: ignore[no-untyped-call]
    found = (middle, every.min(axis=0), every.max(axis=0))
    return Band(grid, *(np.ma.filled(np.ma.asarray(v, dtype=float), np.nan) for v in found))


def draw_band(ax: Axes, band: Band, stroke: Stroke, *, label: str, marker: bool = False) -> Line2D:
    """Draw the line and its band in the group's colour."""
    (line,) = ax.plot(
        band.x,
        band.middle,
        color=stroke.colour,
        linestyle=stroke.dash,
        linewidth=1.1,
        marker=stroke.marker if marker else None,
        markersize=3,
        markevery=max(1, len(band.x) // _MARKS),
        label=label,
    )
    mark_series(line, stroke)
    wide = band.high > band.low
    if wide.any():
        area = ax.fill_between(
            band.x,
            band.low,
            band.high,
            where=wide.tolist(),
            color=stroke.colour,
            alpha=0.2,
            linewidth=0,
        )
        mark_series(area, stroke)
    return line
