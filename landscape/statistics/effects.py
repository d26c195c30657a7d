"""The numbers of one comparison: one test for values of any sign, paired or not.

Runs are compared by their normal scores (``landscape.statistics.scores``). The estimate is the
ratio to the baseline at which scores balance, and lies in the interval that the test implies. Where
neither group is positive throughout there is no ratio: estimate and interval are a difference in
the measure's unit, of the same test, and equivalence cannot be claimed.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from landscape.statistics.arrays import Table, Vector
from landscape.statistics.bootstrap import bootstrap_difference_interval, bootstrap_interval
from landscape.statistics.components import variance_components
from landscape.statistics.designs import Design, Groups, Pairs
from landscape.statistics.intervals import t_interval, welch_interval, welch_stderr
from landscape.statistics.inversion import centre_of, interval_of
from landscape.statistics.permutation import PermutationTest
from landscape.statistics.scores import Scale
from landscape.values import Interval, Levels, VarianceComponents, capped_exp

_UNTESTABLE = PermutationTest(p_value=1.0, floor=1.0, exact=True, num_patterns=1)


@dataclass(frozen=True, kw_only=True)
class Sample:
    """A group's measurements: a row a run, a column a data shard, units of the measure."""

    values: Table  # shape (n, K)
    stderrs: Table  # shape (n, K), from probes

    @property
    def positive(self) -> bool:
        return bool((self.values > 0).all())

    @property
    def runs(self) -> Vector:
        """A value a run: the geometric mean over shards, the mean where one is not positive."""
        means: Vector = self.values.mean(axis=1)
        positive = (self.values > 0).all(axis=1)
        means[positive] = np.exp(np.log(self.values[positive]).mean(axis=1))
        return means

    @property
    def logs(self) -> Table:
        logs: Table = np.log(self.values)
        return logs

    @property
    def log_stderrs(self) -> Table:
        return self.stderrs / self.values  # to first order


@dataclass(frozen=True, kw_only=True)
class Effect:
    """How far a group lies from its baseline, and how sure that is, before any correction."""

    scale: Scale  # of the estimate and its intervals
    estimate: float  # central ratio to the baseline, or central difference
    interval: Interval | None  # the default: what the test implies where that exists, else t
    other_intervals: tuple[Interval, ...]  # the same by other methods, for the sceptic
    centre: float  # what is tested: the scores' imbalance; its sign, the direction
    test: PermutationTest
    test_name: str
    equivalence_p: float | None = None  # None for differences and for single runs
    stderr: float | None = None  # of the mean log ratio; None where a value is not positive
    dof: float | None = None  # degrees of freedom of ``stderr``
    components: VarianceComponents | None = None  # of log ratios if paired, else of the group


def effect_of(a: Sample, b: Sample, *, paired: bool, levels: Levels, rng: Generator) -> Effect:
    """Compare two groups; ``paired``: rows are pairs of one seed, and columns shared shards."""
    x, y = a.runs, b.runs
    if min(len(x), len(y)) < 2:
        return _untested(x, y)
    of = Pairs.of if paired else Groups.of
    design = of(x, y, num_resamples=levels.num_resamples, rng=rng)
    scale, shift = _estimate(design)
    is_ratio, has_logs = scale == "ratio", a.positive and b.positive
    implied = interval_of(design, scale, alpha=levels.alpha)
    others: Sequence[Interval | None] = ()
    if has_logs:
        others = (_normal(np.log(x), np.log(y), paired, levels), _nested(a, b, paired, levels, rng))
    elif not is_ratio and implied is None:
        others = (_normal(x, y, paired, levels),)
    found = [i for i in (implied, *others) if i is not None]
    if is_ratio:
        found = [i.exp() for i in found]
    tails = design.tails(0.0, scale)
    stderr, dof = _log_stderr(x, y, paired=paired) if has_logs else (None, None)
    return Effect(
        scale=scale,
        estimate=capped_exp(shift) if is_ratio else shift,
        interval=found[0] if found else None,
        other_intervals=tuple(found[1:]),
        centre=design.imbalance(0.0, scale),
        test=PermutationTest(
            p_value=tails.p_value,
            floor=design.patterns.floor,
            exact=design.patterns.exact,
            num_patterns=design.patterns.num_patterns,
        ),
        test_name=design.test_name,
        equivalence_p=design.equivalence_p(levels.bounds) if is_ratio else None,
        stderr=stderr,
        dof=dof,
        components=_components(a, b, paired=paired) if has_logs else None,
    )


def _estimate(design: Design) -> tuple[Scale, float]:
    """A ratio where one group is positive throughout, and the centre neither 0 nor infinite."""
    if (design.a > 0).all() or (design.b > 0).all():
        centre = centre_of(design, "ratio")
        if math.isfinite(centre):
            return "ratio", centre
    return "difference", centre_of(design, "difference")


def _normal(x: Vector, y: Vector, paired: bool, levels: Levels) -> Interval:
    confidence = 1 - levels.alpha
    if paired:
        return t_interval(x - y, confidence=confidence)
    return welch_interval(x, y, confidence=confidence)


def _nested(a: Sample, b: Sample, paired: bool, levels: Levels, rng: Generator) -> Interval | None:
    confidence, num_resamples = 1 - levels.alpha, levels.num_resamples
    if paired:
        return bootstrap_interval(
            a.logs - b.logs,
            np.hypot(a.log_stderrs, b.log_stderrs),
            confidence=confidence,
            num_resamples=num_resamples,
            rng=rng,
        )
    return bootstrap_difference_interval(
        a.logs,
        a.log_stderrs,
        b.logs,
        b.log_stderrs,
        confidence=confidence,
        num_resamples=num_resamples,
        rng=rng,
    )


def _log_stderr(x: Vector, y: Vector, *, paired: bool) -> tuple[float, float]:
    """Standard error of the mean log ratio, and its degrees of freedom."""
    x, y = np.log(x), np.log(y)
    if paired:
        return float((x - y).std(ddof=1)) / math.sqrt(len(x)), float(len(x) - 1)
    return welch_stderr(x.var(ddof=1), len(x), y.var(ddof=1), len(y))


def _components(a: Sample, b: Sample, *, paired: bool) -> VarianceComponents:
    if not paired:
        return variance_components(a.logs, a.log_stderrs)
    return variance_components(a.logs - b.logs, np.hypot(a.log_stderrs, b.log_stderrs))


def _untested(x: Vector, y: Vector) -> Effect:
    """Of single runs: the middle of them, and p = 1."""
    is_ratio = bool((x > 0).all() and (y > 0).all())
    middles = (np.log(x), np.log(y)) if is_ratio else (x, y)
    gap = float(np.median(middles[0]) - np.median(middles[1]))
    return Effect(
        scale="ratio" if is_ratio else "difference",
        estimate=capped_exp(gap) if is_ratio else gap,
        interval=None,
        other_intervals=(),
        centre=gap,
        test=_UNTESTABLE,
        test_name=Pairs.test_name,
    )
