"""Where the scatter comes from: the training seed, the data shard, or the random probes."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from landscape.statistics.arrays import as_stderrs, as_table


@dataclass(frozen=True, kw_only=True)
class VarianceComponents:
    """Variances of one value, in squared units of it (of a log ratio: dimensionless).

    The variance of the mean over n seeds and K shards is seed/n + shard/(n K) + probe/(n K):
    more probes help only against the last term, more data against the last two, and only more
    training runs against all three.
    """

    seed: float  # between training runs
    shard: float | None  # between data shards within a run; None with one shard: part of ``seed``
    probe: float  # of the estimator itself, from its own standard errors
    num_seeds: int  # n
    num_shards: int  # K

    @property
    def measurement_share(self) -> float:
        """Share of the variance of the mean that is measurement, not seeds; 0 if there is none."""
        measurement = ((self.shard or 0.0) + self.probe) / self.num_shards
        total = self.seed + measurement
        return measurement / total if total > 0 else 0.0


def variance_components(values: ArrayLike, probe_stderrs: ArrayLike) -> VarianceComponents:
    """Split the variance of ``values``, shape (n, K), by nested analysis of variance.

    Model: y_ik = mu + seed_i + shard_ik + probe_ik, with probe variances known. Matching the mean
    squares to their expectations [1] (E MS_within = shard + probe, E MS_between = E MS_within +
    K seed) gives the estimates; a negative one is set to 0. n >= 2. Shards count as nested in
    seeds; where all runs share the same shards, their common part drops out of a log ratio, and
    conclusions hold for those data.

    References
    ----------
    .. [1] Searle, Casella & McCulloch, Variance Components (1992), section 3.5.
    """
    y = as_table("values", values, minimum=2)
    stderrs = as_stderrs("probe_stderrs", probe_stderrs, like=y)
    n, num_shards = y.shape
    probe = float(np.mean(stderrs**2))
    means = y.mean(axis=1)
    between = num_shards * float(means.var(ddof=1))
    if num_shards == 1:
        return VarianceComponents(
            seed=max(0.0, between - probe), shard=None, probe=probe, num_seeds=n, num_shards=1
        )
    within = float(((y - means[:, None]) ** 2).sum()) / (n * (num_shards - 1))
    return VarianceComponents(
        seed=max(0.0, (between - within) / num_shards),
        shard=max(0.0, within - probe),
        probe=probe,
        num_seeds=n,
        num_shards=num_shards,
    )
