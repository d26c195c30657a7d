"""What looks in the complement of the locked pairs say about the ranks of these pairs.

A residual says that some eigenvalue is near a value, not which one. That no other lies further out
is what a look is for: it finds one, or bounds what it may have missed.

References
----------
.. [1] Kuczyński & Woźniakowski (1992), SIAM J. Matrix Anal. Appl. 13(4):1094-1122, theorem 4.2.
"""

import math

import torch
from torch import Tensor

from landscape.linalg.probe_record import ProbeRecord
from landscape.linalg.search import KrylovSearch

CHECK_FAILURE = 0.01  # chance that the bounds at both ends together fail


def missed_share(num_steps: int, dim: int, failure: float = CHECK_FAILURE) -> float:
    """How far the largest Ritz value may lie below λ_max, as a share of the spectrum's range.

    For Lanczos from a start vector uniform on the sphere, P(θ_max < λ_max - ε range) is at most
    1.648 √n exp(-√ε (2m - 1)) [1]_; this is the ε at which that is ``failure``.
    """
    if num_steps < 1 or dim < 1 or not 0 < failure < 1:
        raise ValueError(
            "num_steps and dim must be at least 1 and failure lie in (0, 1); "
            f"got {num_steps}, {dim}, {failure}."
        )
    return (math.log(1.648 * math.sqrt(dim) / failure) / (2 * num_steps - 1)) ** 2


def excludes_more(record: ProbeRecord, search: KrylovSearch) -> bool:
    """Whether a check shows, with 99 % probability, that nothing lies beyond the locked pairs."""
    if len(record.locked) < search.wanted.num_pairs or len(record.alphas) < 4:
        return False
    bounds = _unseen_beyond(record, search.space.dim)
    if bounds is None:
        return False
    low, high = search.wanted.num_smallest, search.wanted.num_largest
    return (low == 0 or bounds[0] >= float(record.locked[low - 1])) and (
        high == 0 or bounds[1] <= float(record.locked[-high])
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
    bounds = None if longest is None else _unseen_beyond(longest, search.space.dim)
    return (None, None) if bounds is None else bounds


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
    share = missed_share(m, n, CHECK_FAILURE / 2)
    if share >= 0.5:
        return None
    margin = share * (high - low) / (1 - 2 * share)
    return low - margin, high + margin
