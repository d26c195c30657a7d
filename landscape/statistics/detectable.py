"""What difference so many runs find, by the permutation test that decides and not by a t test.

With few runs, or at a level divided by many tests, a permutation test has few patterns to choose
from and finds clearly less than a t test of the same level: six pairs at 5 % find with probability
0.64 what a t test would find with 0.8, ten pairs at 5 %/24 with 0.62.
"""

import math
from collections.abc import Callable
from functools import cache

import numpy as np

from landscape.statistics.arrays import Vector
from landscape.statistics.comparison import Contrast
from landscape.statistics.permutation import (
    deal_floor,
    deal_statistics,
    flip_sums,
    sign_flip_floor,
    welch_t,
)
from landscape.statistics.scores import rank_scores, signed_scores
from landscape.statistics.t_power import detectable_log_ratio
from landscape.values import LARGEST, Levels, capped_exp

_MOST_PAIRS = 14  # enumerated; beyond, both tests find the same within some per cent
_MOST_DEALS = 20_000
_MOST_RUNS = 10_000
_NUM_DRAWS = 2000  # of runs: the answer is a planning figure, and good to about 2 %


def detectable_ratio(
    contrast: Contrast, best_p: float, num_tests: int, levels: Levels
) -> float | None:
    """Return the least ratio above 1 that these runs find with ``levels.power``.

    At alpha/num_tests, its share at first. None where even the smallest attainable p-value,
    corrected, ``best_p``, is above alpha: then no ratio, however large, could have been shown.
    """
    effect = contrast.effect
    if best_p > levels.alpha or effect.stderr is None or effect.dof is None:
        return None
    log_ratio = found_log_ratio(
        stderr=effect.stderr,
        dof=effect.dof,
        num_runs=contrast.num_runs,
        paired=contrast.paired,
        alpha=levels.alpha / num_tests,
        power=levels.power,
    )
    ratio = capped_exp(log_ratio)
    return ratio if ratio < LARGEST else None  # beyond it: nothing useful


def runs_needed(contrast: Contrast, *, num_tests: int, levels: Levels) -> int | None:
    """Least number of pairs, or of runs a group, that would show the smallest ratio that counts.

    That is the bound nearer to 1, shown with ``levels.power`` at alpha/num_tests by runs that
    scatter like these; None where these scatter unknown, or above 10,000. A planning figure.
    """
    effect, (n, m) = contrast.effect, contrast.num_runs
    if effect.stderr is None:
        return None
    smallest = min(abs(math.log(bound)) for bound in levels.bounds)
    # Of one pair, or of one run in each group.
    spread = effect.stderr * math.sqrt(n if contrast.paired else 2 / (1 / n + 1 / m))

    def enough(runs: int) -> bool:
        shown = found_log_ratio(
            stderr=spread / math.sqrt(runs),
            dof=runs - 1.0 if contrast.paired else 2.0 * (runs - 1),
            num_runs=(runs, runs),
            paired=contrast.paired,
            alpha=levels.alpha / num_tests,
            power=levels.power,
        )
        return shown <= smallest

    low, high = 1, 2
    while not enough(high):
        low, high = high, 2 * high
        if low > _MOST_RUNS:
            return None
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high if high <= _MOST_RUNS else None


def found_log_ratio(
    *,
    stderr: float,
    dof: float,
    num_runs: tuple[int, int],
    paired: bool,
    alpha: float,
    power: float,
) -> float:
    """Return the least |mean log ratio| that the test at ``alpha`` finds with ``power``.

    For normal log ratios (unpaired: of equal scatter in both groups); infinite where this many runs
    cannot reach ``alpha``. ``stderr`` and ``dof`` are those of the observed mean: read the answer
    as a planning figure. Where patterns are too many to be enumerated, the t test's answer.
    """
    n, m = num_runs
    if paired:
        if sign_flip_floor(n) > alpha:
            return math.inf
        if n <= _MOST_PAIRS:
            return stderr * _paired_shift(n, alpha, power)
    else:
        num_deals = math.comb(n + m, n)
        if deal_floor(n, m) > alpha:
            return math.inf
        if num_deals <= _MOST_DEALS:
            return stderr * _unpaired_shift(n, m, alpha, power)
    return detectable_log_ratio(stderr=stderr, dof=dof, alpha=alpha, power=power)


@cache
def _paired_shift(n: int, alpha: float, power: float) -> float:
    """In units of the standard error of the mean of n pairs."""
    draws = np.random.default_rng(0).normal(size=(_NUM_DRAWS, n))
    sizes = np.sort(np.abs(signed_scores(np.arange(1.0, n + 1))))
    critical = _critical(flip_sums(sizes.tobytes()), alpha)

    def statistic(shift: float) -> Vector:
        sums: Vector = signed_scores(draws + shift).sum(axis=1)
        return sums

    return _least(statistic, critical, power) * math.sqrt(n)


@cache
def _unpaired_shift(n: int, m: int, alpha: float, power: float) -> float:
    """In units of the standard error of the difference of means."""
    draws = np.random.default_rng(0).normal(size=(_NUM_DRAWS, n + m))
    pool = rank_scores(np.arange(1.0, n + m + 1))
    critical, squares = _critical(deal_statistics(pool.tobytes(), n), alpha), pool @ pool

    def statistic(shift: float) -> Vector:
        scores = rank_scores(draws + shift * (np.arange(n + m) < n))[:, :n]
        sums, squared = scores.sum(axis=1), (scores**2).sum(axis=1)
        return welch_t(sums, -sums, squared, squares - squared, n, m)

    return _least(statistic, critical, power) / math.sqrt(1 / n + 1 / m)


def _critical(chance: Vector, alpha: float) -> float:
    """What a statistic has to exceed, where only alpha/2 of ``chance``, sorted, may be as high."""
    return float(chance[-1 - math.floor(len(chance) * alpha / 2 + 1e-9)]) + 1e-9


def _least(statistic: Callable[[float], Vector], critical: float, power: float) -> float:
    """The shift from which on ``statistic`` is above ``critical`` in so many draws."""
    low, high = 0.0, 1.0
    while np.mean(statistic(high) > critical) < power:
        low, high = high, 2 * high
    while high - low > 0.002 * high:
        middle = (low + high) / 2
        if np.mean(statistic(middle) > critical) < power:
            low = middle
        else:
            high = middle
    return high
