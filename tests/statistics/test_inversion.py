"""The interval is the test turned round, and holds the truth as often as was counted."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from landscape.statistics.designs import Groups, Pairs
from landscape.statistics.inversion import centre_of, interval_of
from landscape.statistics.permutation import Deals, SignFlips

DESIGNS = {"pairs": Pairs, "groups": Groups}
DISTRIBUTIONS = {
    "normal": lambda rng, n: rng.normal(size=n),
    "heavy tails": lambda rng, n: rng.standard_t(3, size=n),
    "uneven spreads": lambda rng, n: rng.normal(size=n) * np.arange(1, n + 1),
}
# Each example bisects some hundred times: a deadline would measure the machine.
unhurried = hypothesis_settings(deadline=None, max_examples=60)
value = st.integers(-20, 20).map(lambda k: k / 4)
two_samples = st.integers(6, 8).flatmap(
    lambda n: st.tuples(*[st.lists(value, min_size=n, max_size=n).map(np.array)] * 2)
)


def of(kind, a, b):
    return DESIGNS[kind].of(a, b, num_resamples=1, rng=np.random.default_rng(0))


def scale_of(a, b):
    return "ratio" if (a > 0).all() or (b > 0).all() else "difference"


@unhurried
@given(two_samples, st.sampled_from(["pairs", "groups"]), st.floats(0.04, 0.5))
def test_no_difference_is_left_out_exactly_when_the_test_rejects(samples, kind, alpha):
    design, scale = of(kind, *samples), scale_of(*samples)
    interval = interval_of(design, scale, alpha=alpha)
    assert interval.excludes(0) == (design.tails(0.0, scale).p_value <= alpha)


@unhurried
@given(two_samples, st.sampled_from(["pairs", "groups"]))
def test_the_estimate_lies_in_its_interval_on_the_side_of_the_verdict(samples, kind):
    design, scale = of(kind, *samples), scale_of(*samples)
    centre = centre_of(design, scale)
    interval = interval_of(design, scale, alpha=0.05)
    slack = 1e-9 * (1 + abs(centre)) if math.isfinite(centre) else 0.0
    assert interval.low - slack <= centre <= interval.high + slack
    assert centre * design.imbalance(0.0, scale) >= -1e-9


@unhurried
@given(two_samples, st.sampled_from(["pairs", "groups"]))
def test_swapping_the_groups_turns_centre_and_interval_round(samples, kind):
    a, b = samples
    scale = scale_of(a, b)
    one, other = of(kind, a, b), of(kind, b, a)
    assert centre_of(one, scale) == pytest.approx(-centre_of(other, scale), abs=1e-6)
    forth, back = (interval_of(d, scale, alpha=0.05) for d in (one, other))
    assert (forth.low, forth.high) == pytest.approx((-back.high, -back.low), abs=1e-6)


@pytest.mark.parametrize("kind", DESIGNS)
@pytest.mark.parametrize("factor", [0.01, 3.0])
def test_a_factor_moves_centre_and_interval_by_its_logarithm(kind, factor, rng):
    a, b = np.exp(rng.normal(size=(2, 7)))
    before, after = (of(kind, x, b) for x in (a, factor * a))
    ends = [interval_of(d, "ratio", alpha=0.05) for d in (before, after)]
    moved = math.log(factor)
    assert centre_of(after, "ratio") == pytest.approx(centre_of(before, "ratio") + moved)
    assert (ends[1].low, ends[1].high) == pytest.approx((ends[0].low + moved, ends[0].high + moved))


def test_six_pairs_give_the_range_and_five_give_no_95_percent_interval():
    logs = np.array([0.3, 0.1, 0.2, 0.6, 0.5, 0.4])
    interval = interval_of(of("pairs", np.exp(logs), np.ones(6)), "ratio", alpha=0.05)
    assert (interval.low, interval.high) == pytest.approx((0.1, 0.6))
    assert interval_of(of("pairs", np.exp(logs[:5]), np.ones(5)), "ratio", alpha=0.05) is None


@pytest.mark.parametrize("distribution", DISTRIBUTIONS.values(), ids=DISTRIBUTIONS)
@pytest.mark.parametrize("n", [6, 8, 10])
def test_pairs_cover_as_often_as_counted(distribution, n, rng):
    # Whatever the symmetric law, the 2ⁿ patterns are alike: of so many the test rejects.
    patterns = SignFlips(n, num_resamples=1, rng=rng)
    theory = 1 - 2 * math.floor(0.025 * 2**n) / 2**n
    held = [
        Pairs(np.exp(distribution(rng, n)), np.ones(n), patterns).tails(0.0, "ratio").p_value > 0.05
        for _ in range(2000)
    ]
    # Some of the sums of normal scores may tie: the test may stay below its level by a little.
    assert np.mean(held) > theory - 4 * math.sqrt(theory * (1 - theory) / 2000)
    assert np.mean(held) < theory + 4 * math.sqrt(theory * (1 - theory) / 2000) + 1 / 2 ** (n - 2)


def test_uneven_groups_of_unequal_spread_differ_seldom_though_alike(rng):
    patterns, rejected = Deals(5, 10, num_resamples=1, rng=rng), 0
    for _ in range(1000):
        groups = Groups(np.exp(3 * rng.normal(size=5)), np.exp(rng.normal(size=10)), patterns)
        rejected += groups.tails(0.0, "ratio").p_value <= 0.05
    assert rejected / 1000 < 0.12  # by sums of scores, not standardised, 0.15


@pytest.mark.parametrize("kind", DESIGNS)
def test_where_half_the_runs_have_no_ratio_it_ends_at_zero(kind):
    a, b = np.array([-1.0, -2.0, -3.0, -4.0, 1.0, 1.1]), np.linspace(1, 1.5, 6)
    design = of(kind, a, b)
    assert centre_of(design, "ratio") == -math.inf
    assert interval_of(design, "ratio", alpha=0.05).low == -math.inf
    assert math.isfinite(centre_of(design, "difference"))
