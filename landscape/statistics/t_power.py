"""Power of a two-sided t test, and the effect that it finds: planning figures, no evidence."""

import math
from functools import cache

from scipy.optimize import brentq
from scipy.special import stdtrit
from scipy.stats import nct

from landscape.values import check_probability


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
