"""Saying "no difference" on evidence, and saying what difference could have been seen.

A large p-value is not evidence of equality: it may mean too few runs. Equivalence is a claim of
its own, tested by two one-sided tests (TOST): the ratio is shown to lie above the lower bound and
below the upper one.

References
----------
.. [1] Schuirmann (1987), A comparison of the two one-sided tests procedure and the power
       approach, J. Pharmacokinet. Biopharm. 15:657. The bounds 0.8 to 1.25 come from there.
"""

import math
from dataclasses import dataclass
from functools import cache

from numpy.typing import ArrayLike
from scipy.optimize import brentq
from scipy.special import stdtr, stdtrit
from scipy.stats import nct

from landscape.statistics.arrays import as_vector, clip_p
from landscape.statistics.intervals import welch_stderr
from landscape.values import check_probability


@dataclass(frozen=True, kw_only=True)
class EquivalenceTest:
    """Two one-sided t tests of a log ratio against its bounds."""

    p_value: float  # the larger of the two; <= alpha shows equivalence; in (0, 1]
    p_lower: float  # against "the ratio is at or below the lower bound"
    p_upper: float  # against "the ratio is at or above the upper bound"
    bounds: tuple[float, float]  # as ratios, for example (0.8, 1.25)


def paired_equivalence_test(
    log_ratios: ArrayLike, *, bounds: tuple[float, float]
) -> EquivalenceTest:
    """Test that the mean of paired log ratios, shape (n,), n >= 2, lies within log(bounds).

    The ratio of geometric means is then within ``bounds``. Equivalent at level alpha exactly when
    the 1 - 2·alpha t-interval of the ratio lies inside the bounds. Assumes normal log ratios.
    """
    d = as_vector("log_ratios", log_ratios, minimum=2)
    stderr = float(d.std(ddof=1)) / math.sqrt(len(d))
    return _two_one_sided(float(d.mean()), stderr, len(d) - 1, bounds)


def unpaired_equivalence_test(
    logs_a: ArrayLike, logs_b: ArrayLike, *, bounds: tuple[float, float]
) -> EquivalenceTest:
    """As ``paired_equivalence_test``, for unpaired logs: Welch's t, spreads allowed to differ."""
    a, b = as_vector("logs_a", logs_a, minimum=2), as_vector("logs_b", logs_b, minimum=2)
    stderr, dof = welch_stderr(a.var(ddof=1), len(a), b.var(ddof=1), len(b))
    return _two_one_sided(float(a.mean() - b.mean()), stderr, dof, bounds)


def t_test_power(effect: float, *, stderr: float, dof: float, alpha: float) -> float:
    """Return the power of a two-sided t test at a true mean log ratio ``effect``.

    Paired, with s the standard deviation of n log ratios: stderr = s/√n and dof = n - 1. The
    permutation tests of few runs have less: see ``landscape.statistics.detectable``.
    """
    critical = -float(stdtrit(dof, alpha / 2))
    shift = abs(effect) / stderr
    # The far tail as an upper one at -shift: SciPy's nct.cdf(-critical, …, shift) returns nan.
    return float(nct.sf(critical, dof, shift) + nct.sf(critical, dof, -shift))


def detectable_log_ratio(*, stderr: float, dof: float, alpha: float, power: float) -> float:
    """Return the least |mean log ratio| that a t test at ``alpha`` finds with ``power``.

    ``stderr`` and ``dof`` as in ``t_test_power``, usually estimated from the runs themselves: read
    the answer as a planning figure (at n = 6 a standard deviation is uncertain by a third), never
    as evidence about the effect.
    """
    check_probability("alpha", alpha)
    check_probability("power", power)
    if power <= alpha:
        raise ValueError(f"power must exceed alpha = {alpha}, the power of no effect; got {power}.")
    if not (0 <= stderr < math.inf and dof >= 1):
        raise ValueError(f"stderr must be finite, >= 0, and dof >= 1; got {stderr} and {dof}.")
    return stderr * _detectable_shift(dof, alpha, power)


@cache
def _detectable_shift(dof: float, alpha: float, power: float) -> float:
    """Return the effect in units of its standard error; kept, as measures share n and alpha."""

    def excess(shift: float) -> float:
        return t_test_power(shift, stderr=1.0, dof=dof, alpha=alpha) - power

    upper = 1.0
    while excess(upper) < 0:
        upper *= 2
    return float(brentq(excess, 0.0, upper, xtol=1e-10))


def _two_one_sided(
    centre: float, stderr: float, dof: float, bounds: tuple[float, float]
) -> EquivalenceTest:
    lower, upper = bounds
    if not 0 < lower < 1 < upper < math.inf:
        raise ValueError(
            f"bounds must be two ratios around 1, for example (0.8, 1.25); got {bounds}."
        )
    above, below = centre - math.log(lower), math.log(upper) - centre
    p_lower, p_upper = (clip_p(_one_sided(gap, stderr, dof)) for gap in (above, below))
    return EquivalenceTest(
        p_value=max(p_lower, p_upper), p_lower=p_lower, p_upper=p_upper, bounds=(lower, upper)
    )


def _one_sided(gap: float, stderr: float, dof: float) -> float:
    if stderr == 0:  # every run alike: the bound is cleared for certain, or it is not
        return 0.0 if gap > 0 else 1.0
    return float(stdtr(dof, -gap / stderr))
