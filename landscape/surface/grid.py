"""The coordinates at which a surface is measured: axes, their points, refinement, shards."""

import itertools
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Point = tuple[float, ...]


def parse_axis(text: str) -> Array:
    """Read ``START:STOP:COUNT``, e.g. ``-1:1:51``: COUNT equally spaced coordinates, both ends.

    Raises
    ------
    ValueError
        If the text has another form, the ends are not ascending and finite, or COUNT < 2.
    """
    parts = text.split(":")
    try:
        start, stop, count = float(parts[0]), float(parts[1]), int(parts[2])
        well_formed = len(parts) == 3
    except (ValueError, IndexError):
        well_formed = False
    if not well_formed:
        raise ValueError(f"an axis must be START:STOP:COUNT, e.g. -1:1:51; got {text!r}.")
    if not (np.isfinite([start, stop]).all() and start < stop):
        raise ValueError(f"an axis must run from a smaller to a larger number; got {text!r}.")
    if count < 2:
        raise ValueError(f"an axis must have at least 2 points; got {text!r}.")
    axis = np.linspace(start, stop, count)
    # θ itself must be on the grid where it is meant to be, not 1e-17 beside it.
    axis[np.abs(axis) < 1e-12 * (stop - start)] = 0.0
    return axis


def axis_around(values: Array, count: int) -> Array:
    """About ``count`` coordinates in equal steps, 0 among them, that hold ``values`` with a margin.

    The margin is a tenth of the values' range (0 counted in), at least one step.
    """
    low, high = min(0.0, float(values.min())), max(0.0, float(values.max()))
    step = 1.2 * (high - low) / (count - 1)
    if step < np.finfo(float).tiny:  # below it steps are no longer equal, or none
        raise ValueError(
            "values must reach away from 0 for an axis around them; the farthest is "
            f"{max(-low, high):g} away."
        )
    before, after = (int(np.ceil(1.1 * reach / step)) or 1 for reach in (-low, high))
    return step * np.arange(-before, after + 1, dtype=np.float64)


def grid_points(axes: Sequence[Array]) -> list[Point]:
    """All points of the tensor grid, nearest to the origin first.

    An interrupted run has then measured the middle, and strided shards cost the same. Distances
    are in units of each axis's reach; ties keep the grid's order.
    """
    reach = [max(float(np.abs(axis).max()), np.finfo(float).tiny) for axis in axes]
    points = list(itertools.product(*(axis.tolist() for axis in axes)))
    distances = [sum((c / r) ** 2 for c, r in zip(p, reach, strict=True)) for p in points]
    return [points[k] for k in np.argsort(distances, kind="stable")]


def refine(axes: Sequence[Array], losses: Array, *, halvings: int) -> list[Array]:
    """Add coordinates on both sides of the lowest finite loss: midpoints, ``halvings`` times.

    The result is still a tensor grid, with axes that are closer near the minimum:
    ``2 * halvings`` new coordinates an axis, fewer where the minimum lies on the border.
    ``losses`` has one entry a grid point; where none is finite, nothing is added.
    """
    if not np.isfinite(losses).any():
        return list(axes)
    lowest = np.unravel_index(
        np.argmin(np.where(np.isfinite(losses), losses, np.inf)), losses.shape
    )
    refined = []
    for axis, k in zip(axes, lowest, strict=True):
        centre = axis[k]
        neighbours = [axis[n] for n in (int(k) - 1, int(k) + 1) if 0 <= n < len(axis)]
        added = [centre + (n - centre) / 2**h for n in neighbours for h in range(1, halvings + 1)]
        refined.append(np.unique(np.concatenate([axis, added])))
    return refined


def take_shard(points: Sequence[Point], shard: tuple[int, int]) -> list[Point]:
    """Every n-th point, starting at the i-th: disjoint over i, together all."""
    index, count = shard
    return list(points[index - 1 :: count])


def assemble(axes: Sequence[Array], values: dict[Point, float]) -> Array:
    """Values on the grid, shape (len(axis), …): entry [i, j] is that of (axes[0][i], axes[1][j]).

    Raises
    ------
    ValueError
        If points are missing; the message says how many.
    """
    points = list(itertools.product(*(axis.tolist() for axis in axes)))
    missing = sum(p not in values for p in points)
    if missing:
        raise ValueError(
            f"{missing} of {len(points)} grid points have not been measured; run the command of "
            "each shard to its end, then merge again."
        )
    return np.array([values[p] for p in points]).reshape([len(axis) for axis in axes])
