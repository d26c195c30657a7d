"""Critical sharpness: how far along the optimiser's next update the loss still falls.

L(θ - η u) falls from η = 0 where u is a direction of descent, and no longer at the critical
learning rate η_c (Kalra et al. 2026, arXiv 2601.16979). On a quadratic it is 2 u·g / u·Hu, so one
forward pass tells where to look next. A rate at which the loss fell and one at which it did not
bracket it; the bracket is narrowed, or first widened, around the rate of the call before.
"""

import math
from collections.abc import Callable

from landscape.results.probe import CriticalStep

WIDTH = 1.1  # high / low at which the search ends
_FURTHEST = 8.0  # that a pass is from the one before, as a factor
_MOST = 16  # forward passes; it takes about 6
_INSIDE = 0.15  # a guess keeps away from the bracket's ends by this part of it, in logarithms


def critical_step(
    rise: Callable[[float], float], slope: float, guess: float, *, rounding: float
) -> CriticalStep | None:
    """Bracket the smallest rate at which the loss does not fall; None: it could not be told.

    Parameters
    ----------
    rise
        L(θ - η u) - L(θ) at a rate η; not finite where the loss overflows.
    slope
        u·∇L, by which the loss falls per rate.
    guess
        Where to look first.
    rounding
        Of a difference of losses: what does not change the loss by more over the bracket is
        nothing that can be told.
    """
    if not slope > 0:
        return CriticalStep(low=0.0, high=0.0)
    low, high, rate = 0.0, math.inf, guess
    for _ in range(_MOST):
        change = rise(rate)
        low, high = (rate, high) if change < 0 else (low, rate)
        if low > 0 and high <= WIDTH * low:
            is_told = slope * (high - low) > rounding
            return CriticalStep(low=low, high=high) if is_told else None
        rate = _next(low, high, rate, change, slope)
    return None


def _next(low: float, high: float, rate: float, change: float, slope: float) -> float:
    """Where the parabola with this slope and this change ends its fall, kept in the bracket."""
    bend = (change + slope * rate) / (rate * rate)  # half of u·Hu
    found = slope / bend if math.isfinite(bend) and bend > 0 else math.inf
    # A little to the side that is open, so that the next pass closes the bracket around it.
    found *= math.pow(WIDTH, 0.4 if change < 0 else -0.4)
    away = math.pow(WIDTH, 0.8)
    if high == math.inf:
        return min(max(found, rate * away), rate * _FURTHEST)
    if low == 0.0:
        return max(min(found, rate / away), rate / _FURTHEST)
    margin = math.pow(high / low, _INSIDE)
    return min(max(found, low * margin), high / margin)
