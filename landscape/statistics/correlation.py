"""Does flatness go with test accuracy? Asked within groups, so that groups cannot answer it.

Two initialisations that differ in both flatness and accuracy make a perfect correlation of two
points, whatever links them. So each group's mean is taken off both variables first, and only the
scatter of runs within a group counts. What is left is still an association, not a cause.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import ArrayLike
from scipy.special import ndtri

from landscape.statistics.arrays import as_vector, check_probability
from landscape.statistics.intervals import Interval


@dataclass(frozen=True, kw_only=True)
class WithinGroupCorrelation:
    """Partial correlation given the group, and how sure it is."""

    correlation: float | None  # in [-1, 1]; None if either variable is constant within groups
    interval: Interval | None  # Fisher z; None too where runs - groups < 3
    p_value: float | None  # permutation within groups, in (0, 1]
    num_runs: int  # N, counted in groups of at least 2 runs
    num_groups: int  # G, of at least 2 runs
    words: str  # what was computed and found, in a sentence


def within_group_correlation(
    x: ArrayLike,
    y: ArrayLike,
    groups: Sequence[str],
    *,
    confidence: float,
    num_resamples: int,
    rng: Generator,
) -> WithinGroupCorrelation:
    """Correlate ``x`` and ``y``, shape (N,), after removing the mean of each group from both.

    That is the partial correlation given the G group indicators. Interval: Fisher's
    atanh(r) ± z/√(N - G - 2), the usual 1/√(N - 3) less the G - 1 indicators [1], for normal
    scatter. p-value: y is shuffled within each group, which needs no normal distribution. Runs
    alone in their group carry no information here and are left out. Take logarithms of a
    sharpness first: its scatter is multiplicative.

    References
    ----------
    .. [1] Fisher (1924), The distribution of the partial correlation coefficient, Metron 3.
    """
    x, y = as_vector("x", x, minimum=2), as_vector("y", y, minimum=2)
    check_probability("confidence", confidence)
    if not len(x) == len(y) == len(groups):
        raise ValueError(
            f"x, y and groups must have one entry a run; got {len(x)}, {len(y)}, {len(groups)}."
        )
    labels = np.asarray(groups)
    members = [np.nonzero(labels == label)[0] for label in dict.fromkeys(groups)]
    members = [rows for rows in members if len(rows) > 1]
    num_runs, num_groups = sum(map(len, members)), len(members)
    u = [_centred(x[rows]) for rows in members]
    v = [_centred(y[rows]) for rows in members]
    scale = math.sqrt(sum(float(a @ a) for a in u) * sum(float(b @ b) for b in v))
    if scale == 0:
        return WithinGroupCorrelation(
            correlation=None,
            interval=None,
            p_value=None,
            num_runs=num_runs,
            num_groups=num_groups,
            words="no correlation: within groups, one of the two does not vary",
        )
    products = sum(float(a @ b) for a, b in zip(u, v, strict=True))
    r = min(1.0, max(-1.0, products / scale))
    shuffled = np.zeros(num_resamples)
    for a, b in zip(u, v, strict=True):
        shuffled += rng.permuted(np.broadcast_to(b, (num_resamples, len(b))), axis=1) @ a
    hits = np.count_nonzero(np.abs(shuffled) >= abs(products) - 1e-12 * scale)
    p_value = (1 + hits) / (1 + num_resamples)
    interval = _fisher_interval(r, num_runs - num_groups - 2, confidence)
    return WithinGroupCorrelation(
        correlation=r,
        interval=interval,
        p_value=p_value,
        num_runs=num_runs,
        num_groups=num_groups,
        words=_words(r, interval, p_value, num_runs, num_groups),
    )


def _centred(values: np.ndarray) -> np.ndarray:
    centred = values - values.mean()
    # Constant but for rounding: no scatter, rather than a scatter of rounding errors.
    negligible = np.abs(centred).max() <= 8 * np.finfo(np.float64).eps * np.abs(values).max()
    return np.zeros_like(centred) if negligible else centred


def _fisher_interval(r: float, precision: int, confidence: float) -> Interval | None:
    if precision < 1 or abs(r) == 1:
        return None
    half = float(ndtri((1 + confidence) / 2)) / math.sqrt(precision)
    return Interval(
        low=math.tanh(math.atanh(r) - half),
        high=math.tanh(math.atanh(r) + half),
        confidence=confidence,
        method="Fisher z",
    )


def _words(r: float, interval: Interval | None, p: float, num_runs: int, num_groups: int) -> str:
    found = f"correlation {r:+.2f} within {num_groups} groups of {num_runs} runs in all"
    if interval is None:
        return f"{found}; too few runs for an interval (p = {p:.2g} by shuffling within groups)"
    sign = "of either sign or none" if not interval.excludes(0) else "of this sign"
    return (
        f"{found}, {interval.confidence:.0%} interval {interval.low:+.2f} to {interval.high:+.2f}, "
        f"p = {p:.2g} by shuffling within groups: compatible with an association {sign}"
    )
