import itertools
import math

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from landscape.statistics.permutation import (
    label_permutation_test,
    pairs_needed,
    sign_flip_floor,
    sign_flip_test,
    signed_rank_test,
)

# Quarters: sums are exact in binary, so that ties are ties, in any order of addition.
quarters = st.integers(-40, 40).map(lambda k: k / 4)
samples = st.lists(quarters, min_size=1, max_size=9)


def flip(d, num_resamples=1000, seed=0):
    return sign_flip_test(d, num_resamples=num_resamples, rng=np.random.default_rng(seed))


@given(samples)
def test_sign_flip_p_is_the_share_of_all_patterns_at_least_as_extreme(d):
    sums = [
        abs(math.fsum(s * x for s, x in zip(signs, d, strict=True)))
        for signs in itertools.product((1, -1), repeat=len(d))
    ]
    assert flip(d).p_value == sum(s >= abs(math.fsum(d)) for s in sums) / 2 ** len(d)


@given(samples, st.sampled_from([-4.0, -1.0, 0.125, 1024.0]))
def test_sign_flip_p_ignores_sign_and_unit(d, factor):
    assert flip([factor * x for x in d]) == flip(d)


@given(samples)
def test_sign_flip_p_lies_between_its_floor_and_one(d):
    test = flip(d)
    assert test.floor == min(1, 2 / 2 ** len(d)) <= test.p_value <= 1


@pytest.mark.parametrize(("n", "floor"), [(1, 1), (5, 0.0625), (6, 0.03125), (8, 0.0078125)])
def test_one_sided_data_reach_the_floor(n, floor):
    assert flip(np.arange(1.0, n + 1)).p_value == sign_flip_floor(n) == floor


def test_ties_hidden_by_rounding_still_count():
    # 0.1 + 0.2 - 0.3 is not 0 in floating point; the patterns ±(0.1 + 0.2) ± 0.3 tie in pairs.
    assert flip([0.1, 0.2, -0.3]).p_value == 1.0


def test_twenty_pairs_are_enumerated_and_agree_with_sampling(rng):
    d = rng.normal(0.4, 1, size=20)
    exact = flip(d)
    sampled = flip(np.append(d, 0.0), num_resamples=20_000)  # a zero changes no sum
    assert exact.exact
    assert exact.num_patterns == 2**20
    assert not sampled.exact
    stderr = math.sqrt(exact.p_value * (1 - exact.p_value) / 20_000)
    assert abs(sampled.p_value - exact.p_value) < 4 * stderr


def test_sampled_p_is_never_zero():
    test = flip(np.ones(60), num_resamples=99)
    assert test.p_value == test.floor == 1 / 100


@pytest.mark.parametrize("n", [6, 11, 15])
def test_signed_rank_p_is_wilcoxons(n, rng):
    d = rng.normal(0.3, 1, size=n)
    expected = scipy.stats.wilcoxon(d, method="exact").pvalue
    assert signed_rank_test(d, num_resamples=99, rng=rng).p_value == pytest.approx(expected)


def test_signed_rank_ignores_how_far_the_largest_lies(rng):
    d = rng.normal(size=9)
    stretched = np.sign(d) * np.abs(d) ** 3
    a, b = (signed_rank_test(x, num_resamples=99, rng=rng) for x in (d, stretched))
    assert a == b


@pytest.mark.parametrize(("n", "m"), [(3, 4), (5, 5), (4, 7)])
def test_label_permutation_p_agrees_with_brute_force(n, m, rng):
    a, b = rng.normal(0.5, 1, size=n), rng.normal(size=m)

    def statistic(x, y, axis):
        return np.abs(scipy.stats.ttest_ind(x, y, equal_var=False, axis=axis).statistic)

    expected = scipy.stats.permutation_test(
        (a, b), statistic, n_resamples=np.inf, alternative="greater"
    ).pvalue
    test = label_permutation_test(a, b, ranks=False, num_resamples=99, rng=rng)
    assert test.exact
    assert test.num_patterns == math.comb(n + m, n)
    assert test.p_value == pytest.approx(expected)


@pytest.mark.parametrize(("n", "m"), [(4, 4), (5, 8)])
def test_rank_sum_p_is_mann_whitneys(n, m, rng):
    a, b = rng.normal(0.5, 1, size=n), rng.normal(size=m)
    expected = scipy.stats.mannwhitneyu(a, b, method="exact").pvalue
    test = label_permutation_test(a, b, ranks=True, num_resamples=99, rng=rng)
    assert test.p_value == pytest.approx(expected)


def test_many_unpaired_runs_are_sampled_and_agree_with_welch(rng):
    a, b = rng.normal(0.5, 1, size=30), rng.normal(size=25)
    test = label_permutation_test(a, b, ranks=False, num_resamples=20_000, rng=rng)
    welch = scipy.stats.ttest_ind(a, b, equal_var=False).pvalue
    assert not test.exact
    assert test.p_value == pytest.approx(welch, abs=0.01)


@pytest.mark.parametrize(("a", "b"), [([1, 1, 1], [1, 1, 1]), ([1, 1, 1], [2, 2, 2])])
def test_constant_samples_give_one_or_the_floor(a, b, rng):
    test = label_permutation_test(a, b, ranks=False, num_resamples=99, rng=rng)
    assert test.p_value == (1.0 if a == b else 2 / 20)


@given(st.floats(0.001, 0.5), st.integers(1, 100))
def test_pairs_needed_is_the_first_n_whose_floor_survives_holm(alpha, num_tests):
    n = pairs_needed(alpha, num_tests)
    assert num_tests * 2 / 2**n <= alpha * (1 + 1e-9)
    assert num_tests * 2 / 2 ** (n - 1) > alpha * (1 - 1e-9)


@pytest.mark.parametrize("bad", [[], [[1.0]], [1.0, float("nan")], [float("inf")]])
def test_a_sample_must_be_a_finite_vector(bad):
    with pytest.raises(ValueError, match="differences must be"):
        flip(bad)


@pytest.mark.parametrize(("n", "m"), [(3, 4), (2, 5), (4, 4)])
@pytest.mark.parametrize("ranks", [True, False])
def test_the_floor_is_the_smallest_p_that_any_data_give(n, m, ranks, rng):
    pools = [np.concatenate([10 + rng.random(n), rng.random(m)]) for _ in range(3)]
    tests = [
        label_permutation_test(pool[:n], pool[n:], ranks=ranks, num_resamples=1, rng=rng)
        for pool in pools
    ]
    assert min(t.p_value for t in tests) == tests[0].floor
