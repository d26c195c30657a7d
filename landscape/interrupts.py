"""Signals that ask a run to stop: how they arrive, and how work that must not be cut waits."""

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

# Ctrl-C; what schedulers send before they kill; what Slurm's --signal=USR1@60 sends as a warning.
_NAMES = ("SIGINT", "SIGTERM", "SIGUSR1")
_LAUNCHER = os.getppid()


def launcher_is_gone() -> bool:
    """Whether what started this process has ended, so that nobody would signal it any more."""
    return os.getppid() != _LAUNCHER


@contextmanager
def stop_on_signals() -> Iterator[None]:
    """Within the block each of these signals raises ``KeyboardInterrupt``, as Ctrl-C does."""

    def stop(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt(signal.Signals(number).name)

    with _handled_by(stop):
        yield


@contextmanager
def postponed() -> Iterator[Callable[[], bool]]:
    """Within the block the first signal is only noted; a second one interrupts at once.

    Yields a function that says whether one was noted: ask it where stopping is safe, and raise
    ``KeyboardInterrupt``. Where nobody asked, that is raised at the block's end.
    """
    noted: list[int] = []

    def note(number: int, frame: FrameType | None) -> None:
        if noted:
            raise KeyboardInterrupt(signal.Signals(number).name)
        noted.append(number)

    with _handled_by(note):
        yield lambda: bool(noted)
    if noted:
        raise KeyboardInterrupt(signal.Signals(noted[0]).name)


@contextmanager
def _handled_by(handler: Callable[[int, FrameType | None], None]) -> Iterator[None]:
    # Python lets the main thread alone set handlers; elsewhere signals stay as they are.
    names = _NAMES if threading.current_thread() is threading.main_thread() else ()
    numbers = [getattr(signal, name) for name in names if hasattr(signal, name)]
    before = {number: signal.signal(number, handler) for number in numbers}
    try:
        yield
    finally:
        for number, old in before.items():
            signal.signal(number, old)
