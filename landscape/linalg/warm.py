"""The largest eigenpair of an operator that moves: from where it was, and from a random direction.

A warm vector alone lies. In a decoupled block it shows residual 0 at an eigenvalue that another
block has long passed, and no product of its own ever leaves the block. So each call searches in the
span of the warm rows and of some Krylov steps from a new random vector, and then goes on along the
residual of the largest Ritz pair until that is small [1]_. The second warm row carries what random
vectors found from call to call, so that a coming crossing is refined before it happens.

The value is a Rayleigh quotient: never above the largest eigenvalue. Some eigenvalue lies within
the residual of it. That this is the largest one is not proved by a call: a larger one, of a
direction that no random start has met yet, becomes less likely with each.

References
----------
.. [1] Davidson (1975), J. Comput. Phys. 17:87-94, without a preconditioner: from one start the same
   spaces as Lanczos, and several starts can share them. Restarts keep Ritz vectors: Stathopoulos &
   Saad (1998), Electron. Trans. Numer. Anal. 7:163-181.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Generator, Tensor
from torch.linalg import vector_norm

from landscape.linalg.lanczos import finite_product, is_breakdown
from landscape.linalg.operator import SelfAdjointOperator
from landscape.linalg.probes import sphere
from landscape.linalg.rows import project_out

NUM_ROWS = 2  # kept from call to call: the largest, and the one that may pass it
_MAX_ROWS = 16  # at once in memory, with as many products
_KEPT = 6  # Ritz vectors, where these are full


class LargestPair(NamedTuple):
    """The largest Ritz pair, and what the next call starts from."""

    value: float  # θ = xᵀAx of the unit vector x
    residual: float  # ‖A x - θ x‖, which bounds the distance to an eigenvalue
    rows: Tensor  # orthonormal Ritz vectors, shape (k, n), k ≤ ``NUM_ROWS``; x is the first
    values: Tensor  # their Ritz values, shape (k,), descending, float64
    overlap: float  # |x · x before|; 0 on a cold start


def largest_from(
    A: SelfAdjointOperator,
    warm: Tensor | None,
    *,
    rng: Generator,
    tol: float,
    least: int,
    most: int,
) -> LargestPair:
    """The largest eigenvalue of ``A`` by at most ``most`` products, warm rows included.

    Parameters
    ----------
    warm
        Orthonormal rows of the call before, shape (k, n); None: a cold start.
    rng
        Of the random direction.
    tol
        Products are made until the residual is at most ``tol`` |θ|: few while the eigenvector
        stays, more when it has turned.
    least
        Krylov steps from the random direction, in any case: what finds another eigenvector.

    Raises
    ------
    ValueError
        If ``A`` returns a value that is not finite.
    """
    space = _Space(A)
    before = _orthonormal(list(warm.to(space.rows))) if warm is not None else space.rows
    for v in before:
        space.add(v, relative_to=1.0)
    q = _mixed(sphere(A, rng), [space.residual(k) for k in range(len(before))])
    for step in range(min(most, A.dim) - len(before)):
        if not space.add(q, relative_to=space.scale if step else space.size_of(q)):
            break
        # The random direction's own Krylov space first.
        q = space.products[-1] if step + 1 < least else space.residual(0)
        if step + 1 >= least and space.size_of(q) <= tol * abs(float(space.values[0])):
            break
    return space.pair(before)


class _Space:
    """Orthonormal rows S, their products S A, and the Ritz pairs of A in their span."""

    def __init__(self, A: SelfAdjointOperator) -> None:
        self.A = A
        self.rows = torch.zeros(0, A.dim, dtype=A.dtype, device=A.device)
        self.products = self.rows
        self.inner = torch.zeros(0, 0, dtype=torch.float64)  # S A Sᵀ
        self.values = torch.zeros(0, dtype=torch.float64)  # Ritz values, descending
        self._vectors = self.inner  # their coordinates, in columns
        self.scale = 0.0  # the largest ‖A q‖ so far

    def add(self, q: Tensor, *, relative_to: float) -> bool:
        """Multiply the part of ``q`` outside of the rows, and join it to them if it is no rounding.

        ``relative_to``: the size of which that would be rounding, in the unit of ``q``.
        """
        free, size = _outside(q, self.rows)
        if is_breakdown(size, relative_to, self.A.dtype):
            return False
        if len(self.rows) == _MAX_ROWS:
            self._restart()
        product = finite_product(self.A, free)
        self.scale = max(self.scale, self.size_of(product))
        self.rows = torch.cat([self.rows, free[None]])
        self.products = torch.cat([self.products, product[None]])
        row = (self.rows @ product).to(device="cpu", dtype=torch.float64)
        m = len(row)
        inner = torch.zeros(m, m, dtype=torch.float64)
        inner[:-1, :-1] = self.inner
        inner[-1], inner[:, -1] = row, row
        self.inner = inner
        values, vectors = torch.linalg.eigh(inner)
        self.values, self._vectors = values.flip(0), vectors.flip(1)
        return True

    def residual(self, k: int) -> Tensor:
        """A x - θ x of the k-th Ritz pair."""
        c = self._vectors[:, k].to(self.rows)
        return self.products.T @ c - float(self.values[k]) * (self.rows.T @ c)

    def pair(self, before: Tensor) -> LargestPair:
        """The largest Ritz pair; ``before``: the warm rows."""
        rows = _orthonormal(list(self._vectors[:, :NUM_ROWS].T.to(self.rows) @ self.rows))
        return LargestPair(
            value=float(self.values[0]),
            residual=self.size_of(self.residual(0)),
            rows=rows,
            values=self.values[:NUM_ROWS],
            overlap=abs(float(rows[0] @ before[0])) if len(before) else 0.0,
        )

    def size_of(self, v: Tensor) -> float:
        return float(vector_norm(v, dtype=torch.float64))

    def _restart(self) -> None:
        """Keep the largest Ritz vectors, with their products."""
        c = self._vectors[:, :_KEPT].T.to(self.rows)
        self.rows, self.products = c @ self.rows, c @ self.products
        self.values = self.values[:_KEPT]
        self.inner = torch.diag(self.values)
        self._vectors = torch.eye(_KEPT, dtype=torch.float64)


def _mixed(random: Tensor, residuals: Sequence[Tensor]) -> Tensor:
    """The random vector and where the warm rows are wrong, in equal parts."""
    parts = [v / size for v in (random, *residuals) if (size := float(vector_norm(v))) > 0]
    return torch.stack(parts).sum(0)


def _outside(v: Tensor, rows: Tensor) -> tuple[Tensor, float]:
    """The unit vector along the part of ``v`` outside of orthonormal rows, and that part's size."""
    free = v.clone()
    if not len(rows):
        size = float(vector_norm(free, dtype=torch.float64))
        return free / size, size
    project_out(free, rows)
    size = float(vector_norm(free, dtype=torch.float64))
    if size > 0:
        free /= size
        project_out(free, rows)  # twice: what rounding of the first pass left is as small again
        free /= vector_norm(free)
    return free, size


def _orthonormal(rows: Sequence[Tensor]) -> Tensor:
    """Gram and Schmidt in the order of the rows, shape (k, n)."""
    found = torch.zeros(0, len(rows[0]), dtype=rows[0].dtype, device=rows[0].device)
    for row in rows:
        found = torch.cat([found, _outside(row, found)[0][None]])
    return found
