"""Work in named units, so that a run that was cut off goes on after the last whole one.

A routine hands each unit to a :data:`Keep`, which computes it, or knows it from before. Random
vectors are drawn outside of the units, whether or not these are computed, so that the next ones
see the same draws.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from landscape.linalg.lanczos import finite_product
from landscape.linalg.operator import SelfAdjointOperator

Keep = Callable[[str, Callable[[], Tensor]], Tensor]


def afresh(name: str, compute: Callable[[], Tensor]) -> Tensor:
    """Keep nothing: compute every unit."""
    return compute()


def within(keep: Keep, name: str) -> Keep:
    """Units that are parts of the unit ``name``: once that is whole, they need not be kept."""
    return lambda part, compute: keep(f"{name}/{part}", compute)


def number(keep: Keep, name: str, compute: Callable[[], float]) -> float:
    """A unit that is one number."""
    return float(keep(name, lambda: torch.tensor([compute()], dtype=torch.float64)))


class KeptProducts(SelfAdjointOperator):
    """``A``, each of its products a unit, known by its place in their order."""

    def __init__(self, A: SelfAdjointOperator, keep: Keep) -> None:
        self.inner, self._keep = A, keep
        self.dim, self.dtype, self.device = A.dim, A.dtype, A.device

    def _matvec(self, v: Tensor) -> Tensor:
        product = self._keep(f"product {self.num_matvecs}", lambda: finite_product(self.inner, v))
        return product.to(self.device)
