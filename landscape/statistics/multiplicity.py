"""Many questions asked of the same runs: keep the chance of any false claim at alpha."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from landscape.statistics.arrays import as_vector


def holm(p_values: ArrayLike) -> tuple[float, ...]:
    """Return Holm's adjusted p-values, in the order given: claim those that are <= alpha.

    With p sorted ascending, the k-th of m becomes max over j <= k of (m - j + 1) p_(j), at most 1.
    Controls the probability of one or more false claims under any dependence between the tests,
    and always rejects at least what Bonferroni does.

    References
    ----------
    .. [1] Holm (1979), A simple sequentially rejective multiple test procedure, Scand. J. Stat. 6.
    """
    p = as_vector("p_values", p_values, minimum=1)
    if ((p <= 0) | (p > 1)).any():
        raise ValueError(f"p_values must lie in (0, 1]; got {p.min():g} to {p.max():g}.")
    order = np.argsort(p, kind="stable")
    steps = np.arange(len(p), 0, -1) * p[order]
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum(1.0, np.maximum.accumulate(steps))
    return tuple(float(value) for value in adjusted)


def in_turn(p_values: ArrayLike, branches: Sequence[Sequence[int]]) -> tuple[float, ...]:
    """Return adjusted p-values where some tests wait for others: claim those that are <= alpha.

    The branches divide alpha. In each the first test is made at the branch's share; once it has
    rejected, the others share that by Holm's procedure. A branch whose tests have all rejected
    leaves its share to the others in equal parts. So the first tests do not pay for those that
    follow them, and branches of one test each are Holm's procedure. Controls the probability of one
    or more false claims under any dependence between the tests.

    Parameters
    ----------
    branches
        Indices of ``p_values``, each in one branch.

    References
    ----------
    .. [1] Bretz, Maurer, Brannath & Posch (2009), A graphical approach to sequentially rejective
       multiple test procedures, Stat. Med. 28: branches are one of its graphs.
    """
    p = as_vector("p_values", p_values, minimum=1)
    alone = np.array(p)  # were there no other branch
    for first, *others in branches:
        if others:
            alone[others] = np.maximum(p[first], holm(p[others]))
    shares = np.arange(len(branches), 0, -1)
    whole = np.sort([max(alone[branch]) for branch in map(list, branches)])
    # Below which alpha so many other branches have left their shares.
    left = np.maximum.accumulate([0.0, *(shares * whole)[:-1]])
    adjusted = np.empty_like(p)
    for branch in map(list, branches):
        place = int(np.searchsorted(whole, max(alone[branch])))
        waits = np.maximum(shares[: place + 1, None] * alone[branch], left[: place + 1, None])
        adjusted[branch] = np.minimum(1.0, waits.min(axis=0))
    return tuple(float(value) for value in adjusted)
