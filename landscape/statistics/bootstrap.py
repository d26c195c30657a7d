"""Nested bootstrap: resample seeds, then data shards within a seed, then probe noise.

The interval is studentised ("bootstrap-t"): each resample is measured in units of its own standard
error. Two faults of the plain percentile interval go away with that. It is too short at few runs;
and resampling shards and probes on top of seeds counts their noise twice, since the observed
spread of runs holds it already, which here swells numerator and denominator alike and cancels.

Measured coverage in % of nominal 95 % intervals for the mean of n log ratios (bootstrap-t with
999 resamples / t), 2,000 simulated experiments a cell (standard error 0.5). Percentile and BCa
intervals of the mean, for comparison, covered 86 to 91 % at n = 6 to 10 with normal seeds, 96 to
97 % where measurement noise dominates.

==========================  ===========  ===========  ===========
log ratios of runs          n = 6        n = 10       n = 20
==========================  ===========  ===========  ===========
normal, one shard           94.7 / 95.0  95.0 / 94.8  95.5 / 95.2
normal, two noisy shards    93.9 / 94.5  94.0 / 94.8  94.0 / 94.5
mostly measurement noise    94.4 / 94.7  95.1 / 95.3  93.9 / 94.2
Student t, 3 dof            94.2 / 97.0  93.2 / 95.9  92.0 / 95.2
exponential: very skewed    91.6 / 88.9  93.7 / 90.0  94.1 / 91.2
==========================  ===========  ===========  ===========

Hence it stands beside the interval that the test implies: it is the better one where ratios are
skewed and their mean is meant, the worse one where tails are heavy.

References
----------
.. [1] Efron & Tibshirani, An Introduction to the Bootstrap (1993), section 12.5.
.. [2] Davison & Hinkley, Bootstrap Methods and their Application (1997), section 3.8.
"""

from typing import NamedTuple

import numpy as np
from numpy.random import Generator
from numpy.typing import ArrayLike

from landscape.statistics.arrays import Table, Vector, as_stderrs, as_table
from landscape.values import Interval, check_probability

MIN_RUNS = 5  # with fewer, most resamples repeat one another and the tails are noise
_CHUNK = 1_000_000  # numbers drawn at once


class _Centre(NamedTuple):
    """Mean over runs of the mean over shards, and its squared standard error, per resample."""

    mean: Vector  # shape (B,)
    squared_stderr: Vector  # shape (B,)


def bootstrap_interval(
    logs: ArrayLike,
    probe_stderrs: ArrayLike,
    *,
    confidence: float,
    num_resamples: int,
    rng: Generator,
) -> Interval | None:
    """Return an interval for the centre of paired log ratios, as log ratio.

    Parameters
    ----------
    logs
        Log ratios, shape (n, K): n pairs of runs, K data shards. A shard is resampled for both
        runs of a pair at once.
    probe_stderrs
        Their standard errors from the random probes of the estimator, shape (n, K); 0 where the
        measure is deterministic. Probe noise is redrawn from a normal distribution.

    Returns
    -------
    Interval or None
        None for n < 5.
    """
    table = as_table("logs", logs, minimum=1)
    stderrs = as_stderrs("probe_stderrs", probe_stderrs, like=table)
    check_probability("confidence", confidence)
    _check_resamples(num_resamples, confidence)
    if len(table) < MIN_RUNS:
        return None
    resampled = _resample(table, stderrs, num_resamples, rng)
    return _studentised(_observe(table), resampled, confidence)


def bootstrap_difference_interval(
    logs_a: ArrayLike,
    probe_stderrs_a: ArrayLike,
    logs_b: ArrayLike,
    probe_stderrs_b: ArrayLike,
    *,
    confidence: float,
    num_resamples: int,
    rng: Generator,
) -> Interval | None:
    """Return an interval for centre(a) - centre(b) of unpaired logs, shapes (n, K) and (m, K).

    As ``bootstrap_interval``, the groups resampled independently; None if either has < 5 runs.
    """
    a, b = as_table("logs_a", logs_a, minimum=1), as_table("logs_b", logs_b, minimum=1)
    stderrs_a = as_stderrs("probe_stderrs_a", probe_stderrs_a, like=a)
    stderrs_b = as_stderrs("probe_stderrs_b", probe_stderrs_b, like=b)
    check_probability("confidence", confidence)
    _check_resamples(num_resamples, confidence)
    if min(len(a), len(b)) < MIN_RUNS:
        return None
    resampled = _minus(
        _resample(a, stderrs_a, num_resamples, rng), _resample(b, stderrs_b, num_resamples, rng)
    )
    return _studentised(_minus(_observe(a), _observe(b)), resampled, confidence)


def _observe(table: Table) -> _Centre:
    return _centre(table.mean(axis=1)[None, :])


def _centre(runs: Table) -> _Centre:
    return _Centre(runs.mean(axis=1), runs.var(axis=1, ddof=1) / runs.shape[1])


def _minus(a: _Centre, b: _Centre) -> _Centre:
    return _Centre(a.mean - b.mean, a.squared_stderr + b.squared_stderr)


def _resample(table: Table, stderrs: Table, num_resamples: int, rng: Generator) -> _Centre:
    n, num_shards = table.shape
    parts, done = [], 0
    while done < num_resamples:
        size = min(num_resamples - done, max(1, _CHUNK // table.size))
        seeds = rng.integers(n, size=(size, n, 1))
        shards = rng.integers(num_shards, size=(size, n, num_shards))
        noise = rng.standard_normal((size, n, num_shards))
        draws = table[seeds, shards] + stderrs[seeds, shards] * noise
        parts.append(_centre(draws.mean(axis=2)))
        done += size
    return _Centre(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def _studentised(observed: _Centre, resampled: _Centre, confidence: float) -> Interval:
    # A resample that drew one run n times has no spread to be measured in: left out.
    usable = resampled.squared_stderr > 1e-24 * observed.squared_stderr
    shift = resampled.mean[usable] - observed.mean
    pivots = shift / np.sqrt(resampled.squared_stderr[usable])
    if not len(pivots):  # all runs are equal: the data hold no spread at all
        pivots = np.zeros(1)
    low, high = np.quantile(pivots, [(1 - confidence) / 2, (1 + confidence) / 2])
    centre, stderr = observed.mean.item(), np.sqrt(observed.squared_stderr).item()
    return Interval(
        low=float(centre - high * stderr),
        high=float(centre - low * stderr),
        confidence=confidence,
        method="nested bootstrap-t",
    )


def _check_resamples(num_resamples: int, confidence: float) -> None:
    least = int(np.ceil(20 / (1 - confidence)))
    if num_resamples < least:
        raise ValueError(
            f"num_resamples must be at least {least} at confidence {confidence:g}, to leave 10 "
            f"resamples in each tail; got {num_resamples}."
        )
