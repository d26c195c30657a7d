"""Extreme eigenpairs of a self-adjoint operator, at both ends in one run, to a true residual."""

import math
from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from landscape.linalg.operator import SelfAdjointOperator
from landscape.linalg.probes import sphere
from landscape.linalg.search import Callback, KrylovSearch, ProbeRecord, State, Wanted

DEFAULT_MEMORY = 8 << 30  # bytes given to the Krylov basis where the caller says nothing
CHECK_FAILURE = 0.01  # chance that the bound on unseen eigenvalues fails


@dataclass(frozen=True, kw_only=True)
class Eigenpairs:
    """Eigenvalues, descending: ``num_largest`` from the top, then ``num_smallest`` at the bottom.

    Where both ends meet (small n), the two counts overlap and no pair is listed twice.
    """

    values: Tensor  # shape (k,), float64
    vectors: Tensor  # orthonormal rows, shape (k, n)
    residuals: (
        Tensor  # true ||A v - θ v||, shape (k,), float64; bounds the distance to an eigenvalue
    )
    converged: Tensor  # residual ≤ tol ||A||, shape (k,), bool
    num_largest: int
    num_smallest: int
    norm: float  # ||A||, estimated by the largest abs(Ritz value)
    num_matvecs: int  # all products of this run, the verification included
    num_verification: int  # of them, the fresh products behind ``residuals``
    num_check: int  # of them, the search for further copies of eigenvalues
    num_restarts: int
    # With 99 % probability no eigenvalue outside ``values`` lies above / below these; None where
    # the check was too short to say, or not made.
    unseen_below: float | None
    unseen_above: float | None

    @property
    def largest(self) -> Tensor:
        """The upper end, descending, shape (num_largest,)."""
        return self.values[: self.num_largest]

    @property
    def smallest(self) -> Tensor:
        """The lower end, ascending, shape (num_smallest,)."""
        return self.values[len(self.values) - self.num_smallest :].flip(0)


def krylov_memory(dim: int, max_basis: int, dtype: torch.dtype) -> int:
    """Bytes that a run's working space takes: the basis, its next vector and two work vectors."""
    return (max_basis + 3) * dim * dtype.itemsize + 2 * 8 * max_basis**2


def choose_max_basis(dim: int, num_pairs: int, dtype: torch.dtype, memory: int) -> int:
    """Rows of the basis: 100 more than three a wanted pair, or what fits into ``memory`` bytes.

    More rows mean fewer matvecs, but each costs a pass of reorthogonalisation over all of them.
    """
    fits = memory // (dim * dtype.itemsize) - 3
    least = min(dim, num_pairs + 2)
    if fits < least:
        needed = krylov_memory(dim, least, dtype)
        raise ValueError(
            f"memory must hold at least {least} vectors for {num_pairs} eigenpairs, "
            f"{needed / 1e9:.2f} GB; got {memory / 1e9:.2f} GB. Ask for fewer pairs, or give more."
        )
    return min(dim, fits, 3 * num_pairs + 100)


def extreme_eigenpairs(
    A: SelfAdjointOperator,
    *,
    num_largest: int,
    num_smallest: int,
    tol: float,
    max_matvecs: int,
    rng: Generator,
    start: Tensor | None = None,
    max_basis: int | None = None,
    basis_dtype: torch.dtype | None = None,
    check_matvecs: int = 20,
    callback: Callback | None = None,
    state: State | None = None,
) -> Eigenpairs:
    """Eigenpairs at both ends of the spectrum by thick-restart Lanczos [1]_.

    Multiplicities: a Krylov space sees one copy of each eigenvalue. So, once the wanted pairs have
    converged, ``check_matvecs`` steps are taken from a random vector orthogonal to all of them;
    what that finds beyond them joins them, is driven to convergence, and the check is repeated.
    What a check of m steps can miss is bounded with 99 % probability [2]_ in ``unseen_above`` and
    ``unseen_below``: it resolves eigenvalues that stand clear of the rest, not ones at its edge.

    Parameters
    ----------
    tol
        Relative to ||A||, so that eigenvalues near zero can converge too.
    max_matvecs
        Hard limit, verification included. Pairs that have not converged by then are returned and
        marked.
    start
        First Lanczos vector, shape (n,); drawn from ``rng`` where not given.
    max_basis
        Most Lanczos vectors kept (``krylov_memory`` gives the bytes); see ``choose_max_basis``.
    callback
        Called with the state after each matvec. Its tensors are views: write or clone at once.
    state
        A state to continue from; on the same machine the result is that of an unbroken run.

    References
    ----------
    .. [1] Wu & Simon (2000), SIAM J. Matrix Anal. Appl. 22(2):602-616.
    .. [2] Kuczyński & Woźniakowski (1992), SIAM J. Matrix Anal. Appl. 13(4):1094-1122, theorem 4.2.
    """
    wanted = checked_wanted(num_largest, num_smallest, tol)
    dtype = basis_dtype or A.dtype
    rows = max_basis or choose_max_basis(A.dim, wanted.num_pairs, dtype, DEFAULT_MEMORY)
    search = KrylovSearch(
        A,
        wanted,
        max_basis=checked_max_basis(A, wanted, rows),
        max_matvecs=checked_max_matvecs(A, wanted, max_matvecs),
        basis_dtype=dtype,
        rng=rng,
        callback=callback,
    )
    if state is not None:
        search.load(state)

    def draw() -> Tensor:
        first = start is not None and not search.records
        return start if first and start is not None else sphere(A, rng)

    while _needs_another(search, check_matvecs):
        is_check = len(search.records) - search.in_probe > 0
        search.run_probe(draw, min_steps=check_matvecs if is_check else 1)
    return verified_eigenpairs(search)


