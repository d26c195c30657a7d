"""Lanczos tridiagonalisation: A Qᵀ = Qᵀ T + β_m q_{m+1} e_mᵀ with Q Qᵀ = I, Q of shape (m, n).

Knows vectors and ``A @ v`` only: no model, no data, no randomness.

References
----------
.. [1] Golub & Van Loan, Matrix Computations, 4th ed., section 10.1.
.. [2] Parlett, The Symmetric Eigenvalue Problem (1998), sections 6.9 and 13.8.
.. [3] Daniel, Gragg, Kaufman & Stewart (1976), Math. Comp. 30(136):772-795.
"""

from typing import NamedTuple

import torch
from torch import Tensor
from torch.linalg import vector_norm

from landscape.linalg.operator import SelfAdjointOperator
from landscape.linalg.rows import project_out

# A residual below this many units of rounding of the largest ||A q|| seen is rounding itself.
BREAKDOWN_EPS = 10.0

_KEPT = 0.5**0.5  # share of a vector that a pass of Gram-Schmidt must leave to be the last one


class Tridiagonal(NamedTuple):
    """What m Lanczos steps leave: T has ``alphas`` on and ``betas[:-1]`` off its diagonal."""

    basis: Tensor  # Q, shape (m, n); rows are the Lanczos vectors; (0, n) where they were not kept
    alphas: Tensor  # shape (m,), float64, on the CPU
    betas: Tensor  # shape (m,), float64; betas[-1] = β_m, the norm of the residual


def lanczos(
    A: SelfAdjointOperator,
    start: Tensor,
    num_matvecs: int,
    *,
    orthogonal_to: Tensor | None = None,
    basis_dtype: torch.dtype | None = None,
) -> Tridiagonal:
    """Tridiagonalise ``A`` on the Krylov space of ``start``, shape (n,), nonzero.

    Stops early on an invariant subspace (β_k at rounding), where Ritz values are eigenvalues.
    Reorthogonalises fully [2]_: m matvecs, O(m n) memory, O(m² n) further work.
    Without it, converged Ritz values come back as ghosts.

    Parameters
    ----------
    orthogonal_to
        Orthonormal rows, shape (k, n). With it the operator is P A P, where P projects them out.
    basis_dtype
        Of the Lanczos vectors; ``A.dtype`` when not given. T is always float64.

    Raises
    ------
    ValueError
        When ``num_matvecs`` exceeds the dimension, or ``start`` is zero, not finite or of a wrong
        shape, or ``A`` returns a value that is not finite.
    """
    V = _checked_complement(A, start, num_matvecs, orthogonal_to)
    dtype = basis_dtype or A.dtype
    basis = torch.empty(num_matvecs, A.dim, dtype=dtype, device=A.device)
    alphas = torch.zeros(num_matvecs, dtype=torch.float64)
    betas = torch.zeros(num_matvecs, dtype=torch.float64)
    scale = 0.0

    q = _unit_start(A, start, V, dtype)
    for k in range(num_matvecs):
        basis[k] = q
        r = finite_product(A, q).to(dtype, copy=True)
        scale = max(scale, float(vector_norm(r, dtype=torch.float64)))
        h = orthogonalise(r, basis[: k + 1], V)
        alphas[k] = h[-1]
        betas[k] = float(vector_norm(r, dtype=torch.float64))
        if is_breakdown(float(betas[k]), scale, A.dtype):
            return Tridiagonal(basis[: k + 1], alphas[: k + 1], betas[: k + 1])
        q = r / float(betas[k])
    return Tridiagonal(basis, alphas, betas)


