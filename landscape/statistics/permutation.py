"""Tests that hold at any sample size, because chance is re-enacted rather than modelled.

Paired runs: if initialisation A and B do not differ, the two labels within a seed could be
swapped, so each difference d_i is as likely to be -d_i. The p-value is the share of the 2ⁿ sign
patterns whose |Σ ±d_i| is at least the |Σ d_i| observed. Unpaired runs: the labels could be dealt
anew among all runs. Neither needs a normal distribution; neither can give a p-value below its
``floor``, so that too few runs can never be called significant, however large the effect.

References
----------
.. [1] Fisher, The Design of Experiments (1935), section 21: the paired sign-flip test.
.. [2] Phipson & Smyth (2010), Permutation p-values should never be zero, SAGMB 9:39.
.. [3] Chung & Romano (2013), Exact and asymptotically robust permutation tests, Ann. Statist. 41.
"""

import math
from dataclasses import dataclass
from itertools import count

import numpy as np
from numpy.random import Generator
from numpy.typing import ArrayLike
from scipy.stats import permutation_test, rankdata

from landscape.statistics.arrays import Table, Vector, as_vector

MAX_EXACT_PAIRS = 20  # 2¹⁹ sums (the other half mirrors them): 4 MB and some milliseconds
MAX_EXACT_DEALS = 200_000
_CHUNK = 2_000_000  # numbers held at once when sampling


@dataclass(frozen=True, kw_only=True)
class PermutationTest:
    """A two-sided p-value and the smallest one that this many runs could have given."""

    p_value: float  # in (0, 1]
    floor: float  # smallest attainable p-value at this n
    exact: bool  # every pattern enumerated; else sampled, with the +1 correction of [2]
    num_patterns: int  # sign patterns, or deals of the labels, that were looked at


def sign_flip_floor(num_pairs: int) -> float:
    """Return 2/2ⁿ, the smallest two-sided p-value of n pairs: 0.0625 at n = 5, 0.031 at 6."""
    return min(1.0, 2.0 ** (1 - num_pairs))


def deal_floor(n: int, m: int) -> float:
    """Return the smallest p-value of dealing labels to n and m runs anew."""
    return (2 if n == m else 1) / math.comb(n + m, n)


def floor_of(num_runs: tuple[int, int], *, paired: bool) -> float:
    """Return the smallest p-value that so many pairs, or runs of two groups, can give."""
    return sign_flip_floor(num_runs[0]) if paired else deal_floor(*num_runs)


def runs_needed_at_least(alpha: float, num_tests: int, *, paired: bool) -> int:
    """Return the least n whose smallest p-value times ``num_tests`` can reach ``alpha``.

    Of pairs, or of runs in each of two groups.
    """
    if paired:
        return pairs_needed(alpha, num_tests)
    return next(n for n in count(1) if deal_floor(n, n) * num_tests <= alpha)


def pairs_needed(alpha: float, num_tests: int) -> int:
    """Return the least n at which a sign-flip p-value times ``num_tests`` can reach ``alpha``."""
    return max(1, math.ceil(1 + math.log2(num_tests / alpha) - 1e-12))


