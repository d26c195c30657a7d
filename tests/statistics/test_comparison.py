import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from landscape.results import JudgedMeasure
from landscape.statistics import RunValues, compare_runs, seeds_pair
from landscape.values import Levels

TRACE = JudgedMeasure(
    name="trace", title="trace", larger_is="sharper", scale_invariant=False, hard_forward=False
)
# Each example runs two bootstraps: a deadline would measure the machine.
unhurried = hypothesis_settings(deadline=None, max_examples=50)
SETTINGS = Levels(alpha=0.05, power=0.8, bounds=(0.8, 1.25), num_resamples=400)


def compare(runs, baseline, *, paired=True, levels=SETTINGS):
    return compare_runs(
        TRACE,
        runs,
        baseline,
        names=("A", "B"),
        paired=paired,
        levels=levels,
        rng=np.random.default_rng(0),
    )


def run(seed, *values, stderr=0.0):
    return RunValues(seed=seed, values=values, stderrs=(stderr,) * len(values))


def scaled(runs, factor):
    return [
        replace(
            r,
            values=tuple(factor * v for v in r.values),
            stderrs=tuple(factor * s for s in r.stderrs),
        )
        for r in runs
    ]


positive_groups = st.integers(2, 8).flatmap(
    lambda n: st.tuples(
        *[st.lists(st.floats(0.1, 10), min_size=n, max_size=n).map(tuple) for _ in range(2)]
    )
)


@unhurried
@given(positive_groups, st.floats(0.01, 100), st.booleans())
def test_ratios_ignore_the_unit_of_the_measure(groups, factor, paired):
    a, b = ([run(seed, v) for seed, v in enumerate(values)] for values in groups)
    before = compare(a, b, paired=paired).effect
    after = compare(scaled(a, factor), scaled(b, factor), paired=paired).effect
    assert after.estimate == pytest.approx(before.estimate, rel=1e-9)
    assert after.interval.low == pytest.approx(before.interval.low, rel=1e-6)
    assert after.interval.high == pytest.approx(before.interval.high, rel=1e-6)


@unhurried
@given(positive_groups)
def test_swapping_the_groups_inverts_the_ratio_and_keeps_every_p_value(groups):
    a, b = ([run(seed, v) for seed, v in enumerate(values)] for values in groups)
    for paired in (True, False):
        ab, ba = compare(a, b, paired=paired).effect, compare(b, a, paired=paired).effect
        assert ab.estimate * ba.estimate == pytest.approx(1)
        assert ab.interval.low * ba.interval.high == pytest.approx(1)
        assert ab.centre == pytest.approx(-ba.centre, abs=1e-12)
        assert ab.test.p_value == ba.test.p_value
        assert ab.equivalence_p == pytest.approx(ba.equivalence_p)


@unhurried
@given(positive_groups, st.floats(-30, 0))
def test_p_values_lie_between_zero_and_one_whatever_the_signs(groups, shift):
    a, b = ([run(seed, v + shift) for seed, v in enumerate(values)] for values in groups)
    for paired in (True, False):
        effect = compare(a, b, paired=paired).effect
        assert 0 < effect.test.floor <= effect.test.p_value <= 1
        assert effect.equivalence_p is None or 0 < effect.equivalence_p <= 1


def test_a_runs_value_is_the_geometric_mean_over_its_shards():
    a, b = [run(s, 2.0, 8.0) for s in range(3)], [run(s, 1.0, 1.0) for s in range(3)]
    for paired in (True, False):
        assert compare(a, b, paired=paired).effect.estimate == pytest.approx(4.0)


def test_pairs_are_made_by_seed_not_by_order(rng, simulate):
    a, b = simulate(rng, 8), simulate(rng, 8)
    assert compare(a, b[::-1]) == compare(a, b)


def test_runs_without_a_partner_are_left_out_and_counted(rng, simulate):
    a, b = simulate(rng, 8), simulate(rng, 8)
    comparison = compare(a[1:], b[:-1])
    assert comparison.num_runs == (6, 6)
    assert comparison.num_left_out == 2
    assert comparison.effect == compare(a[1:-1], b[1:-1]).effect


def test_pairing_takes_out_the_scatter_that_seeds_share(rng):
    common = rng.normal(size=10)
    a = [run(s, float(np.exp(c + 0.1 * rng.normal() - 0.3))) for s, c in enumerate(common)]
    b = [run(s, float(np.exp(c + 0.1 * rng.normal()))) for s, c in enumerate(common)]
    assert (
        compare(a, b).effect.test.p_value < 0.01 < compare(a, b, paired=False).effect.test.p_value
    )


