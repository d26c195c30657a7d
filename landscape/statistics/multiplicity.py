"""Many questions asked of the same runs: keep the chance of any false claim at alpha."""

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