def verified_eigenpairs(search: KrylovSearch) -> Eigenpairs:
    """What a search has locked, each pair with the residual that a fresh product shows."""
    residuals = search.verify()
    size = search.space.size
    values = search.space.T.diagonal()[:size]
    norm = float(values.abs().max())
    below, above = unseen_bounds(search)
    return Eigenpairs(
        values=values.flip(0),
        vectors=search.space.basis[:size].flip(0),
        residuals=residuals.flip(0),
        converged=(residuals <= search.wanted.tol * norm).flip(0),
        num_largest=min(search.wanted.num_largest, size),
        num_smallest=min(search.wanted.num_smallest, size),
        norm=norm,
        num_matvecs=search.num_matvecs,
        num_verification=size,
        num_check=sum(len(r.alphas) for r in search.records[1:]),
        num_restarts=search.num_restarts,
        unseen_below=below,
        unseen_above=above,
    )


def unseen_bounds(search: KrylovSearch) -> tuple[float | None, float | None]:
    """Below and above which, with 99 % probability, no eigenvalue was overlooked."""
    if search.is_exhausted:
        values = search.space.T.diagonal()[: search.space.size]
        return float(values.min()), float(values.max())
    checks = [r for r in search.records[1:] if r.alphas and not r.found_new]
    bounds = [b for r in checks if (b := _unseen_beyond(r, search.space.dim)) is not None]
    return max(bounds, key=lambda b: b[0] - b[1], default=(None, None))


def _unseen_beyond(record: ProbeRecord, dim: int) -> tuple[float, float] | None:
    """Bound the spectrum of the complement that a probe ran in, both ends with 99 % probability."""
    m, n = len(record.alphas), dim - len(record.locked)
    T = record.tridiagonal()
    nodes = torch.linalg.eigvalsh(
        torch.diag(T.alphas) + torch.diag(T.betas[:-1], 1) + torch.diag(T.betas[:-1], -1)
    )
    low, high = float(nodes[0]), float(nodes[-1])
    if record.betas[-1] == 0:
        return low, high
    # P(θ_max < λ_max - ε range) ≤ 1.648 √n exp(-√ε (2m - 1)), and likewise below.
    share = (math.log(2 * 1.648 * math.sqrt(n) / CHECK_FAILURE) / (2 * m - 1)) ** 2
    if share >= 0.5:
        return None
    margin = share * (high - low) / (1 - 2 * share)
    return low - margin, high + margin


def _needs_another(search: KrylovSearch, check_matvecs: int) -> bool:
    if search.verified or (search.is_exhausted and not search.in_probe) or search.out_of_budget:
        return False
    if search.in_probe or not search.records:
        return True
    if search.space.size < search.wanted.num_pairs:
        return True
    return check_matvecs > 0 and search.records[-1].found_new


def checked_wanted(num_largest: int, num_smallest: int, tol: float) -> Wanted:
    if num_largest < 0 or num_smallest < 0 or num_largest + num_smallest < 1:
        raise ValueError(
            "num_largest and num_smallest must be at least 0 and not both 0; "
            f"got {num_largest} and {num_smallest}."
        )
    if not 0 < tol < 1:
        raise ValueError(f"tol must lie in (0, 1), relative to the spectral norm; got {tol}.")
    return Wanted(num_largest=num_largest, num_smallest=num_smallest, tol=tol)


def checked_max_basis(A: SelfAdjointOperator, wanted: Wanted, max_basis: int) -> int:
    least = min(A.dim, wanted.num_pairs + 2)
    if max_basis < least:
        raise ValueError(
            f"max_basis must be at least {least}, two more than the {wanted.num_pairs} pairs "
            f"wanted (or n); got {max_basis}."
        )
    return min(max_basis, A.dim)


def checked_max_matvecs(A: SelfAdjointOperator, wanted: Wanted, max_matvecs: int) -> int:
    least = 2 * min(wanted.num_pairs, A.dim)
    if max_matvecs < least:
        raise ValueError(
            f"max_matvecs must be at least {least}: one product a pair to find it and one to "
            f"verify it; got {max_matvecs}."
        )
    return max_matvecs
