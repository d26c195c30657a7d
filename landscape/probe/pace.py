"""When a probe measures: every so many steps, and never beyond its share of the time."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from landscape.distributed import from_main
from landscape.probe.settings import ProbeSettings

Clock = Callable[[], float]

_RETRIES = 10  # an interval that is not affordable is looked at again after this part of it


class Pace:
    """Spaces calls: the clock decides how far apart they are, and nothing else.

    The first call opens the data, searches from nothing and has a device get ready, so that it says
    little of those that follow: these are paced among themselves, from its end on. What one of them
    takes is known by the second call, which comes after ``every`` steps in any case.

    Parameters
    ----------
    settings
        ``budget`` is the share of the time since the first call that the others may take, but for
        the second of all; 1: whatever they do.
    clock
        Gives seconds.
    """

    def __init__(self, settings: ProbeSettings, clock: Clock = time.perf_counter) -> None:
        self.every, self.budget, self._clock = settings.every, settings.budget, clock
        self._last: int | None = None  # step of the last call
        self._look_at = 0  # the next step that may be due
        self._began = self._spent = 0.0  # all calls
        self._warm = self._first = 0.0  # the end of the first one, and what it took
        self._num_calls = 0
        self.seconds = 0.0  # of the last call

    def is_due(self, step: int) -> bool:
        """Whether to measure at ``step``; processes ask together, and hear one answer.

        A step before the last one is of a training that went back: it begins anew.
        """
        if self._last is None or step < self._last:
            return True
        if step < self._look_at:
            return False
        if from_main(self._is_affordable):
            return True
        self._look_at = step + max(1, self.every // _RETRIES)
        return False

    @contextmanager
    def call(self, step: int, wait: Callable[[], None]) -> Iterator[None]:
        """Time a call; ``wait`` ends when the device has done all that it was given before."""
        wait()
        begun = self._clock()
        if self._last is None:
            self._began = begun
        try:
            yield
        finally:
            wait()
            self.seconds = self._clock() - begun
            self._spent += self.seconds
            self._num_calls += 1
            if self._num_calls == 1:
                self._warm, self._first = begun + self.seconds, self.seconds
            self._last, self._look_at = step, step + self.every

    @property
    def share(self) -> float:
        """That calls took of the time since the first of them began."""
        passed = self._clock() - self._began
        return self._spent / passed if passed > 0 else 1.0

    def _is_affordable(self) -> bool:
        """Whether another call like the last one keeps the repeated ones within the budget."""
        if self._num_calls < 2:
            return True
        passed, repeated = self._clock() - self._warm, self._spent - self._first
        return repeated + self.seconds <= self.budget * (passed + self.seconds)
