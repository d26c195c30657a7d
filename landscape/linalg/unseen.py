"""What looks in the complement of the locked pairs say about the ranks of these pairs.

A residual says that some eigenvalue is near a value, not which one. That no other lies further out
is what a look is for: it finds one, or bounds what it may have missed.

Let μ be the largest eigenvalue of P A P in the complement, v its vector, z the start of a look,
uniform on the sphere there, and p_0 … p_m the polynomials that the m steps leave: p_j(P A P) z is
the j-th Lanczos vector, of length 1. With q = Σ_j p_j(μ) p_j,

    Σ_j p_j(μ)² = ‖q(P A P) z‖² ≥ (vᵀz)² q(μ)² = (vᵀz)² (Σ_j p_j(μ)²)²,

so that Σ_j p_j(μ)² ≤ 1 / (vᵀz)² [1]_. Beyond the outermost Ritz value the sum grows without end:
where it has passed 1 / w there is no eigenvalue, unless (vᵀz)² < w, of which the law is known. That
is one event, whatever m: what m steps bound holds for all m at once, so that a look may end when it
likes.

References
----------
.. [1] van Dorsselaer, Hochstenbach & van der Vorst (2001), Computing probabilistic bounds for
   extreme eigenvalues of symmetric matrices with the Lanczos method, SIAM J. Matrix Anal. Appl.
   22(3):837-852.
"""

import torch
from scipy.special import betaincinv
from torch import Tensor

from landscape.linalg.lanczos import BREAKDOWN_EPS, Tridiagonal
from landscape.linalg.probe_record import ProbeRecord
from landscape.linalg.restart import KrylovSpace
from landscape.linalg.search import KrylovSearch

CHECK_FAILURE = 0.01  # chance that the bounds at both ends together fail
# Of a look that ends before it has the steps asked for: as good as none, since all of them mostly
# see more than they can prove.
_EARLY_FAILURE = 1e-6
_HALVINGS = 50


def least_weight(dim: int, failure: float) -> float:
    """Below which (vᵀz)² falls with this probability, z uniform on the sphere of R^dim."""
    return float(betaincinv(0.5, (dim - 1) / 2, failure)) if dim > 1 else 1.0


def outermost(T: Tridiagonal, weight: float) -> tuple[float, float]:
    """Below and above which no eigenvalue has a share of ``weight`` or more in the start vector."""
    nodes = torch.linalg.eigvalsh(
        torch.diag(T.alphas) + torch.diag(T.betas[:-1], 1) + torch.diag(T.betas[:-1], -1)
    )
    low, high = float(nodes[0]), float(nodes[-1])
    if T.betas[-1] == 0:
        return low, high
    # Σ p_j² ≥ p_m², the product of all (x - θ_j)² / β_j².
    m = len(T.betas)
    reach = float(T.betas.log().mean().exp()) * weight ** (-1 / (2 * m))
    return low - _distance(T, low, -reach, weight), high + _distance(T, high, reach, weight)


def _distance(T: Tridiagonal, end: float, reach: float, weight: float) -> float:
    """How far from ``end`` towards ``end + reach`` Σ p_j² first passes 1 / ``weight``."""
    near, far = 0.0, 1.0
    for _ in range(_HALVINGS):
        middle = (near + far) / 2
        if _passes(T, end + middle * reach, 1 / weight):
            far = middle
        else:
            near = middle
    return far * abs(reach)


def _passes(T: Tridiagonal, x: float, limit: float) -> bool:
    """Whether p_0(x)² + … + p_m(x)² > ``limit``."""
    before, now, total, beta_before = 0.0, 1.0, 1.0, 0.0
    for alpha, beta in zip(T.alphas.tolist(), T.betas.tolist(), strict=True):
        before, now = now, ((x - alpha) * now - beta_before * before) / beta
        beta_before = beta
        total += now * now
        if total > limit:
            return True
    return False


def excludes_more(record: ProbeRecord, search: KrylovSearch) -> bool:
    """Whether a look shows, all but certainly, that nothing lies beyond the locked pairs."""
    if len(record.locked) < search.wanted.num_pairs or not record.alphas:
        return False
    below, above = _unseen_beyond(record, search.space, _EARLY_FAILURE)
    low, high = search.wanted.num_smallest, search.wanted.num_largest
    return (low == 0 or below >= float(record.locked[low - 1])) and (
        high == 0 or above <= float(record.locked[-high])
    )


def unseen_bounds(search: KrylovSearch) -> tuple[float | None, float | None]:
    """Below and above which, with 99 % probability, no eigenvalue was overlooked.

    By the longest look that changed no wanted pair: chosen by its length, since the tightest of
    several bounds would hold less often.
    """
    if search.all_values is not None:
        return float(search.all_values[0]), float(search.all_values[-1])
    looks = [r for r in search.records[1:] if r.alphas and not r.found_new]
    longest = max(looks, key=lambda r: len(r.alphas), default=None)
    if longest is None:
        return None, None
    return _unseen_beyond(longest, search.space, CHECK_FAILURE)


def settled_ranks(search: KrylovSearch) -> Tensor:
    """Which of the locked values, descending, the last look has left as they are, shape (k,).

    A look that found a further copy of an eigenvalue, and after which there was no budget for
    another one, leaves this value and those further inwards in doubt: there may be more copies.
    A probe that was too short is no look.
    """
    size, wanted = search.space.size, search.wanted
    if search.all_values is not None:
        return torch.ones(size, dtype=torch.bool)
    looks = [r for r in search.records[1:] if not r.weak]
    same = torch.zeros(size, dtype=torch.bool)
    if looks and len(looks[-1].locked) == size:
        moved = search.space.T.diagonal()[:size].flip(0) - looks[-1].locked
        same = moved.abs() <= wanted.tol * search.space.norm
    low, high = same.cumprod(0).bool(), same.flip(0).cumprod(0).bool()
    low[wanted.num_smallest :] = False
    high[wanted.num_largest :] = False
    return low.flip(0) | high


def shown_ranks(search: KrylovSearch) -> Tensor:
    """Which of the locked values, descending, have the rank they are listed with, shape (k,).

    With 99 % probability, by ``unseen_bounds``: no eigenvalue that was overlooked lies further out.
    """
    size, wanted = search.space.size, search.wanted
    if search.all_values is not None:
        return torch.ones(size, dtype=torch.bool)
    shown = torch.zeros(size, dtype=torch.bool)
    below, above = unseen_bounds(search)
    if below is None or above is None:
        return shown
    values, slack = search.space.T.diagonal()[:size], wanted.tol * search.space.norm
    high, low = min(wanted.num_largest, size), max(0, size - wanted.num_smallest)
    shown[:high] = values[:high] + slack >= above
    shown[low:] |= values[low:] - slack <= below
    return shown & settled_ranks(search)


def _unseen_beyond(record: ProbeRecord, space: KrylovSpace, failure: float) -> tuple[float, float]:
    """Bounds of the spectrum of the complement that a probe ran in, but for this chance."""
    weight = least_weight(space.dim - len(record.locked), failure / 2)
    low, high = outermost(record.tridiagonal(), weight)
    rounding = BREAKDOWN_EPS * torch.finfo(space.noise_dtype).eps * space.norm
    return low - rounding, high + rounding
