"""Extreme eigenpairs of a self-adjoint operator, at both ends in one run, to a true residual."""

from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from landscape.linalg.operator import SelfAdjointOperator
from landscape.linalg.probes import sphere
from landscape.linalg.restart import ON_DEVICE, Basis
from landscape.linalg.search import KrylovSearch, Wanted
from landscape.linalg.units import Keep, afresh
from landscape.linalg.unseen import excludes_more, settled_ranks, shown_ranks, unseen_bounds
from landscape.linalg.verify import num_first, verify
from landscape.memory import DEFAULT_MEMORY


@dataclass(frozen=True, kw_only=True)
class Eigenpairs:
    """Eigenvalues, descending: ``num_largest`` from the top, then ``num_smallest`` at the bottom.

    Where both ends meet (small n), the two counts overlap and no pair is listed twice.
    """

    values: Tensor  # shape (k,), float64
    vectors: Tensor  # orthonormal rows, shape (k, n): a view of the run's basis, not a copy
    # ||A v - θ v|| by fresh products, or upper bounds of it (99 %), shape (k,), float64: bounds the
    # distance to an eigenvalue.
    residuals: Tensor
    accurate: Tensor  # residual ≤ tol ||A||, shape (k,), bool
    # Whether the last look for further copies left the value at its rank, shape (k,), bool: False
    # from the first one that it moved, where the budget allowed no further look, or none at all.
    settled: Tensor
    # Accurate, and with 99 % probability no overlooked eigenvalue takes its rank, shape (k,), bool.
    rank_shown: Tensor
    num_largest: int
    num_smallest: int
    # The largest ||Q Qᵀ - I|| of the Krylov basis at the end of a probe, estimated from below.
    orthogonality_loss: float
    norm: float  # ||A||, estimated by the largest abs(Ritz value)
    num_matvecs: int  # all products of this run, the verification included
    num_verification: int  # of them, the fresh products behind ``residuals``
    num_check: int  # of them, the search for further copies of eigenvalues
    num_restarts: int
    # With 99 % probability no eigenvalue outside ``values`` lies above / below these; None where
    # no check was made.
    unseen_below: float | None
    unseen_above: float | None

    @property
    def converged(self) -> Tensor:
        """Accurate, and at a rank that no look has disputed, shape (k,), bool."""
        return self.accurate & self.settled

    @property
    def largest(self) -> Tensor:
        """The upper end, descending, shape (num_largest,)."""
        return self.values[: self.num_largest]

    @property
    def smallest(self) -> Tensor:
        """The lower end, ascending, shape (num_smallest,)."""
        return self.values[len(self.values) - self.num_smallest :].flip(0)


def krylov_memory(dim: int, max_basis: int, dtype: torch.dtype) -> int:
    """Bytes of the basis, of the two vectors that its rows couple to, and of two work vectors."""
    return (max_basis + _beside(dtype)) * dim * dtype.itemsize + 2 * 8 * max_basis**2


def _beside(dtype: torch.dtype) -> int:
    """Vectors beside the basis in units of its rows: more, and longer ones, to rows of few bits."""
    return 4 if dtype.itemsize >= 4 else 1 + 5 * 2


def choose_max_basis(
    dim: int,
    num_pairs: int,
    dtype: torch.dtype,
    *,
    num_spare: int = 2,
    memory: int = DEFAULT_MEMORY,
) -> int:
    """Rows of the basis: 100 more than three a wanted pair, or what fits into ``memory`` bytes.

    At least ``num_spare`` beyond the wanted pairs. More rows mean fewer matvecs, but each step
    costs a pass of reorthogonalisation over all of them.
    """
    fits = memory // (dim * dtype.itemsize) - _beside(dtype)
    least = min(dim, num_pairs + num_spare)
    if fits < least:
        needed = krylov_memory(dim, least, dtype)
        raise ValueError(
            f"{num_pairs} eigenpairs and {num_spare} further Lanczos vectors of length {dim} take "
            f"{needed / 1e9:.2f} GB, more than the {memory / 1e9:.2f} GB given to the basis. "
            f"Ask for fewer of either, or set Basis.max_rows={least} if the machine has the memory."
        )
    return min(dim, fits, max(least, 3 * num_pairs + 100))


