"""How much noise the weights bear before the loss has risen by a stated amount."""

import math
from typing import NamedTuple

import torch
from torch import Generator, Tensor

from landscape.curvature.perturbation_search import Bound, SameNoise, bracket
from landscape.curvature.smoothing import base_radius, check_pairs, over_base
from landscape.linalg.linear_map import LinearMap
from landscape.linalg.units import Keep, afresh, number
from landscape.objective.risk import EmpiricalRisk

_SMALLEST = 1e-3
# The loss is followed along a straight line in ρ between radii so close: 0.1 % of the radius on a
# quadratic, exact on a cusp.
_TOL = 0.1


class RadiusOfRise(NamedTuple):
    """A relative radius, with what bounds it."""

    radius: float
    stderr: float | None  # over noise draws, by the slope of the rise there
    rise: float  # that it stands for, in units of the loss
    # The loss has risen less even at ``radius``, the largest tried, or more at the smallest.
    bound: Bound | None
    num_evaluations: int


def radius_of_rise(
    risk: EmpiricalRisk,
    scale: LinearMap,
    *,
    share: float,
    num_pairs: int,
    rng: Generator,
    keep: Keep = afresh,
) -> RadiusOfRise | None:
    """The ρ at which the expected rise is ``share`` of L(0), the loss with θ = 0; None: L(0) <= 0.

    The rise is that of :func:`landscape.curvature.smoothing.expected_rise`, under the same noise
    if ``rng`` is in the same state. L(0) is the loss of a network that tells nothing: log K of
    cross-entropy over K classes, that of no spikes of a spiking network. It is the same for all
    networks of one architecture on the same examples, so that all have to rise by the same amount:
    a share of L(θ) would vanish where the loss does, and be smaller for the network trained
    further. About 7 radii are tried.

    Parameters
    ----------
    scale
        S, as ``relative_scale`` gives it.

    Raises
    ------
    ValueError
        If ``share`` is not in (0, 1), or there are less than two pairs.
    """
    check_pairs(num_pairs)
    if not 0 < share < 1:
        raise ValueError(f"share must lie in (0, 1), a fraction of the loss at θ = 0; got {share}.")
    empty = number(keep, "zero", lambda: risk.evaluate(torch.zeros_like(risk.theta)).loss)
    if not 0 < empty < math.inf:
        return None
    goal = share * empty
    noise = SameNoise(
        risk, scale, lambda found: found.loss, num_pairs=num_pairs, rng=rng, keep=keep
    )

    def rises(radius: float) -> Tensor:
        return over_base(noise.means(base_radius(radius)), noise.means(radius), radius)

    found = bracket(lambda r: float(rises(r).mean()) < goal, smallest=_SMALLEST, tol=_TOL)
    radius, stderr = found.middle, None
    if found.bound is None:
        low, high = rises(found.low), rises(found.high)
        climb = float((high - low).mean())
        if math.isfinite(climb):  # positive, since the rise passes the goal
            part = (goal - float(low.mean())) / climb
            radius = found.low + part * (found.high - found.low)
            spread = float((low + part * (high - low)).std()) / num_pairs**0.5
            stderr = spread * (found.high - found.low) / climb
    return RadiusOfRise(radius, stderr, goal, found.bound, noise.num_evaluations + 1)
