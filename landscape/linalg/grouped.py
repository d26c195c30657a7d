"""An operator that is a mean over groups of examples, and what each group's share of a product is.

One product A x, made group by group, costs what any product does, and shows how A would differ on
other examples (:mod:`landscape.statistics.population`).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Generator, Tensor, nn

from landscape.linalg.lanczos import finite_product
from landscape.linalg.operator import SelfAdjointOperator
from landscape.linalg.sketch import gram

# Columns of a table of shares, with u_g = A_g x: xᵀu_g, |u_g|², u_gᵀ(u_1 + … + u_{g-1}), the mean
# of u_gᵀu_h over the other groups h to a few per cent, and from there on y_jᵀu_g.
FORM, SQUARE, WITH_BEFORE, WITH_OTHERS, INNER = range(5)
_SKETCHED = 4096  # numbers that stand for a vector where inner products need no more than 1/64


class GroupedOperator(SelfAdjointOperator):
    """A = w Σ_g A_g + r A_rest, of groups of equally many examples and of those left over.

    Parameters
    ----------
    groups
        A_g, each the mean over a group, at least two.
    weight
        w, a group's share of all examples.
    rest
        A_rest, the mean over examples in no group; None: there are none.
    """

    def __init__(
        self,
        groups: Sequence[SelfAdjointOperator],
        weight: float,
        rest: SelfAdjointOperator | None = None,
    ) -> None:
        self.groups, self.weight, self.rest = tuple(groups), weight, rest
        self.parts = (*self.groups, *([] if rest is None else [rest]))
        first = self.groups[0]
        self.dim, self.dtype, self.device = first.dim, first.dtype, first.device

    def _matvec(self, v: Tensor) -> Tensor:
        return self._split(v, [])[0]

    def product(
        self, x: Tensor, rows: Sequence[Callable[[], Tensor]] = ()
    ) -> tuple[Tensor, Tensor]:
        """``A x``, and the table of its shares, shape (K, 4 + m), float64, with y_j from ``rows``.

        One vector is held beside the product and the sum. A row is asked for when it is needed.
        """
        self.num_matvecs += 1
        return self._split(x, rows)

    def _split(self, x: Tensor, rows: Sequence[Callable[[], Tensor]]) -> tuple[Tensor, Tensor]:
        table = torch.zeros(len(self.groups), INNER + len(rows), dtype=torch.float64)
        total = torch.zeros(self.dim, dtype=self.dtype, device=self.device)
        signs = random_signs(total)
        sketches = []
        for g, A in enumerate(self.groups):
            u = finite_product(A, x)
            for column, y in ((FORM, x.to(u)), (SQUARE, u), (WITH_BEFORE, total)):
                table[g, column] = gram(y[None], u[None])[0, 0]
            for column, row in enumerate(rows, start=INNER):
                table[g, column] = gram(row()[None], u[None])[0, 0]
            sketches.append(sketch(u, signs))
            total += u
        inner = gram(torch.stack(sketches), torch.stack(sketches))
        table[:, WITH_OTHERS] = (inner.sum(1) - inner.diagonal()) / (len(table) - 1)
        product = self.weight * total
        if self.rest is not None:
            product += (1 - len(self.groups) * self.weight) * finite_product(self.rest, x)
        return product, table


def random_signs(like: Tensor) -> Tensor:
    """Signs of a generator of their own: to measure changes no other random number."""
    rng = Generator().manual_seed(0)
    signs = 2 * torch.randint(2, like.shape, generator=rng, dtype=torch.int8) - 1
    return signs.to(like.device)


def sketch(u: Tensor, signs: Tensor) -> Tensor:
    """Sums of signed blocks, shape (m,), float64: E S(u)ᵀS(v) = uᵀv, exact in m dimensions [1]_.

    References
    ----------
    .. [1] Charikar, Chen & Farach-Colton (2004), Finding frequent items in data streams,
       Theor. Comput. Sci. 312(1):3-15.
    """
    block = -(-len(u) // _SKETCHED)
    signed = u * signs
    padded = nn.functional.pad(signed, (0, -len(u) % block))
    sums: Tensor = padded.view(-1, block).sum(1, dtype=torch.float64)
    return sums


class Split(NamedTuple):
    """Which products of a search are made group by group, and along what their shares are known."""

    operator: GroupedOperator
    num_top: int  # of the largest pairs, those whose products have shares of their own
    num_along: int  # of the largest pairs, those along whose vectors these are known


@dataclass(frozen=True)
class GroupSums:
    """Of the groups' traces, and of their products: over all of R^n, in part by sampling.

    From a basis, or from random probes x with E xxᵀ = I: tr A_g = Σ xᵀ A_g x and
    tr A_g A_h = Σ (A_g x)ᵀ A_h x.
    """

    traces: Tensor  # tr A_g, shape (K,), float64
    with_others: Tensor  # the mean of tr A_g A_h over h other than g, to a few per cent, shape (K,)
    # By how much ‖Σ_g A_g / K‖_F² exceeds the mean of tr A_g A_h over pairs of groups, to rounding.
    excess: float

    @classmethod
    def of(cls, table: Tensor) -> "GroupSums":
        """From the sum of tables of shares over the basis, or the mean over probes."""
        num_groups = len(table)
        between = 2 * float(table[:, WITH_BEFORE].sum()) / (num_groups * (num_groups - 1))
        return cls(
            traces=table[:, FORM],
            with_others=table[:, WITH_OTHERS],
            excess=(float(table[:, SQUARE].mean()) - between) / num_groups,
        )


class TopShares(NamedTuple):
    """Shares of A v_i for the k largest pairs, among the k + m largest."""

    forms: Tensor  # v_jᵀ A_g v_i, shape (K, k, k + m)
    squares: Tensor  # |A_g v_i|², shape (K, k)
    mean_squares: Tensor  # |Σ_g A_g v_i / K|², shape (k,)

    @classmethod
    def of(cls, tables: Sequence[Tensor]) -> "TopShares":
        """From the tables of the k products, with the k + m vectors as their rows."""
        stacked = torch.stack(list(tables), dim=1)  # (K, k, 4 + k + m)
        squares = stacked[:, :, SQUARE]
        whole = squares.sum(0) + 2 * stacked[:, :, WITH_BEFORE].sum(0)
        return cls(stacked[:, :, INNER:], squares, whole / len(stacked) ** 2)