def lanczos_two_vectors(
    A: SelfAdjointOperator, start: Tensor, num_matvecs: int, *, orthogonal_to: Tensor | None = None
) -> Tridiagonal:
    """Tridiagonalise in O(n) memory: the bare three-term recurrence, nothing kept, ``basis`` empty.

    Without reorthogonalisation the vectors lose their orthogonality as soon as a Ritz value
    converges, and that value then returns as further copies (ghosts), which share its weight among
    them. So: no eigenvectors, no counting of eigenvalues, and more steps for the same resolution;
    but the quadrature (density, moments, trace) stays right, since the sum of the weights of a
    cluster of copies does [1]_.

    References
    ----------
    .. [1] Greenbaum (1989), Linear Algebra Appl. 113:7-63.
    """
    V = _checked_complement(A, start, num_matvecs, orthogonal_to)
    alphas, betas = [], []
    scale, beta = 0.0, 0.0

    q = _unit_start(A, start, V, A.dtype)
    previous = torch.zeros_like(q)
    for _ in range(num_matvecs):
        r = finite_product(A, q).clone()
        scale = max(scale, float(vector_norm(r, dtype=torch.float64)))
        r.add_(previous, alpha=-beta)
        alphas.append(float(q @ r))
        r.add_(q, alpha=-alphas[-1])
        if V is not None:
            project_out(r, V)
        beta = float(vector_norm(r, dtype=torch.float64))
        betas.append(beta)
        if is_breakdown(beta, scale, A.dtype):
            break
        previous, q = q, r / beta
    empty = q.new_empty(0, A.dim)
    return Tridiagonal(
        empty, torch.tensor(alphas, dtype=torch.float64), torch.tensor(betas, dtype=torch.float64)
    )


def finite_product(A: SelfAdjointOperator, q: Tensor) -> Tensor:
    """``A @ q``, refused where it is not finite: one NaN would spoil the whole Krylov space."""
    product = A @ q
    if not bool(torch.isfinite(product).all()):
        raise ValueError(
            f"{type(A).__name__} returned values that are not finite at product {A.num_matvecs}; "
            "the loss or its curvature overflows here: check the parameters and the data, "
            "or use float64."
        )
    return product


def orthogonalise(r: Tensor, basis: Tensor, V: Tensor | None) -> Tensor:
    """Gram-Schmidt in place; return the coefficients Q r as float64 on the CPU.

    Where the first pass takes much of r away, its rounding is large beside what is left: then, and
    only then, a second pass [3]_. Two are always enough.
    """
    h = torch.zeros(len(basis), dtype=torch.float64)
    left = float(vector_norm(r, dtype=torch.float64))
    for _ in range(2):
        if V is not None:
            project_out(r, V)
        h += project_out(r, basis).to(device="cpu", dtype=torch.float64)
        before, left = left, float(vector_norm(r, dtype=torch.float64))
        if left >= _KEPT * before:
            break
    return h


def is_breakdown(beta: float, scale: float, dtype: torch.dtype) -> bool:
    """Whether a residual norm is rounding, relative to ``scale``, the largest ||A q|| so far."""
    return beta <= BREAKDOWN_EPS * torch.finfo(dtype).eps * scale


def _checked_complement(
    A: SelfAdjointOperator, start: Tensor, num_matvecs: int, orthogonal_to: Tensor | None
) -> Tensor | None:
    room = A.dim - (0 if orthogonal_to is None else len(orthogonal_to))
    if not 1 <= num_matvecs <= room:
        raise ValueError(
            f"num_matvecs must lie in [1, {room}], the dimension left to A; got {num_matvecs}."
        )
    if start.shape != (A.dim,):
        raise ValueError(f"start must have shape ({A.dim},); got shape {tuple(start.shape)}.")
    if orthogonal_to is None or len(orthogonal_to) == 0:
        return None
    if orthogonal_to.ndim != 2 or orthogonal_to.shape[1] != A.dim:
        got = tuple(orthogonal_to.shape)
        raise ValueError(f"orthogonal_to must hold rows of length {A.dim}; got shape {got}.")
    return orthogonal_to


def _unit_start(
    A: SelfAdjointOperator, start: Tensor, V: Tensor | None, dtype: torch.dtype
) -> Tensor:
    q = start.to(dtype=dtype, device=A.device).clone()
    norm = float(vector_norm(q, dtype=torch.float64))
    if V is not None:
        for _ in range(2):
            project_out(q, V)
    left = float(vector_norm(q, dtype=torch.float64))
    if not left > 100 * torch.finfo(dtype).eps * norm or left == float("inf"):
        raise ValueError(
            f"start must be finite and have a part outside the span of orthogonal_to; its norm is "
            f"{norm:.3g}, outside {left:.3g}. Draw it at random, e.g. with probes.sphere."
        )
    return q / left
