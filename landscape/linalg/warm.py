"""The largest eigenpair of an operator that moves: from where it was, and from a random direction.

A warm vector alone lies. In a decoupled block it shows residual 0 at an eigenvalue that another
block has long passed, and no product of its own ever leaves the block. So each call searches two
spaces at once: the warm rows V, and the Krylov space of P A P, P = I - VᵀV, that starts in their
residual mixed with a new random vector. Rayleigh and Ritz on both together give the pair, and its
residual is that of products made in this call. The second warm row carries what the random vectors
found from call to call, so that a coming crossing is refined before it happens.

The value is a Rayleigh quotient: never above the largest eigenvalue. Some eigenvalue lies within the
residual of it. That this is the largest one is not proved by a call: a larger one, of a direction
that no random start has met yet, becomes less likely with each.

References
----------
.. [1] Parlett, The Symmetric Eigenvalue Problem (1998), chapter 11 (Rayleigh-Ritz, residuals).
.. [2] Wu & Simon (2000), SIAM J. Matrix Anal. Appl. 22(2):602-616: kept rows beside a Krylov space.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Generator, Tensor
from torch.linalg import vector_norm

from landscape.linalg.lanczos import finite_product, is_breakdown, orthogonalise
from landscape.linalg.operator import SelfAdjointOperator
from landscape.linalg.probes import sphere
from landscape.linalg.rows import combine, project_out

NUM_ROWS = 2  # kept from call to call: the largest, and the one that may pass it


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
        The Krylov space grows until the residual is at most ``tol`` |θ|: by few steps while the
        eigenvector stays, by more when it has turned.
    least
        Steps that it has in any case: what finds another eigenvector.

    Raises
    ------
    ValueError
        If ``A`` returns a value that is not finite.
    """
    space = _Space(A, warm)
    num_steps = max(0, min(most, A.dim) - len(space.V))
    if num_steps:
        space.start(rng)
    for step in range(1, num_steps + 1):
        space.extend()
        if space.next is None:
            break
        values, vectors = space.ritz()
        if step >= least and space.residual(vectors[:, 0]) <= tol * abs(float(values[0])):
            break
    return space.pair()


class _Space:
    """Rows V with R = A V - V(V A V)ᵀ, and Lanczos rows Q of P A P with T, β and the next row."""

    def __init__(self, A: SelfAdjointOperator, warm: Tensor | None) -> None:
        self.A = A
        empty = torch.zeros(0, A.dim, dtype=A.dtype, device=A.device)
        self.V, self.R = empty, empty
        self.inner = torch.zeros(0, 0, dtype=torch.float64)  # V A Vᵀ
        self.scale = 0.0  # the largest ‖A q‖ so far
        if warm is not None:
            self.V = _orthonormal(list(warm.to(empty)))
            self.R = torch.stack([finite_product(A, v) for v in self.V])
            self.scale = float(vector_norm(self.R, dim=1, dtype=torch.float64).max())
            # Each row of R is left with its part outside of V.
            self.inner = _wide(torch.stack([project_out(r, self.V) for r in self.R]))
        self.Q = empty
        self.next: Tensor | None = None  # the row to multiply; None: the space has ended
        self.T = torch.zeros(0, 0, dtype=torch.float64)
        self.beta = 0.0
        self.coupling = torch.zeros(len(self.V), 0, dtype=torch.float64)  # V A Qᵀ

    def start(self, rng: Generator) -> None:
        """The first row: a random vector, and the residual of the warm one in equal parts."""
        begin = self._free(sphere(self.A, rng))
        if len(self.V):
            size = float(vector_norm(self.R[0], dtype=torch.float64))
            if not is_breakdown(size, self.scale, self.A.dtype):
                begin = self._free(begin + self.R[0] / size)
        self.next = begin

    def extend(self) -> None:
        """One product; there is no next one where the space is invariant."""
        assert self.next is not None
        q, m = self.next, len(self.Q)
        along = self.R @ q
        self.coupling = torch.cat([self.coupling, _wide(along)[:, None]], dim=1)
        self.R = self.R - torch.outer(along, q)  # what of it is left outside of Q
        self.Q = torch.cat([self.Q, q[None]])
        r = finite_product(self.A, q).clone()
        self.scale = max(self.scale, float(vector_norm(r, dtype=torch.float64)))
        h = orthogonalise(r, self.Q, self.V)
        T = torch.zeros(m + 1, m + 1, dtype=torch.float64)
        T[:m, :m] = self.T
        T[m, m] = h[m]
        if m:
            T[m, m - 1] = T[m - 1, m] = self.beta
        self.T, self.beta = T, float(vector_norm(r, dtype=torch.float64))
        ended = is_breakdown(self.beta, self.scale, self.A.dtype)
        self.next = None if ended else r / self.beta

    def ritz(self) -> tuple[Tensor, Tensor]:
        """Ritz values, descending, and their vectors' coordinates in V and Q, in columns."""
        upper = torch.cat([self.inner, self.coupling], dim=1)
        lower = torch.cat([self.coupling.T, self.T], dim=1)
        matrix = torch.cat([upper, lower])
        values, vectors = torch.linalg.eigh((matrix + matrix.T) / 2)
        return values.flip(0), vectors.flip(1)

    def residual(self, x: Tensor) -> float:
        """‖A x - θ x‖ of the Ritz vector with coordinates x: what A x has outside of V and Q."""
        outside = combine(self.R, x[: len(self.V)], self.A.dtype, self.A.device)
        if self.next is not None:
            outside += self.beta * float(x[-1]) * self.next
        return float(vector_norm(outside, dtype=torch.float64))

    def pair(self) -> LargestPair:
        """What Rayleigh and Ritz find in both spaces together."""
        values, vectors = self.ritz()
        rows = torch.cat([self.V, self.Q])
        found = [combine(rows, x, self.A.dtype, self.A.device) for x in vectors.T[:NUM_ROWS]]
        return LargestPair(
            value=float(values[0]),
            residual=self.residual(vectors[:, 0]),
            rows=_orthonormal(found),
            values=values[:NUM_ROWS],
            overlap=abs(float(vectors[0, 0])) if len(self.V) else 0.0,
        )

    def _free(self, v: Tensor) -> Tensor:
        """``v`` without its part in the warm rows, of length 1."""
        return _orthonormal([*self.V, v])[-1]


def _orthonormal(rows: Sequence[Tensor]) -> Tensor:
    """Gram and Schmidt, twice, in the order of the rows; shape (k, n)."""
    found: list[Tensor] = []
    for row in rows:
        v = row.clone()
        for _ in range(2 if found else 0):
            project_out(v, torch.stack(found))
        found.append(v / vector_norm(v))
    return torch.stack(found)


def _wide(numbers: Tensor) -> Tensor:
    return numbers.to(device="cpu", dtype=torch.float64)
