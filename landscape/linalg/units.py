"""Work in named units, so that a run that was cut off goes on after the last whole one.

A routine hands each unit to a :class:`Keep`, which computes it, or knows it from before; units that
need nothing of one another it hands over together, and several processes may share these. Random
vectors are drawn outside of the units, whether or not these are computed, so that the next ones
see the same draws.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from landscape.linalg.lanczos import finite_product
from landscape.linalg.operator import SelfAdjointOperator

Unit = tuple[str, Callable[[], Tensor]]


@dataclass(frozen=True)
class Keep:
    """Who computes units.

    Attributes
    ----------
    each
        The tensors of units that are independent, of one shape, in their order. Neither units nor
        tensors are all held at once.
    """

    each: Callable[[Iterable[Unit]], Iterator[Tensor]]

    def __call__(self, name: str, compute: Callable[[], Tensor]) -> Tensor:
        """One unit, which needs what was computed before."""
        (unit,) = self.each([(name, compute)])
        return unit


afresh = Keep(lambda units: (compute() for _, compute in units))  # keeps nothing


def within(keep: Keep, name: str) -> Keep:
    """Units that are parts of the unit ``name``: once that is whole, they need not be kept."""
    return Keep(lambda units: keep.each((f"{name}/{part}", compute) for part, compute in units))


def number(keep: Keep, name: str, compute: Callable[[], float]) -> float:
    """A unit that is one number."""
    (unit,) = numbers(keep, [(name, compute)])
    return unit


def numbers(keep: Keep, units: Iterable[tuple[str, Callable[[], float]]]) -> list[float]:
    """Independent units that are one number each."""

    def tensor(compute: Callable[[], float]) -> Tensor:
        return torch.tensor([compute()], dtype=torch.float64)

    found = keep.each((name, partial(tensor, compute)) for name, compute in units)
    return [float(unit) for unit in found]


def products(
    A: SelfAdjointOperator, vectors: Iterable[tuple[str, Tensor]], keep: Keep
) -> Iterator[Tensor]:
    """``A v`` of each named vector, one after the other, each a unit."""
    units = ((name, partial(finite_product, A, v)) for name, v in vectors)
    return (product.to(A.device) for product in keep.each(units))
