"""The processes of a run that is killed: all that it started, and what outlives it. Needs Linux."""

import ctypes
import os
import random
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_MOST_SECONDS = 300  # that a run goes on when one of its processes is killed
_PR_SET_CHILD_SUBREAPER = 36


class Family:
    """What this process has started since, with all that was started by it; see :func:`family`."""

    def __init__(self) -> None:
        self._strangers = set(_children(_parents(), os.getpid()))

    def alive(self) -> list[int]:
        """The processes that have not ended."""
        parents = _parents()
        found = [p for p in _children(parents, os.getpid()) if p not in self._strangers]
        for process in found:
            found += _children(parents, process)
        return [p for p in found if parents[p][1] != "Z"]

    def strike(self, rng: random.Random) -> None:
        """Send SIGKILL or SIGTERM to one of them."""
        victims, number = self.alive(), rng.choice((signal.SIGKILL, signal.SIGTERM))
        if victims:
            with suppress(ProcessLookupError):
                os.kill(rng.choice(victims), number)

    def ended(self, child: int, seconds: float = _MOST_SECONDS) -> int | None:
        """The exit code of ``child`` once it has ended; None where that takes longer."""
        began = time.monotonic()
        while time.monotonic() - began < seconds:
            found, status = os.waitpid(child, os.WNOHANG)
            if found:
                return os.waitstatus_to_exitcode(status)
            time.sleep(0.001)
        return None

    def survivors(self) -> list[int]:
        """Wait for the orphans, whose first process has ended; those that stay nevertheless."""
        began = time.monotonic()
        while (alive := self.alive()) and time.monotonic() - began < _MOST_SECONDS:
            time.sleep(0.01)
        for orphan in _children(_parents(), os.getpid()):
            if orphan not in self._strangers:
                os.waitpid(orphan, os.WNOHANG)
        return alive


@contextmanager
def family() -> Iterator[Family]:
    """Within the block, what outlives its parent becomes a child of this process."""
    prctl = ctypes.CDLL(None).prctl
    prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    try:
        yield Family()
    finally:
        prctl(_PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0)


def _parents() -> dict[int, tuple[int, str]]:
    """Of every process its parent and its state."""
    found = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):  # it has ended
            state, parent = path.read_text().rpartition(")")[2].split()[:2]
            found[int(path.parent.name)] = int(parent), state
    return found


def _children(parents: dict[int, tuple[int, str]], process: int) -> list[int]:
    return [child for child, (parent, _) in parents.items() if parent == process]
