"""The centre and the interval that a test implies: shifts between the groups that it accepts.

The centre is where scores balance (Hodges & Lehmann 1963). The interval holds every shift that
the test does not reject, so it leaves out 0, no difference, exactly when the test is significant.
It covers as often as the test accepts the truth: exactly for pairs whose log ratios are symmetric
about their centre, as they are, whatever the law of the runs, where the recipes differ by a factor
only; and for groups where that is so. It assumes no normal distribution, and outliers hardly move
it. How often it holds otherwise: ``python -m benchmarks.verdicts``.
"""

import math
from collections.abc import Callable
from typing import Literal

import numpy as np

from landscape.statistics.arrays import Vector
from landscape.statistics.designs import Design
from landscape.statistics.scores import Scale
from landscape.values import Interval

Side = Literal["left", "right"]

_BALANCED = 1e-12  # scores are about 1


def centre_of(design: Design, scale: Scale) -> float:
    """The shift that balances the scores, the middle of them where several do; ± inf: none does.

    As a log ratio, or in units of the values.
    """
    steps = design.steps(scale)

    def last(least: float) -> float:
        def above(shift: float) -> bool:
            return design.imbalance(shift, scale) > least

        return _crossing(above, steps, if_so="left", if_not="right")

    return (last(_BALANCED) + last(-_BALANCED)) / 2


def interval_of(design: Design, scale: Scale, *, alpha: float) -> Interval | None:
    """The shifts that the test does not reject at ``alpha``; None where it can reject nothing."""
    if design.patterns.floor > alpha:
        return None
    steps = design.steps(scale)

    def too_low(shift: float) -> bool:
        return 2 * design.tails(shift, scale).above <= alpha

    def not_too_high(shift: float) -> bool:
        return 2 * design.tails(shift, scale).below > alpha

    return Interval(
        low=_crossing(too_low, steps, if_so="right", if_not="right"),
        high=_crossing(not_too_high, steps, if_so="left", if_not="left"),
        confidence=1 - alpha,
        method=design.test_name,
    )


def _crossing(holds: Callable[[float], bool], steps: Vector, *, if_so: Side, if_not: Side) -> float:
    """The step beyond which ``holds`` no longer does; infinite where it always or never does.

    Between ``steps`` nothing changes. What holds at 0 is asked first, so that no end contradicts
    the test of no difference. Where a step lies at 0, its answer goes for the side ``if_so`` or
    ``if_not`` of it: the end may then lie at 0 only if it is to hold 0.
    """
    if not len(steps):
        return math.inf if holds(0.0) else -math.inf
    between = np.concatenate([steps[:1] - 1, (steps[1:] + steps[:-1]) / 2, steps[-1:] + 1])
    if holds(0.0):
        low, high = int(np.searchsorted(steps, 0.0, side=if_so)) + 1, len(between)
    else:
        low, high = 0, int(np.searchsorted(steps, 0.0, side=if_not))
    while low < high:
        middle = (low + high) // 2
        low, high = (middle + 1, high) if holds(float(between[middle])) else (low, middle)
    if low == 0:
        return -math.inf
    return float(steps[low - 1]) if low < len(between) else math.inf
