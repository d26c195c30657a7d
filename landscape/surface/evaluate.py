"""Measuring a network at many points of a line or plane, one forward pass over the data each.

Each point Σ_k w_k V_k is written from its weights into one buffer of shape (P,), never reached
by steps from the last point, so that no rounding piles up. The network's own tensors are never
written to: nothing needs to be restored.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Protocol

import torch
from torch import Tensor

from landscape.surface.grid import Point

POINTS_TOGETHER = 16  # in one pass, where that is faster

Values = Mapping[str, float]
Weights = Callable[[Point], Sequence[float]]


class Measured(Protocol):
    """Where values of points are put, and which points it has."""

    def __contains__(self, point: Point) -> bool: ...
    def add(self, point: Point, values: Values) -> None: ...


class Span:
    """Weighted sums of vectors V_0 … V_K, shape (P,), formed in one buffer without allocating.

    The tensor that :meth:`at` returns is overwritten by the next call.
    """

    def __init__(self, vectors: Sequence[Tensor]) -> None:
        shapes = {tuple(v.shape) for v in vectors}
        if len(shapes) != 1 or len(next(iter(shapes))) != 1:
            raise ValueError(f"the vectors must all have one shape (P,); got {sorted(shapes)}.")
        self.vectors = [v.detach() for v in vectors]
        self._buffer = torch.empty_like(self.vectors[0])

    @torch.no_grad()
    def at(self, weights: Sequence[float]) -> Tensor:
        """Σ_k w_k V_k. A vector with weight 0 is left out, so its NaN or infinity is too."""
        terms = [(v, w) for v, w in zip(self.vectors, weights, strict=True) if w != 0]
        if not terms:
            return self._buffer.zero_()
        (first, weight), *rest = terms
        torch.mul(first, weight, out=self._buffer)
        for vector, weight in rest:
            self._buffer.add_(vector, alpha=weight)
        return self._buffer


def line_weights(point: Point) -> Sequence[float]:
    """Weights of (θ, d1, …) at coordinates (x, …): θ + x d1 + …."""
    return (1.0, *point)


def chord_weights(point: Point) -> Sequence[float]:
    """Weights of (A, C) at t: (1 - t) A + t C, exact at both ends."""
    (t,) = point
    return (1.0 - t, t)


def bezier_weights(point: Point) -> Sequence[float]:
    """Weights of (A, B, C) at t on the quadratic Bezier curve with bend B, exact at both ends."""
    (t,) = point
    return ((1.0 - t) ** 2, 2.0 * t * (1.0 - t), t**2)


def measure_points(
    points: Iterable[Point],
    span: Span,
    weights: Weights,
    measure: Callable[[Tensor], Values],
    store: Measured,
    progress: Callable[[int, int], None],
    *,
    measure_together: Callable[[Tensor], Sequence[Values]] | None = None,
) -> None:
    """Put ``measure(θ)`` of every point that ``store`` lacks into it, one call a point.

    ``measure`` must not keep its argument, a buffer. Each value is in the store before the next
    point begins; ``progress(done, total)`` counts the points that were there already. With
    ``measure_together``, which takes several θ as rows, ``POINTS_TOGETHER`` points share a call.
    """
    wanted = list(points)
    todo = [p for p in wanted if p not in store]
    done = len(wanted) - len(todo)
    progress(done, len(wanted))
    size = 1 if measure_together is None else POINTS_TOGETHER
    for start in range(0, len(todo), size):
        part = todo[start : start + size]
        if measure_together is None:
            measured: Sequence[Values] = [measure(span.at(weights(point))) for point in part]
        else:
            measured = measure_together(torch.stack([span.at(weights(p)).clone() for p in part]))
        for point, values in zip(part, measured, strict=True):
            store.add(point, values)
            done += 1
            progress(done, len(wanted))
