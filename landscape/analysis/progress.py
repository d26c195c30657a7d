"""How long analyses say how far they are: a function of (done, total)."""

from collections.abc import Callable

Progress = Callable[[int, int], None]


def quiet(done: int, total: int) -> None:
    """Say nothing."""
