import numpy as np
import pytest
import scipy.stats

from landscape.statistics import within_group_correlation


@pytest.fixture
def options(rng):
    return {"confidence": 0.95, "num_resamples": 999, "rng": rng}


def test_two_distant_groups_without_inner_relation_do_not_correlate(rng, options):
    offset = np.repeat([0.0, 100.0], 20)
    x, y = rng.normal(size=40) + offset, rng.normal(size=40) + offset
    result = within_group_correlation(x, y, ["a"] * 20 + ["b"] * 20, **options)
    assert np.corrcoef(x, y)[0, 1] > 0.99
    assert not result.interval.excludes(0)
    assert result.p_value > 0.05
    assert "either sign or none" in result.words


def test_one_group_is_pearsons_correlation_with_its_interval(rng, options):
    x = rng.normal(size=30)
    y = x + rng.normal(size=30)
    result = within_group_correlation(x, y, ["a"] * 30, **options)
    expected = scipy.stats.pearsonr(x, y)
    interval = expected.confidence_interval(0.95)
    assert result.correlation == pytest.approx(expected.statistic)
    assert (result.interval.low, result.interval.high) == pytest.approx(tuple(interval))


def test_groups_are_the_partial_correlation_given_their_indicators(rng, options):
    groups = np.repeat(["a", "b", "c"], [5, 8, 11])
    x = rng.normal(size=24)
    y = 0.5 * x + rng.normal(size=24) + (groups == "b")
    indicators = (groups[:, None] == np.unique(groups)).astype(float)
    residuals = [v - indicators @ np.linalg.lstsq(indicators, v, rcond=None)[0] for v in (x, y)]
    result = within_group_correlation(x, y, list(groups), **options)
    assert result.correlation == pytest.approx(np.corrcoef(*residuals)[0, 1])


def test_the_interval_covers_95_percent(rng):
    truth, groups, hits = 0.6, ["a"] * 6 + ["b"] * 6 + ["c"] * 6, 0
    for _ in range(2000):
        x = rng.normal(size=18)
        y = truth * x + (1 - truth**2) ** 0.5 * rng.normal(size=18)
        result = within_group_correlation(
            x, y + np.repeat([0, 5, 9], 6), groups, confidence=0.95, num_resamples=1, rng=rng
        )
        hits += not result.interval.excludes(truth)
    assert abs(hits / 2000 - 0.95) <= 0.02


def test_runs_alone_in_their_group_do_not_count(rng, options):
    x, y = rng.normal(size=9), rng.normal(size=9)
    with_loner = within_group_correlation(x, y, ["a"] * 8 + ["b"], **options)
    without = within_group_correlation(x[:8], y[:8], ["a"] * 8, **options)
    assert with_loner.correlation == without.correlation
    assert (with_loner.num_runs, with_loner.num_groups) == (8, 1)


@pytest.mark.parametrize("x", [[0.1] * 6, [1.0, 1.0, 1.0, 5.0, 5.0, 5.0]])
def test_no_scatter_within_groups_is_said(x, options):
    result = within_group_correlation(x, [1.0, 2, 3, 1, 2, 4], ["a"] * 3 + ["b"] * 3, **options)
    assert result.correlation is result.interval is result.p_value is None
    assert "does not vary" in result.words