def sign_flip_test(
    differences: ArrayLike, *, num_resamples: int, rng: Generator
) -> PermutationTest:
    """Test that paired differences, shape (n,), are symmetric about zero.

    Exact for n <= 20 by enumeration (``rng`` is then not touched); beyond that p is
    (1 + hits)/(1 + num_resamples) over random sign patterns. SciPy enumerates patterns one by one:
    the same p-value, 4 s in place of 2 ms at n = 20.
    """
    d = as_vector("differences", differences, minimum=1)
    n = len(d)
    # Sums that are equal on paper differ by rounding; a tie counts as at least as extreme.
    threshold = abs(d.sum()) - 4 * n * np.finfo(np.float64).eps * np.abs(d).sum()
    if n <= MAX_EXACT_PAIRS:
        sums = d[:1].copy()
        for value in d[1:]:
            sums = np.concatenate([sums + value, sums - value])
        hits = int(np.count_nonzero(np.abs(sums) >= threshold))
        return PermutationTest(
            p_value=hits / len(sums), floor=sign_flip_floor(n), exact=True, num_patterns=2**n
        )
    return _sampled(
        permutation_test(
            (d,),
            lambda d, axis: 1.0 * (np.abs(d.sum(axis)) >= threshold),
            permutation_type="samples",
            vectorized=True,
            alternative="greater",
            n_resamples=num_resamples,
            batch=max(1, _CHUNK // n),
            rng=rng,
        ).pvalue,
        num_resamples,
    )


def signed_rank_test(
    differences: ArrayLike, *, num_resamples: int, rng: Generator
) -> PermutationTest:
    """Wilcoxon's signed-rank test: the sign-flip test of sign(d)·rank(|d|).

    For values that have no logarithm: only the order of the |d_i| counts. Ties get mid-ranks;
    zeros are ranked but carry no sign (Pratt 1959). Exact, ties and zeros included, for n <= 20.
    """
    d = as_vector("differences", differences, minimum=1)
    return sign_flip_test(np.sign(d) * rankdata(np.abs(d)), num_resamples=num_resamples, rng=rng)


def label_permutation_test(
    a: ArrayLike, b: ArrayLike, *, ranks: bool, num_resamples: int, rng: Generator
) -> PermutationTest:
    """Test that two unpaired samples, shapes (n,) and (m,), come from one distribution.

    The statistic is Welch's |t|, so that unequal spreads do not pass for unequal means [3]; with
    ``ranks`` it is the difference of mean ranks (Wilcoxon-Mann-Whitney, ties included). Exact up
    to 200,000 deals of the labels, sampled beyond.
    """
    a, b = as_vector("a", a, minimum=2), as_vector("b", b, minimum=2)
    n, total = len(a), len(a) + len(b)
    if ranks:
        ranked = rankdata(np.concatenate([a, b]))
        a, b = ranked[:n], ranked[n:]
    of_deals = _rank_statistic if ranks else welch_statistic
    observed = of_deals(np.concatenate([a, b])[None, :], n)[0]
    threshold = observed - 1e-9 * max(1.0, abs(observed)) if np.isfinite(observed) else observed

    def is_extreme(a: Table, b: Table, axis: int) -> Vector:
        # SciPy's own margin for ties is relative: too small near 0, undefined where infinite.
        deals = np.concatenate(np.atleast_2d(a, b), axis)
        return np.where(of_deals(deals, n) >= threshold, 1.0, 0.0)

    num_deals = math.comb(total, n)
    exact = num_deals <= MAX_EXACT_DEALS
    p_value = permutation_test(
        (a, b),
        is_extreme,
        permutation_type="independent",
        vectorized=True,
        alternative="greater",
        n_resamples=np.inf if exact else num_resamples,
        batch=max(1, _CHUNK // total),
        rng=rng,
    ).pvalue
    if not exact:
        return _sampled(p_value, num_resamples)
    return PermutationTest(
        p_value=float(p_value),
        # Ranks turned round are as far apart: then the lowest p belongs to two deals.
        floor=(2 if ranks or total == 2 * n else 1) / num_deals,
        exact=True,
        num_patterns=num_deals,
    )


def _sampled(p_value: float, num_resamples: int) -> PermutationTest:
    # The observed pattern belongs to the reference set: SciPy adds 1 above and below [2].
    return PermutationTest(
        p_value=float(p_value),
        floor=1 / (1 + num_resamples),
        exact=False,
        num_patterns=num_resamples,
    )


def welch_statistic(deals: Table, n: int) -> Vector:
    """Welch's |t| of each row: its first ``n`` numbers against the rest, shape (rows,)."""
    a, b = deals[:, :n], deals[:, n:]
    gap = np.abs(a.mean(1) - b.mean(1))
    spread = np.sqrt(a.var(1, ddof=1) / a.shape[1] + b.var(1, ddof=1) / b.shape[1])
    # Two constant samples: infinitely far apart if they differ at all, else not apart.
    rounding = 8 * np.finfo(np.float64).eps * np.abs(deals).max(1)
    gap, spread = np.where(gap <= rounding, 0.0, gap), np.where(spread <= rounding, 0.0, spread)
    apart = np.where(gap > 0, np.inf, 0.0)
    statistic: Vector = np.divide(gap, spread, out=apart, where=spread > 0)
    return statistic


def _rank_statistic(deals: Table, n: int) -> Vector:
    statistic: Vector = np.abs(deals[:, :n].mean(1) - deals[:, n:].mean(1))
    return statistic
