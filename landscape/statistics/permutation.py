"""Tests that hold at any sample size, because chance is re-enacted rather than modelled.

Paired runs: if initialisation A and B do not differ, the two labels within a seed could be
swapped, so each score s_i is as likely to be -s_i: among the 2ⁿ sign patterns one counts those
whose Σ ±s_i is at least, or at most, the Σ s_i observed. Unpaired runs: the labels could be dealt
anew among all runs. Twice the smaller share is the two-sided p-value. Neither test needs a normal
distribution; neither can give a p-value below its ``floor``, so that too few runs can never be
called significant, however large the effect.

References
----------
.. [1] Fisher, The Design of Experiments (1935), section 21: the paired sign-flip test.
.. [2] Phipson & Smyth (2010), Permutation p-values should never be zero, SAGMB 9:39.
.. [3] Chung & Romano (2013), Exact and asymptotically robust permutation tests, Ann. Statist. 41.
"""

import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from landscape.statistics.arrays import Vector

MAX_EXACT_PAIRS = 20  # 2²⁰ sums: 8 MB
MAX_EXACT_DEALS = 200_000
_ROUNDING = 1e-12  # of scores, which are about 1


class Tails(NamedTuple):
    """Shares of the patterns, that of the runs as they are among them."""

    above: float  # whose statistic is at least the observed one: small where the group is higher
    below: float  # at most

    @property
    def p_value(self) -> float:
        """Two-sided, in (0, 1]."""
        return min(1.0, 2 * min(self))


@dataclass(frozen=True, kw_only=True)
class PermutationTest:
    """A two-sided p-value and the smallest one that this many runs could have given."""

    p_value: float  # in (0, 1]
    floor: float  # smallest attainable p-value at this n
    exact: bool  # every pattern enumerated; else sampled, the observed one counted among them [2]
    num_patterns: int  # sign patterns, or deals of the labels, that were looked at


class Patterns:
    """All that chance can make of the scores of so many runs, or ``num_resamples`` draws of it.

    The same draws for every question that is put, so that an interval agrees with its test.
    """

    def __init__(self, num_patterns: int, drawn: Callable[[Vector], Vector] | None) -> None:
        self.exact = drawn is None
        self.num_patterns = num_patterns
        self._drawn = drawn
        self._known: tuple[bytes, Vector] | None = None

    @property
    def floor(self) -> float:
        """The smallest two-sided p-value; the observed pattern is counted among drawn ones [2]."""
        return min(1.0, 2.0 / (self.num_patterns + (not self.exact)))

    def _tails(self, observed: float, chance: Vector) -> Tails:
        """Of ``chance``, sorted; what ties with the observed statistic is at least as extreme."""
        # Statistics that are equal on paper differ by rounding.
        tie = 1e-9 * max(1.0, abs(observed)) if math.isfinite(observed) else 0.0
        above = len(chance) - int(np.searchsorted(chance, observed - tie, side="left"))
        below = int(np.searchsorted(chance, observed + tie, side="right"))
        extra = int(not self.exact)
        total = self.num_patterns + extra
        return Tails((above + extra) / total, (below + extra) / total)

    def _draw(self, scores: Vector) -> Vector:
        """The statistic of each draw, sorted; kept, since most questions share their scores."""
        key = scores.tobytes()
        if self._known is None or self._known[0] != key:
            assert self._drawn is not None
            self._known = (key, np.sort(self._drawn(scores)))
        return self._known[1]


class SignFlips(Patterns):
    """The sign patterns of n scores: all of them up to 20 pairs."""

    def __init__(self, n: int, *, num_resamples: int, rng: Generator) -> None:
        if n <= MAX_EXACT_PAIRS:
            super().__init__(2**n, None)
        else:
            signs = 2.0 * rng.integers(2, size=(num_resamples, n)) - 1
            super().__init__(num_resamples, lambda sizes: signs @ sizes)

    def tails(self, scores: Vector) -> Tails:
        """Of the sum of ``scores``, shape (n,)."""
        sizes = np.sort(np.abs(scores))
        chance = flip_sums(sizes.tobytes()) if self.exact else self._draw(sizes)
        return self._tails(float(scores.sum()), chance)


