"""Work that may be cut off: what is to be kept passes through one interface, :class:`Keep`.

A routine hands over its work as named units, which are computed, or known from before; units that
need nothing of one another it hands over together, and several processes may share these. Random
vectors are drawn outside of the units, whether or not these are computed, so that the next ones
see the same draws. A search, which is one long unit, hands over its state after each product.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from typing import Protocol

import torch
from torch import Tensor

from landscape.linalg.lanczos import finite_product
from landscape.linalg.operator import SelfAdjointOperator

Unit = tuple[str, Callable[[], Tensor]]
State = Mapping[str, Tensor | int | float]


class Keep(Protocol):
    """Who keeps units, or the state of a search."""

    def each(self, units: Iterable[Unit]) -> Iterator[Tensor]:
        """The tensors of units that are independent, of one shape, in their order.

        Neither units nor tensors are all held at once.
        """
        ...

    def load(self) -> State | None:
        """The state that an earlier run left; None: begin."""
        ...

    def save(self, state: State) -> None:
        """Take a search's state, whose tensors are views: to be written or cloned at once.

        May end the run, by raising.
        """
        ...


class Afresh:
    """A :class:`Keep` that keeps nothing."""

    def each(self, units: Iterable[Unit]) -> Iterator[Tensor]:
        return (compute() for _, compute in units)

    def load(self) -> State | None:
        return None

    def save(self, state: State) -> None:
        pass


afresh = Afresh()


def unit(keep: Keep, name: str, compute: Callable[[], Tensor]) -> Tensor:
    """One unit, which needs what was computed before."""
    (found,) = keep.each([(name, compute)])
    return found


class _Within(Afresh):
    def __init__(self, keep: Keep, name: str) -> None:
        self._keep, self._name = keep, name

    def each(self, units: Iterable[Unit]) -> Iterator[Tensor]:
        return self._keep.each((f"{self._name}/{part}", compute) for part, compute in units)


def within(keep: Keep, name: str) -> Keep:
    """Units that are parts of the unit ``name``: once that is whole, they need not be kept."""
    return _Within(keep, name)


def number(keep: Keep, name: str, compute: Callable[[], float]) -> float:
    """A unit that is one number."""
    (found,) = numbers(keep, [(name, compute)])
    return found


def numbers(keep: Keep, units: Iterable[tuple[str, Callable[[], float]]]) -> list[float]:
    """Independent units that are one number each."""

    def tensor(compute: Callable[[], float]) -> Tensor:
        return torch.tensor([compute()], dtype=torch.float64)

    found = keep.each((name, partial(tensor, compute)) for name, compute in units)
    return [float(each) for each in found]


def products(
    A: SelfAdjointOperator, vectors: Iterable[tuple[str, Tensor]], keep: Keep
) -> Iterator[Tensor]:
    """``A v`` of each named vector, one after the other, each a unit."""
    units = ((name, partial(finite_product, A, v)) for name, v in vectors)
    return (product.to(A.device) for product in keep.each(units))
