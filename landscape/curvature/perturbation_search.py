"""The radius at which noise on the weights has a stated effect: a search under the same noise.

Every radius sees the same antithetic pairs, so what is measured is one fixed function of the
radius, and differences between checkpoints are not differences between draws.
"""

import math
from collections.abc import Callable
from functools import partial
from typing import Literal, NamedTuple

import torch
from torch import Generator, Tensor

from landscape.curvature.perturbation import noise_like
from landscape.linalg.linear_map import LinearMap
from landscape.linalg.units import Keep, numbers
from landscape.objective.risk import EmpiricalRisk, Evaluation

_USUAL, _LARGEST = 0.08, 8.0

# The effect is not reached even at the largest radius tried; it is exceeded even at the smallest.
Bound = Literal["lower", "upper"]


class Bracket(NamedTuple):
    """Radii between which the effect is reached; both the last one tried where it is not."""

    low: float
    high: float
    bound: Bound | None

    @property
    def middle(self) -> float:
        return math.sqrt(self.low * self.high)


def bracket(holds: Callable[[float], bool], *, smallest: float, tol: float) -> Bracket:
    """By bisection on log ρ: what holds at ``low`` no longer does at ``high`` <= low (1 + tol).

    From a usual radius by factors of 2 within [``smallest``, 8] first.
    """
    low = high = _USUAL
    if holds(_USUAL):
        while True:
            low, high = high, 2 * high
            if high > _LARGEST:
                return Bracket(low, low, "lower")
            if not holds(high):
                break
    else:
        while True:
            low, high = low / 2, low
            if low < smallest:
                return Bracket(high, high, "upper")
            if holds(low):
                break
    while high > low * (1 + tol):
        middle = math.sqrt(low * high)
        low, high = (middle, high) if holds(middle) else (low, middle)
    return Bracket(low, high, None)


class SameNoise:
    """What ``read`` takes from the risk, under the same noise at any radius.

    The noise is drawn anew from the state of ``rng`` each time, not stored; values are.
    """

    def __init__(
        self,
        risk: EmpiricalRisk,
        scale: LinearMap,
        read: Callable[[Evaluation], float],
        *,
        num_pairs: int,
        rng: Generator,
        keep: Keep,
    ) -> None:
        self.risk, self.scale, self.read = risk, scale, read
        self.num_pairs, self.state, self.keep = num_pairs, rng.get_state(), keep
        self._found: dict[float, Tensor] = {}

    @property
    def num_evaluations(self) -> int:
        """Passes over the examples so far."""
        return 2 * self.num_pairs * len(self._found)

    def means(self, radius: float) -> Tensor:
        """The mean over the two signs of each pair, shape (num_pairs,), float64."""
        if radius not in self._found:
            rng = torch.Generator()
            rng.set_state(self.state)
            units = (
                (
                    f"radius {radius!r} pair {pair}",
                    partial(self._mean, radius * (self.scale @ noise_like(self.risk, rng))),
                )
                for pair in range(self.num_pairs)
            )
            self._found[radius] = torch.tensor(numbers(self.keep, units), dtype=torch.float64)
        return self._found[radius]

    def _mean(self, step: Tensor) -> float:
        plus, minus = (self.risk.evaluate(self.risk.theta + sign * step) for sign in (1, -1))
        return (self.read(plus) + self.read(minus)) / 2
