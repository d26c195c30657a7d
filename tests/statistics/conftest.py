"""Shared by the tests of the statistics: levels, and simulated groups of training runs."""

import numpy as np
import pytest

from landscape.statistics import RunValues
from landscape.values import Levels


@pytest.fixture
def rng():
    return np.random.default_rng(20240611)


@pytest.fixture
def levels():
    return Levels(alpha=0.05, power=0.8, bounds=(0.8, 1.25), num_resamples=400)


@pytest.fixture
def simulate():
    """Draw n runs of log-normal values around ``centre``, with seed, shard and probe scatter."""

    def draw(rng, num_runs, *, centre=1.0, spread=0.3, shard=0.05, probe=0.02, num_shards=2):
        runs = []
        for seed in range(num_runs):
            logs = spread * rng.normal() + shard * rng.normal(size=num_shards)
            values = centre * np.exp(logs + probe * rng.normal(size=num_shards))
            runs.append(
                RunValues(
                    seed=seed,
                    values=tuple(map(float, values)),
                    stderrs=tuple(map(float, probe * values)),
                )
            )
        return runs

    return draw
