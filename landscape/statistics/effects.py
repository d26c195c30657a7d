"""The numbers of one comparison, for each of the four designs: paired or not, ratio or rank.

The response is the log ratio to the baseline, averaged over data shards, so that a ratio is one of
geometric means. Values that are zero or negative have no logarithm: their differences are ranked,
no ratio is given and equivalence cannot be claimed.
"""

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.random import Generator
from scipy.stats import rankdata

from landscape.statistics.arrays import Table
from landscape.statistics.bootstrap import bootstrap_difference_interval, bootstrap_interval
from landscape.statistics.components import variance_components
from landscape.statistics.equivalence import paired_equivalence_test, unpaired_equivalence_test
from landscape.statistics.intervals import (
    sign_flip_interval,
    t_interval,
    welch_interval,
    welch_stderr,
)
from landscape.statistics.permutation import (
    PermutationTest,
    label_permutation_test,
    sign_flip_test,
    signed_rank_test,
)
from landscape.values import Interval, Levels, VarianceComponents

_UNTESTABLE = PermutationTest(p_value=1.0, floor=1.0, exact=True, num_patterns=1)


@dataclass(frozen=True, kw_only=True)
class Sample:
    """A group's measurements: a row a run, a column a data shard, units of the measure."""

    values: Table  # shape (n, K)
    stderrs: Table  # shape (n, K), from probes

    @property
    def logs(self) -> Table:
        return np.log(self.values)

    @property
    def log_stderrs(self) -> Table:
        return self.stderrs / self.values  # to first order


@dataclass(frozen=True, kw_only=True)
class Effect:
    """How far a group lies from its baseline, and how sure that is, before any correction."""

    scale: Literal["ratio", "difference"]  # of the estimate and its intervals
    estimate: float  # median ratio to the baseline, or median difference
    interval: Interval | None  # the default: sign-flip where it exists, else t
    other_intervals: tuple[Interval, ...]  # the same by other methods, for the sceptic
    centre: float  # what is tested: mean log ratio, or mean (signed) rank; its sign, the direction
    test: PermutationTest
    test_name: str
    equivalence_p: float | None = None  # TOST; None for differences and for single runs
    stderr: float | None = None  # of the mean log ratio; None likewise
    dof: float | None = None  # degrees of freedom of ``stderr``
    components: VarianceComponents | None = None  # of log ratios if paired, else of the group


def paired_ratio(a: Sample, b: Sample, levels: Levels, rng: Generator) -> Effect:
    """Compare positive values whose rows are pairs of one seed and columns shared shards."""
    log_ratios = a.logs - b.logs
    stderrs = np.hypot(a.log_stderrs, b.log_stderrs)
    d = log_ratios.mean(axis=1)
    test = sign_flip_test(d, num_resamples=levels.num_resamples, rng=rng)
    estimate, centre = math.exp(float(np.median(d))), float(d.mean())
    name = "sign-flip"
    if len(d) < 2:
        return _untested("ratio", estimate, centre, name)
    confidence = 1 - levels.alpha
    bootstrap = bootstrap_interval(
        log_ratios,
        stderrs,
        confidence=confidence,
        num_resamples=levels.num_resamples,
        rng=rng,
    )
    candidates = (
        sign_flip_interval(d, confidence=confidence),
        t_interval(d, confidence=confidence),
        bootstrap,
    )
    default, *others = [interval.exp() for interval in candidates if interval is not None]
    return Effect(
        scale="ratio",
        estimate=estimate,
        interval=default,
        other_intervals=tuple(others),
        centre=centre,
        test=test,
        test_name=name,
        equivalence_p=paired_equivalence_test(d, bounds=levels.bounds).p_value,
        stderr=float(d.std(ddof=1)) / math.sqrt(len(d)),
        dof=float(len(d) - 1),
        components=variance_components(log_ratios, stderrs),
    )


def unpaired_ratio(a: Sample, b: Sample, levels: Levels, rng: Generator) -> Effect:
    """Compare positive values of runs that share nothing."""
    x, y = a.logs.mean(axis=1), b.logs.mean(axis=1)
    estimate = math.exp(float(np.median(x) - np.median(y)))
    centre = float(x.mean() - y.mean())
    name = "label permutation"
    if min(len(x), len(y)) < 2:
        return _untested("ratio", estimate, centre, name)
    confidence = 1 - levels.alpha
    test = label_permutation_test(x, y, ranks=False, num_resamples=levels.num_resamples, rng=rng)
    bootstrap = bootstrap_difference_interval(
        a.logs,
        a.log_stderrs,
        b.logs,
        b.log_stderrs,
        confidence=confidence,
        num_resamples=levels.num_resamples,
        rng=rng,
    )
    stderr, dof = welch_stderr(x.var(ddof=1), len(x), y.var(ddof=1), len(y))
    return Effect(
        scale="ratio",
        estimate=estimate,
        interval=welch_interval(x, y, confidence=confidence).exp(),
        other_intervals=() if bootstrap is None else (bootstrap.exp(),),
        centre=centre,
        test=test,
        test_name=name,
        equivalence_p=unpaired_equivalence_test(x, y, bounds=levels.bounds).p_value,
        stderr=stderr,
        dof=dof,
        components=variance_components(a.logs, a.log_stderrs),
    )


def paired_difference(a: Sample, b: Sample, levels: Levels, rng: Generator) -> Effect:
    """Compare paired values some of which are not positive, by signed ranks."""
    d = a.values.mean(axis=1) - b.values.mean(axis=1)
    centre = float((np.sign(d) * rankdata(np.abs(d))).mean())
    confidence = 1 - levels.alpha
    if len(d) < 2:
        return _untested("difference", float(np.median(d)), centre, "signed-rank")
    interval = sign_flip_interval(d, confidence=confidence) or t_interval(d, confidence=confidence)
    return Effect(
        scale="difference",
        estimate=float(np.median(d)),
        interval=interval,
        other_intervals=(),
        centre=centre,
        test=signed_rank_test(d, num_resamples=levels.num_resamples, rng=rng),
        test_name="signed-rank",
    )


def unpaired_difference(a: Sample, b: Sample, levels: Levels, rng: Generator) -> Effect:
    """Compare unpaired values some of which are not positive, by rank sums."""
    x, y = a.values.mean(axis=1), b.values.mean(axis=1)
    ranks = rankdata(np.concatenate([x, y]))
    centre = float(ranks[: len(x)].mean() - ranks[len(x) :].mean())
    estimate = float(np.median(x) - np.median(y))
    if min(len(x), len(y)) < 2:
        return _untested("difference", estimate, centre, "rank-sum")
    return Effect(
        scale="difference",
        estimate=estimate,
        interval=welch_interval(x, y, confidence=1 - levels.alpha),
        other_intervals=(),
        centre=centre,
        test=label_permutation_test(x, y, ranks=True, num_resamples=levels.num_resamples, rng=rng),
        test_name="rank-sum",
    )


def _untested(
    scale: Literal["ratio", "difference"], estimate: float, centre: float, name: str
) -> Effect:
    return Effect(
        scale=scale,
        estimate=estimate,
        interval=None,
        other_intervals=(),
        centre=centre,
        test=_UNTESTABLE,
        test_name=name,
    )
