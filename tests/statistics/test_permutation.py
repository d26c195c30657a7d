"""Patterns of chance, and the tests made of them, against brute force."""

import itertools
import math

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from landscape.statistics.designs import Groups, Pairs
from landscape.statistics.permutation import Deals, SignFlips, deal_floor, pairs_needed
from landscape.statistics.scores import rank_scores, signed_scores

# Quarters: sums and ratios of powers of two are exact, so that ties are ties.
quarters = st.integers(-40, 40).map(lambda k: k / 4)
two_samples = st.integers(1, 8).flatmap(
    lambda n: st.tuples(*[st.lists(quarters, min_size=n, max_size=n).map(np.array)] * 2)
)


def pairs(a, b, *, num_resamples=1000):
    design = Pairs.of(
        np.array(a), np.array(b), num_resamples=num_resamples, rng=np.random.default_rng(0)
    )
    return design.tails(0.0, "difference")


def groups(a, b, *, num_resamples=1000):
    design = Groups.of(
        np.array(a), np.array(b), num_resamples=num_resamples, rng=np.random.default_rng(0)
    )
    return design.tails(0.0, "difference")


@given(two_samples)
def test_flipping_signs_counts_all_patterns_at_least_as_extreme(samples):
    a, b = samples
    size = np.abs(a) + np.abs(b)
    scores = signed_scores(np.divide(a - b, size, out=np.zeros(len(a)), where=size > 0))
    sums = [
        math.fsum(s * x for s, x in zip(signs, scores, strict=True))
        for signs in itertools.product((1, -1), repeat=len(scores))
    ]
    tails = pairs(*samples)
    assert tails.above == np.mean([s >= sum(scores) - 1e-9 for s in sums])
    assert tails.below == np.mean([s <= sum(scores) + 1e-9 for s in sums])


@given(two_samples)
def test_a_pair_scores_the_normal_quantile_of_its_rank_by_the_log_ratio(samples):
    gaps = samples[0] - samples[1]
    ranks = scipy.stats.rankdata(np.abs(gaps))
    expected = np.sign(gaps) * scipy.stats.norm.ppf(0.5 + ranks / (2 * (len(gaps) + 1)))
    assert signed_scores(gaps) == pytest.approx(expected, abs=1e-12)


@given(two_samples, st.sampled_from([0.125, 1024.0]))
def test_p_ignores_the_unit_and_which_group_is_the_baseline(samples, factor):
    a, b = samples
    tails = pairs(a, b)
    assert pairs(factor * a, factor * b) == tails
    assert pairs(b, a) == tails[::-1]


@pytest.mark.parametrize("test", [pairs, groups])
def test_a_value_just_above_zero_is_the_same_as_one_just_below(test):
    """Log ratios gave p = 1 for the one, ranks of differences 0.016 for the other."""
    base = 1 + 0.1 * np.arange(8)
    near_zero = [test([*(2 * base[:7]), tiny], base) for tiny in (1e-9, 0.0, -1e-9)]
    assert near_zero[0] == near_zero[1] == near_zero[2]
    # No more can be known of seven ratios of 2 and one far below 1 than their ranks tell.
    assert near_zero[0] == test([*(2 * base[:7]), 0.1], base)


@pytest.mark.parametrize(("n", "floor"), [(1, 1), (5, 0.0625), (6, 0.03125), (8, 0.0078125)])
def test_one_sided_data_reach_the_floor(n, floor):
    patterns = SignFlips(n, num_resamples=1, rng=np.random.default_rng(0))
    assert pairs(np.arange(2.0, n + 2), np.ones(n)).p_value == patterns.floor == floor


def test_a_gap_of_rounding_is_none():
    assert pairs(np.full(6, 0.1 + 0.2), np.full(6, 0.3)).p_value == 1


def test_twenty_pairs_are_enumerated_and_agree_with_sampling(rng):
    a = np.exp(rng.normal(0.4, 1, size=20))
    exact = pairs(a, np.ones(20))
    scores = signed_scores(np.log(a))
    drawn = SignFlips(21, num_resamples=20_000, rng=rng)
    assert not drawn.exact
    # One more score of 0 changes no sum.
    sampled = drawn.tails(np.append(scores, 0.0)).p_value
    stderr = math.sqrt(exact.p_value * (2 - exact.p_value) / 20_000)
    assert abs(sampled - exact.p_value) < 4 * stderr


def test_sampled_p_is_never_zero():
    assert pairs(np.full(60, 2.0), np.ones(60), num_resamples=99).p_value == 2 / 100


@pytest.mark.parametrize(("n", "m"), [(3, 4), (5, 5), (4, 7)])
def test_dealing_labels_agrees_with_brute_force(n, m, rng):
    a, b = rng.normal(0.5, 1, size=n), rng.normal(size=m)
    scores = rank_scores(np.concatenate([a, b]))
    assert scores == pytest.approx(
        scipy.stats.norm.ppf(scipy.stats.rankdata([*a, *b]) / (n + m + 1))
    )

    def statistic(x, y, axis):
        return scipy.stats.ttest_ind(x, y, equal_var=False, axis=axis).statistic

    for side, alternative in enumerate(("greater", "less")):
        expected = scipy.stats.permutation_test(
            (scores[:n], scores[n:]), statistic, n_resamples=np.inf, alternative=alternative
        ).pvalue
        assert groups(a, b)[side] == pytest.approx(expected)


def test_many_unpaired_runs_are_sampled_and_agree_with_welch(rng):
    a, b = rng.normal(0.5, 1, size=30), rng.normal(size=25)
    assert not Deals(30, 25, num_resamples=9, rng=rng).exact
    scores = rank_scores(np.concatenate([a, b]))
    welch = scipy.stats.ttest_ind(scores[:30], scores[30:], equal_var=False).pvalue
    assert groups(a, b, num_resamples=20_000).p_value == pytest.approx(welch, abs=0.01)


@pytest.mark.parametrize(("a", "b"), [([1.0] * 3, [1.0] * 3), ([1.0] * 3, [2.0] * 3)])
def test_constant_samples_give_one_or_the_floor(a, b):
    assert groups(a, b).p_value == (1.0 if a == b else 2 / 20)


@pytest.mark.parametrize(("n", "m"), [(3, 4), (2, 5), (4, 4)])
def test_the_floor_is_the_smallest_p_that_any_data_give(n, m, rng):
    for _ in range(3):
        assert groups(10 + rng.random(n), rng.random(m)).p_value == deal_floor(n, m)


@given(st.floats(0.001, 0.5), st.integers(1, 100))
def test_pairs_needed_is_the_first_n_whose_floor_survives_holm(alpha, num_tests):
    n = pairs_needed(alpha, num_tests)
    assert num_tests * 2 / 2**n <= alpha * (1 + 1e-9)
    assert num_tests * 2 / 2 ** (n - 1) > alpha * (1 - 1e-9)
