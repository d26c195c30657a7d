"""Confidence intervals for the centre of a sample, without and with a normal distribution.

``sign_flip_interval`` is the default for paired runs. It holds every value c that the exact
sign-flip test of d - c does not reject, so it leaves out 0 exactly when that test is significant,
and its coverage is exact, not approximate, for any symmetric distribution. Differences of paired
logarithms *are* symmetric about their centre whenever swapping labels only shifts the response.
The t intervals are SciPy's, but for runs that are all alike, where it warns and gives NaN.
"""

import math

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import stdtrit

from landscape.statistics.arrays import as_vector
from landscape.statistics.permutation import MAX_EXACT_PAIRS
from landscape.values import Interval, check_probability


def sign_flip_interval(differences: ArrayLike, *, confidence: float) -> Interval | None:
    """Return the interval dual to the exact sign-flip test, for n <= 20 differences, shape (n,).

    Sort the means of the 2ⁿ - 1 non-empty subsets of d. The true centre falls in each of the 2ⁿ
    gaps between them with probability 2⁻ⁿ (Hartigan's typical values [1]), so cutting
    floor(2ⁿ (1 - confidence)/2) gaps off either end gives the interval. None if that is no gap at
    all: below 6 pairs no 95 % interval exists without a normal distribution. None also for
    n > 20, where ``t_interval`` is accurate and enumeration is not worth its memory.

    References
    ----------
    .. [1] Hartigan (1969), Using subsample values as typical values, JASA 64:1303.
    """
    d = as_vector("differences", differences, minimum=1)
    check_probability("confidence", confidence)
    # The small excess keeps 2ⁿ·alpha/2 from falling below a whole number by rounding.
    cut = math.floor(2 ** len(d) * (1 - confidence) / 2 + 1e-9)
    if cut < 1 or len(d) > MAX_EXACT_PAIRS:
        return None
    sums, counts = np.zeros(1), np.zeros(1)
    for value in d:
        sums = np.concatenate([sums, sums + value])
        counts = np.concatenate([counts, counts + 1])
    means = np.partition(sums[1:] / counts[1:], (cut - 1, len(sums) - 1 - cut))
    return Interval(
        low=float(means[cut - 1]),
        high=float(means[len(means) - cut]),
        confidence=confidence,
        method="sign-flip",
    )


def t_interval(differences: ArrayLike, *, confidence: float) -> Interval:
    """Return mean ± t_{n-1} s/√n for differences of shape (n,), n >= 2, taken as normal."""
    d = as_vector("differences", differences, minimum=2)
    check_probability("confidence", confidence)
    half = stdtrit(len(d) - 1, (1 + confidence) / 2) * d.std(ddof=1) / math.sqrt(len(d))
    return _around(d.mean(), half, confidence, "t")


def welch_interval(a: ArrayLike, b: ArrayLike, *, confidence: float) -> Interval:
    """Return Welch's interval for mean(a) - mean(b), spreads allowed to differ, sizes >= 2."""
    a, b = as_vector("a", a, minimum=2), as_vector("b", b, minimum=2)
    check_probability("confidence", confidence)
    stderr, dof = welch_stderr(a.var(ddof=1), len(a), b.var(ddof=1), len(b))
    half = stdtrit(dof, (1 + confidence) / 2) * stderr
    return _around(a.mean() - b.mean(), half, confidence, "Welch t")


def welch_stderr(var_a: float, n: int, var_b: float, m: int) -> tuple[float, float]:
    """Return the standard error of a difference of means and Satterthwaite's degrees of freedom."""
    part_a, part_b = float(var_a) / n, float(var_b) / m
    total = part_a + part_b
    if total == 0:
        return 0.0, float(n + m - 2)
    share_a, share_b = part_a / total, part_b / total
    return math.sqrt(total), 1 / (share_a**2 / (n - 1) + share_b**2 / (m - 1))


def _around(centre: float, half: float, confidence: float, method: str) -> Interval:
    return Interval(
        low=float(centre - half), high=float(centre + half), confidence=confidence, method=method
    )