def extreme_eigenpairs(
    A: SelfAdjointOperator,
    *,
    num_largest: int,
    num_smallest: int,
    tol: float,
    max_matvecs: int,
    rng: Generator,
    basis: Basis = ON_DEVICE,
    check_matvecs: int = 20,
    verify_matvecs: int | None = None,
    keep: Keep = afresh,
) -> Eigenpairs:
    """Eigenpairs at both ends of the spectrum by thick-restart Lanczos [1]_.

    Multiplicities: a Krylov space sees one copy of each eigenvalue. So, once the wanted pairs have
    converged, up to ``check_matvecs`` steps are taken from a random vector orthogonal to them all;
    what that finds beyond them joins them, is driven to convergence, and the check is repeated
    until one finds nothing, or ``max_matvecs`` allows no further one (``settled``).
    What a check of m steps can miss is bounded with 99 % probability [2]_ in ``unseen_above`` and
    ``unseen_below``: it resolves eigenvalues that stand clear of the rest, not ones at its edge
    (``rank_shown``).

    Parameters
    ----------
    tol
        Relative to ||A||, so that eigenvalues near zero can converge too.
    max_matvecs
        Hard limit, verification included. Pairs that have not converged by then are returned and
        marked.
    basis
        How the Lanczos vectors are kept; ``krylov_memory`` gives the bytes.
    verify_matvecs
        Fresh products spent on the residuals, of random combinations of all pairs, which give upper
        bounds (``verify``). None: of more than ten pairs up to eight such, and one each where a
        bound is above the tolerance then, which gives its true residual; of fewer one each.
    keep
        Has a state to continue from, and takes it after each matvec; on the same machine the result
        is that of an unbroken run.

    References
    ----------
    .. [1] Wu & Simon (2000), SIAM J. Matrix Anal. Appl. 22(2):602-616.
    .. [2] van Dorsselaer et al. (2001), SIAM J. Matrix Anal. Appl. 22(3):837-852; see ``unseen``.
    """
    first = num_first(min(A.dim, num_largest + num_smallest), verify_matvecs, max_matvecs)
    wanted = checked_wanted(num_largest, num_smallest, tol, verify_matvecs)
    dtype = checked_basis_dtype(A, basis.dtype, tol)
    rows = basis.max_rows or choose_max_basis(A.dim, wanted.num_pairs, dtype)
    max_basis = checked_max_basis(A, wanted, rows, num_spare=2)
    max_steps = checked_max_steps(A, wanted, max_matvecs, verify_matvecs, first)
    search = KrylovSearch(
        A,
        wanted,
        max_basis=max_basis,
        max_steps=max_steps,
        basis_dtype=dtype,
        rng=rng,
        keep=keep,
        allocate=basis.allocate,
        # A product for each dimension tells everything: no more than finding and checking takes.
        whole=check_matvecs > 0
        and A.dim <= min(wanted.num_pairs + check_matvecs, max_basis, max_steps),
    )

    while _needs_another(search, check_matvecs):
        is_check = len(search.records) - search.in_probe > 0
        search.run_probe(
            lambda: sphere(A, rng),
            min_steps=check_matvecs if is_check else 1,
            is_enough=lambda record: excludes_more(record, search),
            look_steps=check_matvecs,
        )
    return verified_eigenpairs(search, verify_matvecs, first, looked=check_matvecs > 0)