@pytest.mark.parametrize("paired", [True, False])
def test_values_of_which_no_group_is_positive_have_a_difference(paired):
    a, b = [run(s, s - 19.0) for s in range(6)], [run(s, s - 1.0 + s / 10) for s in range(6)]
    effect = compare(a, b, paired=paired).effect
    assert effect.scale == "difference"
    assert effect.test.p_value == effect.test.floor
    assert effect.interval.low <= effect.estimate <= effect.interval.high < 0 > effect.centre
    assert effect.equivalence_p is None


@pytest.mark.parametrize("paired", [True, False])
def test_one_value_across_zero_changes_neither_test_nor_estimate(paired):
    base = [run(s, 1 + 0.1 * s) for s in range(8)]
    above, below = (
        compare([*scaled(base[:7], 2), run(7, tiny)], base, paired=paired).effect
        for tiny in (1e-9, -1e-9)
    )
    assert above.scale == below.scale == "ratio"
    assert above.test == below.test
    assert above.estimate == pytest.approx(below.estimate)
    assert above.interval.high == pytest.approx(below.interval.high)
    assert above.interval.low == pytest.approx(below.interval.low, abs=1e-4)
    assert above.equivalence_p == below.equivalence_p


@pytest.mark.parametrize("paired", [True, False])
def test_a_ratio_of_which_half_the_values_are_not_positive_is_a_difference(paired):
    a = [run(s, v) for s, v in enumerate([-1.0, -2.0, -3.0, -4.0, 0.1, 0.2])]
    effect = compare(a, [run(s, 1.0 + s) for s in range(6)], paired=paired).effect
    assert effect.scale == "difference"
    assert math.isfinite(effect.interval.low)


def test_one_run_a_group_is_never_significant():
    for paired in (True, False):
        effect = compare([run(0, 1e9)], [run(0, 1.0)], paired=paired).effect
        assert effect.test.p_value == effect.test.floor == 1
        assert effect.interval is None


def test_the_default_interval_is_exact_from_six_pairs_and_t_below(rng, simulate):
    methods = {
        n: [i.method for i in (e.interval, *e.other_intervals)]
        for n in (5, 6)
        for e in [compare(simulate(rng, n), simulate(rng, n)).effect]
    }
    assert methods == {
        5: ["t", "nested bootstrap-t"],
        6: ["normal-scores", "t", "nested bootstrap-t"],
    }


def test_a_copy_rescaled_without_changing_the_function_gives_ratio_one(rng, simulate):
    # An invariant measure of such a copy differs from the original by rounding only.
    a = simulate(rng, 8)
    effect = compare(scaled(a, 1 + 1e-7), a).effect
    assert effect.estimate == pytest.approx(1, abs=1e-6)
    assert effect.equivalence_p == 1 / 2**8


def test_seeds_pair_when_half_of_them_are_shared():
    assert seeds_pair(range(6), range(3, 6))
    assert not seeds_pair(range(6), range(4, 6))
    assert not seeds_pair([0, 1], [0])
    assert seeds_pair([0], [0])
    assert not seeds_pair([0, 1, "a"], [0, 1, "a"])


@pytest.mark.parametrize(
    ("a", "b", "message"),
    [
        ([run(0, 1.0)], [run(1, 1.0)], "of a shared seed"),
        ([], [run(1, 1.0)], "'A' has 0"),
        ([run(0, 1.0), run(0, 2.0)], [run(0, 1.0)], "2 runs of 1 seeds"),
        ([run(0, 1.0, 2.0)], [run(0, 1.0)], "paired runs must share their data shards"),
        ([run(0, 1.0, 2.0), run(1, 1.0)], [run(0, 1.0), run(1, 1.0)], "must have the same shards"),
        ([run(0, float("nan"))], [run(0, 1.0)], "the values of 'A' must be finite"),
        ([run(0, 1.0, stderr=-1.0)], [run(0, 1.0)], "the stderrs of 'A' must not be negative"),
    ],
)
def test_what_cannot_be_compared_is_refused_with_the_reason(a, b, message):
    with pytest.raises(ValueError, match=message):
        compare(a, b)


@pytest.mark.parametrize("bounds", [(1.25, 0.8), (0.8, 1.0), (0.0, 1.25), (0.8, math.inf)])
def test_bounds_must_enclose_one(bounds):
    with pytest.raises(ValueError, match="bounds must be two ratios around 1"):
        replace(SETTINGS, bounds=bounds)


@pytest.mark.parametrize("setting", [{"alpha": 0.0}, {"power": 1.0}])
def test_settings_must_be_probabilities(setting):
    with pytest.raises(ValueError, match="strictly between 0 and 1"):
        replace(SETTINGS, **setting)
