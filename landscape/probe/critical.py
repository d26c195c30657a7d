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
_ASIDE = 1.08  # at least, of a pass from the one before, as a factor
_FURTHEST = 8.0  # at most
_MOST = 24  # forward passes; it takes about 3 after the first call


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
    step, turn = _ASIDE, False
    for _ in range(_MOST):
        change = rise(rate)
        if max(abs(change), slope * rate) <= rounding:  # nothing seen: what the slope says
            change = -slope * rate
        low, high = (rate, high) if change < 0 else (low, rate)
        if low > 0 and high <= WIDTH * low:
            is_told = slope * (high - low) > rounding
            return CriticalStep(low=low, high=high) if is_told else None
        found = _end_of_parabola(rate, change, slope)
        if high == math.inf:
            rate = min(max(found, rate * step), rate * _FURTHEST)
        elif low == 0.0:
            rate = max(min(found, rate / step), rate / _FURTHEST)
        else:
            turn = not turn
            rate = found if turn and low < found < high else math.sqrt(low * high)
        step = min(step * step, _FURTHEST)  # where no parabola tells, further each time
    return None


def _end_of_parabola(rate: float, change: float, slope: float) -> float:
    """Where the parabola with this slope and this change ends its fall."""
    bend = (change + slope * rate) / (rate * rate)  # half of u·Hu
    found = slope / bend if math.isfinite(bend) and bend > 0 else math.inf
    # A little to the side that is open, so that the next pass closes the bracket around it.
    return found * math.sqrt(_ASIDE if change < 0 else 1 / _ASIDE)
