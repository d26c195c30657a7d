"""Independent cells of a simulation, one after the other or in several processes."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from typing import TypeVar

_C = TypeVar("_C")
_R = TypeVar("_R")


def measured(function: Callable[[_C], _R], cells: Sequence[_C], processes: int) -> Iterator[_R]:
    """What each cell gives, as soon as it is known; in the cells' order from one process."""
    if processes == 1:
        yield from map(function, cells)
        return
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as workers:
        for future in as_completed([workers.submit(function, cell) for cell in cells]):
            yield future.result()


def least_of(draws: int) -> float:
    """What intervals of 95 % reach in so many draws, less two of their errors."""
    return float(0.95 - 2 * (0.95 * 0.05 / draws) ** 0.5)
