import numpy as np
import pytest

from landscape.statistics.components import variance_components


def test_components_of_a_hand_computed_table():
    # Rows (0, 2), (4, 6): MS_within = 4/2 = 2; row means 1, 5 of variance 8; MS_between = 16.
    parts = variance_components([[0.0, 2.0], [4.0, 6.0]], np.full((2, 2), 0.5))
    assert (parts.probe, parts.shard, parts.seed) == (0.25, 1.75, 7.0)
    assert parts.measurement_share == pytest.approx(1 / 8)


def test_components_are_recovered_without_bias(rng):
    seed, shard, probe, n, num_shards = 0.5, 0.3, 0.2, 8, 3
    draws = [
        seed * rng.normal(size=(n, 1))
        + shard * rng.normal(size=(n, num_shards))
        + probe * rng.normal(size=(n, num_shards))
        for _ in range(2000)
    ]
    parts = [variance_components(y, np.full((n, num_shards), probe)) for y in draws]
    for name, truth in (("seed", seed**2), ("shard", shard**2)):
        found = np.array([getattr(p, name) for p in parts])
        assert abs(found.mean() - truth) < 4 * found.std() / len(found) ** 0.5


def test_parts_add_up_to_the_variance_of_the_mean(rng):
    y = rng.normal(size=(9, 1)) + 0.3 * rng.normal(size=(9, 4))
    parts = variance_components(y, np.full((9, 4), 0.01))
    total = parts.seed / 9 + (parts.shard + parts.probe) / 36
    assert total == pytest.approx(y.mean(axis=1).var(ddof=1) / 9)


def test_one_shard_cannot_be_told_from_the_seed(rng):
    y = rng.normal(size=(6, 1))
    parts = variance_components(y, np.zeros((6, 1)))
    assert parts.shard is None
    assert parts.seed == pytest.approx(y.var(ddof=1))


def test_a_negative_estimate_is_zero():
    parts = variance_components([[0.0, 1.0], [1.0, 0.0]], np.zeros((2, 2)))
    assert parts.seed == 0
    assert parts.measurement_share == 1


@pytest.mark.parametrize(
    ("stderrs", "message"),
    [(np.zeros((2, 1)), "must have shape"), (np.full((2, 2), -1.0), "must not be negative")],
)
def test_stderrs_must_fit_the_values(stderrs, message):
    with pytest.raises(ValueError, match=message):
        variance_components(np.ones((2, 2)), stderrs)
