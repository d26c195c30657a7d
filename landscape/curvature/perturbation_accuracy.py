"""How much noise the weights bear before the accuracy falls: the σ of PAC-Bayes bounds."""

from typing import NamedTuple

from torch import Generator

from landscape.curvature.perturbation_search import Bound, SameNoise, bracket
from landscape.linalg.linear_map import LinearMap
from landscape.linalg.units import Keep, afresh
from landscape.objective.risk import EmpiricalRisk, Evaluation

_SMALLEST = 1e-5
_SLOPE_FACTOR = 2**0.25  # accuracies this far on either side give the slope for the error


class ToleratedNoise(NamedTuple):
    """A relative radius, with what bounds it."""

    radius: float
    stderr: float | None  # over noise draws, by the slope of the accuracy there
    # The accuracy holds even at ``radius``, the largest tried, or not even there, at the smallest.
    bound: Bound | None
    num_evaluations: int


def tolerated_noise(
    risk: EmpiricalRisk,
    scale: LinearMap,
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
    steps = SameNoise(risk, scale, _accuracy, num_pairs=num_pairs, rng=rng, keep=keep)
    goal = start - accuracy_drop - 1e-12  # rounding is not to decide a tie

    def holds(radius: float) -> bool:
        return bool(steps.means(radius).mean() >= goal)

    found = bracket(holds, smallest=_SMALLEST, tol=tol)
    radius = found.middle
    if found.bound is not None:
        return ToleratedNoise(radius, None, found.bound, steps.num_evaluations + 1)
    spread = float(steps.means(radius).std()) / num_pairs**0.5
    above, below = radius * _SLOPE_FACTOR, radius / _SLOPE_FACTOR
    fall = float(steps.means(below).mean() - steps.means(above).mean())
    stderr = spread * (above - below) / fall if fall > 0 else None
    return ToleratedNoise(radius, stderr, None, steps.num_evaluations + 1)


def _accuracy(found: Evaluation) -> float:
    assert found.accuracy is not None  # the door of tolerated_noise saw to it
    return found.accuracy
