"""How analyses say how far they are, a function of (done, total); and the time that is left."""

import time
from collections.abc import Callable

Progress = Callable[[int, int], None]


def quiet(done: int, total: int) -> None:
    """Say nothing."""


class Pace:
    """The time that is left, from what was done since this was made.

    Parameters
    ----------
    least
        How much must be done before the time can be told.
    clock
        Seconds since some moment.
    """

    def __init__(self, *, least: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._least, self._clock, self._begun = least, clock, clock()

    def left(self, done: float, remaining: float) -> str:
        """In words; empty until it can be told."""
        if done < self._least:
            return ""
        seconds = (self._clock() - self._begun) * remaining / done
        return f"{_span(seconds)} left"


def _span(seconds: float) -> str:
    minutes = round(seconds / 60)
    if minutes < 1:
        return f"{max(seconds, 0):.0f} s"
    return f"{minutes} min" if minutes < 120 else f"{minutes / 60:.1f} h"
