"""Two groups of runs as they were drawn, in pairs of one seed or each on its own, and their test.

Either design answers at any shift between the groups how far their scores are out of balance, and
what chance makes of that; at shift 0 that is the test of "no difference". And it says how sure it
is that the groups do not differ by more than a given ratio.
"""

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.random import Generator
from scipy.special import bdtr

from landscape.statistics.arrays import Vector
from landscape.statistics.permutation import Deals, SignFlips, Tails
from landscape.statistics.scores import Scale, log_ratios, rank_scores, signed_scores

_SMALLEST = 1e-200  # of two values that are both 0


@dataclass(frozen=True, eq=False)
class Pairs:
    """Values of runs that share a seed, shapes (n,) and (n,)."""

    a: Vector
    b: Vector
    patterns: SignFlips
    test_name: ClassVar[str] = "normal-scores"

    @classmethod
    def of(cls, a: Vector, b: Vector, *, num_resamples: int, rng: Generator) -> "Pairs":
        return cls(a, b, SignFlips(len(a), num_resamples=num_resamples, rng=rng))

    def imbalance(self, shift: float, scale: Scale) -> float:
        """Mean score; never rises with ``shift``."""
        return float(self._scores(shift, scale).mean())

    def tails(self, shift: float, scale: Scale) -> Tails:
        """Of flipping the signs of the scores."""
        return self.patterns.tails(self._scores(shift, scale))

    def equivalence_p(self, bounds: tuple[float, float]) -> float:
        """Two one-sided sign tests that the median ratio lies within ``bounds``.

        Exact whatever the law of the ratios, skewed or heavy-tailed: were their median at a bound
        or beyond it, at least every second ratio would be, in the mean. A tie counts as beyond.
        """
        low, high = bounds
        beyond = max(np.sum(self.a <= low * self.b), np.sum(self.a >= high * self.b))
        return float(bdtr(float(beyond), len(self.a), 0.5))

    def steps(self, scale: Scale) -> Vector:
        """Shifts at which the signed ranks change, sorted: where two gaps are opposite."""
        gaps, weights = self._gaps(scale)
        found = np.isfinite(gaps)
        gaps, weights = gaps[found], weights[found]
        sums = (weights * gaps)[:, None] + weights * gaps
        return np.unique(sums / (weights[:, None] + weights))

    def _scores(self, shift: float, scale: Scale) -> Vector:
        gaps, weights = self._gaps(scale)
        return signed_scores(weights * (gaps - shift))

    def _gaps(self, scale: Scale) -> tuple[Vector, Vector]:
        """Log ratios, or differences with weights that make φ of them; both order pairs alike."""
        if scale == "ratio":
            return log_ratios(self.a, self.b), np.ones(len(self.a))
        sizes = np.abs(self.a) + np.abs(self.b)
        return self.a - self.b, 1 / np.maximum(sizes, _SMALLEST)


@dataclass(frozen=True, eq=False)
class Groups:
    """Values of runs that share nothing, shapes (n,) and (m,), both at least 2."""

    a: Vector
    b: Vector
    patterns: Deals
    test_name: ClassVar[str] = "normal-scores"

    @classmethod
    def of(cls, a: Vector, b: Vector, *, num_resamples: int, rng: Generator) -> "Groups":
        return cls(a, b, Deals(len(a), len(b), num_resamples=num_resamples, rng=rng))

    def imbalance(self, shift: float, scale: Scale) -> float:
        """Mean score of one group less that of the other; never rises with ``shift``."""
        scores, n = self._scores(shift, scale), len(self.a)
        return float(scores[:n].mean() - scores[n:].mean())

    def tails(self, shift: float, scale: Scale) -> Tails:
        """Of dealing the scores anew."""
        return self.patterns.tails(self._scores(shift, scale))

    def equivalence_p(self, bounds: tuple[float, float]) -> float:
        """The test of either bound in place of "no difference", one-sided.

        Exact whatever the law of the values, if a factor is all that the groups differ by.
        """
        low, high = (self.tails(math.log(bound), "ratio") for bound in bounds)
        return max(low.above, high.below)

    def steps(self, scale: Scale) -> Vector:
        """Shifts at which the ranks change, sorted: where two runs are level."""
        a, b = self.a[:, None], self.b
        if scale == "difference":
            return np.unique(a - b)
        apart = log_ratios(a, b)
        return np.unique(apart[np.isfinite(apart)])

    def _scores(self, shift: float, scale: Scale) -> Vector:
        nearer = self.a * math.exp(-shift) if scale == "ratio" else self.a - shift
        return rank_scores(np.concatenate([nearer, self.b]))


Design = Pairs | Groups