def verified_eigenpairs(
    search: KrylovSearch, verify_matvecs: int | None, first: int = 0, *, looked: bool = True
) -> Eigenpairs:
    """What a search has locked, with the residuals that fresh products show.

    ``looked``: that it was to look for further copies; without, no rank is in doubt or shown.
    """
    residuals = verify(search, verify_matvecs, first)
    size = search.space.size
    values = search.space.T.diagonal()[:size]
    norm = search.space.norm
    accurate = residuals <= search.wanted.tol * norm
    below, above = unseen_bounds(search)
    return Eigenpairs(
        values=values.clone(),
        vectors=search.space.basis[:size],
        residuals=residuals,
        accurate=accurate,
        settled=settled_ranks(search) if looked else torch.ones(size, dtype=torch.bool),
        rank_shown=shown_ranks(search) & accurate,
        num_largest=min(search.wanted.num_largest, size),
        num_smallest=min(search.wanted.num_smallest, size),
        orthogonality_loss=search.orthogonality_loss,
        norm=norm,
        num_matvecs=search.num_matvecs,
        num_verification=len(search.verified),
        num_check=sum(len(r.alphas) for r in search.records[1:]),
        num_restarts=search.num_restarts,
        unseen_below=below,
        unseen_above=above,
    )


def _needs_another(search: KrylovSearch, check_matvecs: int) -> bool:
    if search.in_probe or not search.records:
        return True
    if search.verified or search.all_values is not None or search.out_of_budget:
        return False
    if search.space.size < search.wanted.num_pairs:
        return True
    return check_matvecs > 0 and search.records[-1].found_new


def checked_wanted(
    num_largest: int, num_smallest: int, tol: float, verify_matvecs: int | None
) -> Wanted:
    if num_largest < 0 or num_smallest < 0 or num_largest + num_smallest < 1:
        raise ValueError(
            "num_largest and num_smallest must be at least 0 and not both 0; "
            f"got {num_largest} and {num_smallest}."
        )
    if not 0 < tol < 1:
        raise ValueError(f"tol must lie in (0, 1), relative to the spectral norm; got {tol}.")
    # What several new starts have dropped is in the bounds that a number of products gives to all.
    safety = 0.5 if verify_matvecs is None else 0.1
    return Wanted(num_largest=num_largest, num_smallest=num_smallest, tol=tol, safety=safety)


def checked_basis_dtype(
    A: SelfAdjointOperator, basis_dtype: torch.dtype | None, tol: float
) -> torch.dtype:
    dtype = basis_dtype or A.dtype
    rounding = torch.finfo(dtype).eps / 2
    if rounding > torch.finfo(A.dtype).eps and tol < rounding:
        raise ValueError(
            f"a Krylov basis in {str(dtype).removeprefix('torch.')} holds no eigenvector to a "
            f"residual below about its rounding; tol must be at least {rounding:.2g} then; got "
            f"{tol:.2g}. Raise it, or keep the basis in the operator's dtype."
        )
    return dtype


def checked_max_basis(
    A: SelfAdjointOperator, wanted: Wanted, max_basis: int, *, num_spare: int
) -> int:
    least = min(A.dim, wanted.num_pairs + num_spare)
    if max_basis < least:
        raise ValueError(
            f"max_rows must be at least {least}, {num_spare} more than the {wanted.num_pairs} "
            f"pairs wanted (or n); got {max_basis}."
        )
    return min(max_basis, A.dim)


def checked_max_steps(
    A: SelfAdjointOperator,
    wanted: Wanted,
    max_matvecs: int,
    verify_matvecs: int | None,
    first: int = 0,
) -> int:
    """Lanczos steps that ``max_matvecs`` allows, the products of the verification kept back."""
    pairs = min(wanted.num_pairs, A.dim)
    if verify_matvecs is not None and verify_matvecs < 1:
        raise ValueError(f"verify_matvecs must be at least 1, or None; got {verify_matvecs}.")
    kept_back = pairs if verify_matvecs is None else min(pairs, verify_matvecs)
    kept_back += first
    if max_matvecs < pairs + kept_back:
        raise ValueError(
            f"max_matvecs must be at least {pairs + kept_back}: a product a pair to find it and "
            f"{kept_back} to verify; got {max_matvecs}."
        )
    return max_matvecs - kept_back
