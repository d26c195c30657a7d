"""How much noise the weights bear before the accuracy falls: the σ of PAC-Bayes bounds."""

import math
from collections.abc import Callable
from functools import partial
from typing import Literal, NamedTuple

import torch
from torch import Generator, Tensor

from landscape.curvature.perturbation import noise_like
from landscape.linalg.units import Keep, afresh, number
from landscape.objective.risk import EmpiricalRisk

_SMALLEST, _USUAL, _LARGEST = 1e-5, 0.08, 8.0
_SLOPE_FACTOR = 2**0.25  # accuracies this far on either side give the slope for the error


class ToleratedNoise(NamedTuple):
    """A relative radius, with what bounds it."""

    radius: float
    stderr: float | None  # over noise draws, by the slope of the accuracy there
    # The accuracy holds even at ``radius``, the largest tried, or not even there, at the smallest.
    bound: Literal["lower", "upper"] | None
    num_evaluations: int


def tolerated_noise(
    risk: EmpiricalRisk,
    scale: Tensor,
    *,
    accuracy_drop: float,
    num_pairs: int,
    tol: float,
    rng: Generator,
    keep: Keep = afresh,
) -> ToleratedNoise:
    """Largest ρ with E accuracy(θ + ρ S ε) >= accuracy(θ) - ``accuracy_drop``.

    By bisection on log ρ, to the factor 1 + ``tol``; about 10 radii are tried. Every ρ sees the
    same antithetic pairs of noise, so the mean accuracy is one fixed function of ρ, and
    differences between checkpoints are not differences between draws.

    Raises
    ------
    ValueError
        If the targets are no classes, or the drop leaves no accuracy to hold.

    References
    ----------
    .. [1] Jiang et al. (2020), arXiv 1912.02178, section 4.3 (sharpness-based bounds, σ).
    """
    start = risk.evaluate().accuracy
    if start is None:
        raise ValueError("tolerated noise needs class targets: this risk has no accuracy.")
    if not 0 < accuracy_drop < 1:
        raise ValueError(f"accuracy_drop must lie in (0, 1), a fraction; got {accuracy_drop}.")
    if num_pairs < 2 or not tol > 0:
        raise ValueError(
            f"num_pairs must be at least 2 and tol positive; got {num_pairs} and {tol}."
        )
    steps = _Draws(risk, scale, num_pairs, rng.get_state(), keep)
    goal = start - accuracy_drop - 1e-12  # rounding is not to decide a tie

    def holds(radius: float) -> bool:
        return bool(steps.accuracies(radius).mean() >= goal)

    low, high = _bracket(holds)
    if low == high:
        bound: Literal["lower", "upper"] = "lower" if low >= _USUAL else "upper"
        return ToleratedNoise(low, None, bound, steps.num_evaluations + 1)
    while high > low * (1 + tol):
        middle = math.sqrt(low * high)
        low, high = (middle, high) if holds(middle) else (low, middle)
    radius = math.sqrt(low * high)
    spread = float(steps.accuracies(radius).std()) / num_pairs**0.5
    above, below = radius * _SLOPE_FACTOR, radius / _SLOPE_FACTOR
    fall = float(steps.accuracies(below).mean() - steps.accuracies(above).mean())
    stderr = spread * (above - below) / fall if fall > 0 else None
    return ToleratedNoise(radius, stderr, None, steps.num_evaluations + 1)


def _bracket(holds: Callable[[float], bool]) -> tuple[float, float]:
    """Radii a factor 2 apart: the accuracy holds at the first and no longer at the second.

    Where the search from a usual radius leaves its limits, both are the last radius tried.
    """
    radius = _USUAL
    if holds(radius):
        while 2 * radius <= _LARGEST:
            if not holds(2 * radius):
                return radius, 2 * radius
            radius *= 2
    else:
        while radius / 2 >= _SMALLEST:
            radius /= 2
            if holds(radius):
                return radius, 2 * radius
    return radius, radius


class _Draws:
    """Accuracies under the same noise at any radius: drawn anew from one state, not stored."""

    def __init__(
        self, risk: EmpiricalRisk, scale: Tensor, num_pairs: int, state: Tensor, keep: Keep
    ) -> None:
        self.risk, self.scale, self.num_pairs, self.state = risk, scale, num_pairs, state
        self.keep = keep
        self.num_evaluations = 0

    def accuracies(self, radius: float) -> Tensor:
        """Mean accuracy of each antithetic pair, shape (num_pairs,)."""
        rng = torch.Generator()
        rng.set_state(self.state)
        self.num_evaluations += 2 * self.num_pairs
        means = [
            number(
                self.keep,
                f"radius {radius!r} pair {pair}",
                partial(self._mean, radius * self.scale * noise_like(self.risk, rng)),
            )
            for pair in range(self.num_pairs)
        ]
        return torch.tensor(means, dtype=torch.float64)

    def _mean(self, step: Tensor) -> float:
        mean = 0.0
        for sign in (1, -1):
            accuracy = self.risk.evaluate(self.risk.theta + sign * step).accuracy
            assert accuracy is not None  # the door of tolerated_noise saw to it
            mean += accuracy / 2
        return mean
