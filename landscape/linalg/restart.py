"""The working space of thick-restart Lanczos: orthonormal rows Q, T = Q A Qᵀ, and what is lost.

    A Qᵀ = Qᵀ T + q cᵀ + d lᵀ + E

q is the next vector and c how strongly each row couples to it. Right after a Lanczos step only the
last entry of c is nonzero (β_m); right after a restart c holds the residuals of the Ritz vectors
kept, and T is an arrow. Where a fresh start vector replaces q, the rows go on coupling to what it
was: that is d, freed of each row that joins, and l the c of then. One such pair is kept, the larger
of two; the other joins E, which is rounding besides.

Rows may be stored in fewer bits than A's vectors have. Then the last two are also kept as they
were made: a Lanczos step takes large parts of these two out of A q, and next to nothing of the
others, whose rounding so does no harm to T [2]_. It stays in the Ritz vectors, once for every time
they are written: in bfloat16 their residuals are about 0.0015 abs(θ) √(restarts + probes) at least.

References
----------
.. [1] Wu & Simon (2000), SIAM J. Matrix Anal. Appl. 22(2):602-616.
.. [2] Simon (1984), Linear Algebra Appl. 61:101-131: T is that of exact arithmetic to rounding
   where QQᵀ - I stays below its square root.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor
from torch.linalg import vector_norm

from landscape.linalg.lanczos import finite_product, is_breakdown, orthogonalise
from landscape.linalg.operator import SelfAdjointOperator
from landscape.linalg.rows import combine, project_out
from landscape.linalg.units import State

Allocate = Callable[[int, int, torch.dtype], Tensor]

# Columns rotated at a time: the copy that a restart needs is this much of the basis, not all of it.
_CHUNK = 1 << 16


@dataclass(frozen=True, kw_only=True)
class Basis:
    """How the Lanczos vectors are kept.

    Attributes
    ----------
    max_rows
        Most vectors; None: see :func:`landscape.linalg.eigen.choose_max_basis`.
    dtype
        None: A's. Fewer bits, such as bfloat16, save memory, and limit the residual of a pair to
        their rounding (:class:`KrylovSpace`).
    allocate
        Makes the basis from its two lengths and its dtype, e.g. in a memory-mapped file; None: in
        the memory of A's device. Vectors are worked on there, wherever the basis lies.
    """

    max_rows: int | None = None
    dtype: torch.dtype | None = None
    allocate: Allocate | None = None


ON_DEVICE = Basis()


class RitzPairs(NamedTuple):
    """Eigenpairs of T, ascending, with the part of ||A y - θ y|| that further steps can reduce."""

    values: Tensor  # θ, shape (m,), float64
    coefficients: Tensor  # columns s, shape (m, m): y = Qᵀ s
    residuals: Tensor  # abs(cᵀ s), shape (m,), float64; the whole residual where nothing was left


class KrylovSpace:
    """At most ``max_basis`` orthonormal rows, grown a matvec at a time and compressed by restarts.

    Parameters
    ----------
    max_basis, dtype, allocate
        As in :class:`Basis`.

    Attributes
    ----------
    size
        Rows whose product with A is known. Row ``size`` of ``basis`` is the next vector, where
        there is one (``has_next``).
    scale
        Largest ||A q|| so far: what "relative" means in the breakdown test.
    norm
        Largest abs(Ritz value) so far, the estimate of ||A||.
    """

    def __init__(
        self,
        A: SelfAdjointOperator,
        max_basis: int,
        dtype: torch.dtype,
        allocate: Allocate | None = None,
    ) -> None:
        self.dim = A.dim
        self.max_basis = max_basis
        self.device, self.noise_dtype = A.device, A.dtype
        # Of the vectors at work: never coarser than A's.
        self.dtype = min(A.dtype, dtype, key=lambda d: torch.finfo(d).eps)
        # The next vector and the one before it, where the rows are too coarse to give them back.
        self.is_coarse = dtype != self.dtype
        self._last: list[Tensor] = []
        if allocate is None:
            self.basis = torch.empty(max_basis + 1, A.dim, dtype=dtype, device=A.device)
        else:
            self.basis = allocate(max_basis + 1, A.dim, dtype)
        self.T = torch.zeros(max_basis, max_basis, dtype=torch.float64)
        self.coupling = torch.zeros(max_basis, dtype=torch.float64)
        self.left: Tensor | None = None  # d
        self.left_coupling = torch.zeros(max_basis, dtype=torch.float64)
        self.size = 0
        self.has_next = False
        self.scale = 0.0
        self.norm = 0.0

    @property
    def is_full(self) -> bool:
        return self.size == self.max_basis

    def begin(self, start: Tensor) -> bool:
        """Make ``start``, freed of the rows' span, the next vector; False if nothing is left."""
        q = start.to(dtype=self.dtype, device=self.device).clone()
        norm = float(vector_norm(q, dtype=torch.float64))
        for _ in range(2):
            project_out(q, self.basis[: self.size])
        left = float(vector_norm(q, dtype=torch.float64))
        if self.size == self.dim or left <= 100 * torch.finfo(q.dtype).eps * norm:
            return False
        self._leave_next()
        self.coupling[: self.size] = 0
        self._last = []
        self._set_next(q / left)
        self.has_next = True
        return True

    def step(self, A: SelfAdjointOperator, product: Tensor | None = None) -> tuple[float, float]:
        """One Lanczos step, one matvec: returns (α, β). β is 0 on an invariant subspace.

        ``product`` is that of A and the next vector, where it is known already.
        """
        k = self.size
        product = finite_product(A, self.row(k)) if product is None else product
        r = product.to(dtype=self.dtype, copy=True)
        self.scale = max(self.scale, float(vector_norm(r, dtype=torch.float64)))
        h = self._orthogonalise(r)
        if self.left is not None:
            project_out(self.left, self.basis[k : k + 1])
        self.left_coupling[k] = 0
        self.T[k, : k + 1] = self.T[: k + 1, k] = h
        beta = float(vector_norm(r, dtype=torch.float64))
        self.coupling[: k + 1] = 0
        self.size = k + 1
        if self.size == self.dim or is_breakdown(beta, self.scale, self.noise_dtype):
            self.has_next, self._last = False, []
            return float(h[k]), 0.0
        self.coupling[k] = beta
        self._set_next(r.div_(beta))
        return float(h[k]), beta

    def row(self, index: int) -> Tensor:
        """Row ``index`` as A takes it; the next vector as it was made."""
        if index == self.size and self._last:
            return self._last[0]
        return self.basis[index].to(dtype=self.dtype, device=self.device)

    def combine(self, coefficients: Tensor) -> Tensor:
        """Σ c_i q_i over the rows, as A takes it."""
        return combine(self.basis[: self.size], coefficients, self.dtype, self.device)

    def residual(self, coefficients: Tensor) -> Tensor:
        """(q cᵀ + d lᵀ) s: what of A y, y = Qᵀ s, is known to lie outside of the rows."""
        m, known = self.size, torch.zeros(self.dim, dtype=self.dtype, device=self.device)
        if self.has_next:
            known += float(self.coupling[:m] @ coefficients) * self.row(m)
        if self.left is not None:
            known += float(self.left_coupling[:m] @ coefficients) * self.left
        return known

    def row_residuals(self) -> Tensor:
        """The norm of each row's :meth:`residual`, shape (m,), float64."""
        m = self.size
        c, left = self.coupling[:m], self.left_coupling[:m]
        if self.left is None:
            return c.abs()
        length = float(vector_norm(self.left, dtype=torch.float64))
        along = float(self.left @ self.row(m)) if self.has_next else 0.0
        squares: Tensor = c**2 + 2 * along * c * left + (length * left) ** 2
        return squares.clamp(min=0).sqrt()

    def _leave_next(self) -> None:
        """Before a new start: the rows stay coupled to the next vector as it was."""
        m = self.size
        if not self.has_next:
            return
        before = 0.0
        if self.left is not None:
            length = float(vector_norm(self.left, dtype=torch.float64))
            before = length * float(vector_norm(self.left_coupling[:m]))
        if float(vector_norm(self.coupling[:m])) > before:
            self.left = self.row(m).clone()
            self.left_coupling[:m] = self.coupling[:m]

    def _left_state(self) -> dict[str, Tensor]:
        if self.left is None:
            return {}
        return {"left_vector": self.left, "left_coupling": self.left_coupling[: self.size]}

    def _set_next(self, q: Tensor) -> None:
        self.basis[self.size] = q
        if self.is_coarse:
            self._last = [q, *self._last[:1]]

    def _orthogonalise(self, r: Tensor) -> Tensor:
        """Free ``r`` of all rows up to the next vector; return the coefficients."""
        k = self.size
        large = torch.zeros(k + 1, dtype=torch.float64)
        # What is large first, so that one pass over all rows is mostly enough.
        recent = self._last or self.basis[max(0, k - 1) : k + 1].flip(0)
        for back, q in enumerate(recent):
            large[k - back] = float(project_out(r, q[None]))
        return large + orthogonalise(r, self.basis[: k + 1], None)

    def ritz(self) -> RitzPairs:
        """Rayleigh-Ritz on the rows."""
        m = self.size
        values, S = torch.linalg.eigh(self.T[:m, :m])
        self.norm = max([self.norm, *values[[0, -1]].abs().tolist()]) if m else self.norm
        return RitzPairs(values, S, (self.coupling[:m] @ S).abs())

    def compress(self, ritz: RitzPairs, keep: Tensor) -> None:
        """Replace the rows by the Ritz vectors with indices ``keep``; the next vector stays."""
        m, p = self.size, len(keep)
        S = ritz.coefficients[:, keep]
        rotation = S.T.to(dtype=self.dtype, device=self.basis.device)
        for columns in torch.split(self.basis[:m], _CHUNK, dim=1):
            columns[:p] = rotation @ columns.to(self.dtype)
        if self.has_next:
            self.basis[p] = self.basis[m]
        self._last = self._last[:1]
        self.coupling[:p] = self.coupling[:m] @ S
        self.left_coupling[:p] = self.left_coupling[:m] @ S
        self.T.zero_()
        self.T[:p, :p] = torch.diag(ritz.values[keep])
        self.size = p

    def state(self) -> dict[str, Tensor | int | float]:
        """Everything a run needs to go on; the tensors are views: write or clone them at once."""
        m = self.size
        return {
            "basis": self.basis[: m + self.has_next],
            **{f"last_{back}": q for back, q in enumerate(self._last)},
            "T": self.T[:m, :m],
            "coupling": self.coupling[:m],
            **self._left_state(),
            "size": m,
            "scale": self.scale,
            "norm": self.norm,
        }

    def load(self, state: State) -> None:
        """Take over a ``state``; its basis must have vectors of this dimension."""
        basis, T = state["basis"], state["T"]
        coupling = state["coupling"]
        m = int(state["size"])
        assert isinstance(basis, Tensor)
        assert isinstance(T, Tensor)
        assert isinstance(coupling, Tensor)
        if basis.shape[1] != self.dim or m > self.max_basis:
            raise ValueError(
                f"state holds {m} vectors of length {basis.shape[1]}; this run has at most "
                f"{self.max_basis} of length {self.dim}. Continue with the settings it began with."
            )
        self.basis[: len(basis)] = basis
        self._last = [q.to(self.device, copy=True) for q in _tensors(state, "last_")]
        self.T[:m, :m] = T
        self.coupling[:m] = coupling
        for left in _tensors(state, "left_vector"):
            self.left = left.to(self.device, copy=True)
            self.left_coupling[:m] = _tensors(state, "left_coupling")[0]
        self.size, self.scale, self.norm = m, float(state["scale"]), float(state["norm"])
        self.has_next = len(basis) > m


def _tensors(state: State, prefix: str) -> list[Tensor]:
    named = {n: v for n, v in state.items() if n.startswith(prefix) and isinstance(v, Tensor)}
    return [named[name] for name in sorted(named)]
