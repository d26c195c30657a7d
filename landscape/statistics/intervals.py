"""Confidence intervals for the centre of a sample with a normal distribution.

They stand beside those that the tests imply, and in place of them where runs are too few for one.
The t intervals are SciPy's, but for runs that are all alike, where it warns and gives NaN.
"""

import math

from numpy.typing import ArrayLike
from scipy.special import stdtrit

from landscape.statistics.arrays import as_vector
from landscape.values import Interval, check_probability


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
