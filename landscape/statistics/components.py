"""Where the scatter comes from: the training seed, the data shard, or the random probes."""

import numpy as np
from numpy.typing import ArrayLike

from landscape.statistics.arrays import as_stderrs, as_table
from landscape.values import VarianceComponents


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
        seed, shard = max(0.0, between - probe), None
    else:
        within = float(((y - means[:, None]) ** 2).sum()) / (n * (num_shards - 1))
        seed, shard = max(0.0, (between - within) / num_shards), max(0.0, within - probe)
    measurement = ((shard or 0.0) + probe) / num_shards
    total = seed + measurement
    return VarianceComponents(
        seed=seed,
        shard=shard,
        probe=probe,
        num_seeds=n,
        num_shards=num_shards,
        measurement_share=measurement / total if total > 0 else 0.0,
    )