class Deals(Patterns):
    """The ways to deal labels to n and m runs, both at least 2: all of them up to 200,000."""

    def __init__(self, n: int, m: int, *, num_resamples: int, rng: Generator) -> None:
        self._n = n
        if math.comb(n + m, n) <= MAX_EXACT_DEALS:
            super().__init__(math.comb(n + m, n), None)
        else:
            chosen = np.argsort(rng.random((num_resamples, n + m)), axis=1)[:, :n]
            super().__init__(num_resamples, lambda scores: _of_chosen(scores, chosen))

    def tails(self, scores: Vector) -> Tails:
        """Of Welch's t, the first n of ``scores``, shape (n + m,), against the others."""
        n, pool = self._n, np.sort(scores)
        chance = deal_statistics(pool.tobytes(), n) if self.exact else self._draw(pool)
        observed = _of_chosen(scores, np.arange(n)[None])
        return self._tails(float(observed[0]), chance)


@lru_cache(maxsize=8)
def flip_sums(sizes: bytes) -> Vector:
    """Σ ± of float64 ``sizes`` for all signs, sorted. Untied scores of n pairs are always those."""
    sums = np.zeros(1)
    for size in np.frombuffer(sizes):
        sums = np.concatenate([sums - size, sums + size])
    return np.sort(sums)


@lru_cache(maxsize=8)
def deal_statistics(pool: bytes, n: int) -> Vector:
    """Welch's t of any n of the float64 scores ``pool`` against the others, sorted."""
    scores = np.frombuffer(pool)
    chosen = np.array(list(itertools.combinations(range(len(scores)), n)))
    return np.sort(_of_chosen(scores, chosen))


def _of_chosen(scores: Vector, chosen: NDArray[np.int_]) -> Vector:
    """Welch's t of the scores that each row has ``chosen`` against the others, shape (rows,)."""
    of, squares = scores[chosen], scores**2
    sums, squared = of.sum(axis=1), (of**2).sum(axis=1)
    n = chosen.shape[1]
    return welch_t(sums, scores.sum() - sums, squared, squares.sum() - squared, n, len(scores) - n)


def welch_t(
    sums: Vector, other_sums: Vector, squares: Vector, other_squares: Vector, n: int, m: int
) -> Vector:
    """Welch's t by the sums of n and of m scores and of their squares.

    Standardised by the groups' own scatter, so that unequal spreads do not pass for unequal
    centres [3]; of groups of one size it orders deals as the sums do.
    """
    gap = sums / n - other_sums / m
    gap = np.where(np.abs(gap) <= _ROUNDING, 0.0, gap)
    spread = _variance(sums, squares, n) / n + _variance(other_sums, other_squares, m) / m
    # Two groups without scatter: infinitely far apart if they differ at all, else not apart.
    apart = np.where(gap == 0, 0.0, np.copysign(np.inf, gap))
    statistic: Vector = np.divide(gap, np.sqrt(spread), out=apart, where=spread > 0)
    return statistic


def sign_flip_floor(num_pairs: int) -> float:
    """Return 2/2ⁿ, the smallest two-sided p-value of n pairs: 0.0625 at n = 5, 0.031 at 6."""
    return min(1.0, 2.0 ** (1 - num_pairs))


def deal_floor(n: int, m: int) -> float:
    """Return the smallest two-sided p-value of dealing labels to n and m runs anew."""
    return min(1.0, 2 / math.comb(n + m, n))


def floor_of(num_runs: tuple[int, int], *, paired: bool) -> float:
    """Return the smallest p-value that so many pairs, or runs of two groups, can give."""
    return sign_flip_floor(num_runs[0]) if paired else deal_floor(*num_runs)


def runs_needed_at_least(alpha: float, num_tests: int, *, paired: bool) -> int:
    """Return the least n whose smallest p-value times ``num_tests`` can reach ``alpha``.

    Of pairs, or of runs in each of two groups.
    """
    if paired:
        return pairs_needed(alpha, num_tests)
    return next(n for n in itertools.count(1) if deal_floor(n, n) * num_tests <= alpha)


def pairs_needed(alpha: float, num_tests: int) -> int:
    """Return the least n at which a sign-flip p-value times ``num_tests`` can reach ``alpha``."""
    return max(1, math.ceil(1 + math.log2(num_tests / alpha) - 1e-12))


def _variance(sums: Vector, squares: Vector, n: int) -> Vector:
    left = squares - sums**2 / n
    variance: Vector = np.where(left <= n * _ROUNDING, 0.0, left) / (n - 1)
    return variance
