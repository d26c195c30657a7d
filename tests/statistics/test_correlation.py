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


@pytest.mark.parametrize("truth", [0.0, 0.5])
def test_seeds_that_groups_share_are_no_further_runs(truth, rng):
    num_groups, num_seeds, draws = 8, 10, 250
    groups = list(np.repeat([f"recipe {i}" for i in range(num_groups)], num_seeds))
    seeds = list(range(num_seeds)) * num_groups

    def scatter(shape):
        x = rng.normal(size=shape)
        return x, truth * x + (1 - truth**2) ** 0.5 * rng.normal(size=shape)

    rejected = covered = alone = 0
    for _ in range(draws):
        own, shared = scatter((num_groups, num_seeds)), scatter(num_seeds)
        x, y = ((0.6**0.5 * a + 0.4**0.5 * b).ravel() for a, b in zip(own, shared, strict=True))
        options = {"confidence": 0.95, "num_resamples": 99, "rng": rng}
        result = within_group_correlation(x, y, groups, seeds=seeds, **options)
        rejected += result.p_value <= 0.05
        covered += not result.interval.excludes(truth)
        unshared = within_group_correlation(x, y, groups, **options)
        alone += not unshared.interval.excludes(truth)
    if truth == 0:
        assert abs(rejected / draws - 0.05) <= 4 * (0.05 * 0.95 / draws) ** 0.5
    assert covered / draws >= 0.9
    assert alone / draws < covered / draws - 0.03


def test_shared_seeds_in_any_order_and_number_are_taken(rng, options):
    x, y = rng.normal(size=9), rng.normal(size=9)
    groups, seeds = ["a"] * 5 + ["b"] * 4, [3, 1, 2, 0, 4, 0, 1, 2, 7]
    turned = np.argsort(rng.random(9))
    first, second = (
        within_group_correlation(
            x[order],
            y[order],
            [groups[i] for i in order],
            seeds=[seeds[i] for i in order],
            **options,
        )
        for order in (np.arange(9), turned)
    )
    assert first.correlation == pytest.approx(second.correlation)
    assert first.interval.low == pytest.approx(second.interval.low)
    with pytest.raises(ValueError, match="x, y, groups and seeds must have one entry a run"):
        within_group_correlation(x, y, groups, seeds=[1], **options)


def _monotone(x, groups, rng):
    """``x`` under another increasing function in each group."""
    changed = np.empty_like(x)
    for name in dict.fromkeys(groups):
        inside = np.array([g == name for g in groups])
        changed[inside] = rng.normal() + np.exp((1 + rng.random()) * x[inside])
    return changed


def test_ranks_in_one_group_are_spearmans_correlation(rng, options):
    x = rng.integers(0, 8, 40).astype(float)  # with ties
    y = x + 4 * rng.normal(size=40)
    result = within_group_correlation(x, y, ["a"] * 40, ranks=True, **options)
    assert result.correlation == pytest.approx(scipy.stats.spearmanr(x, y).statistic)
    assert result.words.startswith("rank correlation")


def test_ranks_do_not_see_a_monotone_change_within_a_group(rng):
    groups, seeds = ["a"] * 9 + ["b"] * 12 + ["c"] * 7, [*range(9), *range(12), *range(7)]
    x = rng.normal(size=28)
    y = x + rng.normal(size=28)
    results = [
        within_group_correlation(
            *pair,
            groups,
            seeds=seeds,
            ranks=True,
            confidence=0.95,
            num_resamples=99,
            rng=np.random.default_rng(3),
        )
        for pair in ((x, y), (_monotone(x, groups, rng), _monotone(y, groups, rng)))
    ]
    assert results[0] == results[1]


def test_ranks_that_recipes_alone_explain_show_nothing(rng, options):
    """Simpson: recipes in order of both, and in each of them the runs the other way round."""
    groups = list(np.repeat(["a", "b", "c", "d"], 12))
    mean, inside = np.repeat([0.0, 10, 20, 30], 12), rng.normal(size=48)
    x, y = mean + inside, mean + rng.normal(size=48)
    assert scipy.stats.spearmanr(x, y).statistic > 0.9
    unrelated = within_group_correlation(x, y, groups, ranks=True, **options)
    assert not unrelated.interval.excludes(0)
    reversed_ = within_group_correlation(x, mean - inside, groups, ranks=True, **options)
    assert reversed_.correlation == pytest.approx(-1)


def test_p_of_ranks_is_uniform_where_nothing_is_associated(rng):
    """With shared seeds, which hold half of both variables' scatter, each on its own."""
    num_groups, num_seeds, draws = 5, 8, 400
    groups = list(np.repeat([f"recipe {i}" for i in range(num_groups)], num_seeds))
    seeds = list(range(num_seeds)) * num_groups
    found = []
    for _ in range(draws):
        x, y = (
            (rng.normal(size=(num_groups, num_seeds)) + rng.normal(size=num_seeds)).ravel()
            for _ in range(2)
        )
        result = within_group_correlation(
            x, y, groups, seeds=seeds, ranks=True, confidence=0.95, num_resamples=99, rng=rng
        )
        found.append(result.p_value)
    # Exact at multiples of 1/100. The largest deviation exceeds 1.95/√n once in 1,000 (Kolmogorov).
    levels = np.arange(1, 101) / 100
    observed = np.searchsorted(np.sort(found), levels + 1e-9) / draws
    assert np.abs(observed - levels).max() <= 1.95 / draws**0.5
