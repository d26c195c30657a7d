import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.stats.multitest import multipletests

from landscape.statistics.multiplicity import holm, in_turn

p_lists = st.lists(st.floats(1e-12, 1.0), min_size=1, max_size=12)


def test_holm_of_a_hand_computed_case():
    # Sorted 0.005, 0.01, 0.03, 0.04 times 4, 3, 2, 1 is 0.02, 0.03, 0.06, 0.04; running maximum.
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx((0.03, 0.06, 0.06, 0.02))


@pytest.mark.parametrize("m", [1, 2, 5, 30])
def test_holm_is_statsmodels(m):
    p = np.random.default_rng(m).uniform(0, 4 / m, size=m).clip(max=1)
    assert holm(p) == pytest.approx(multipletests(p, method="holm")[1], rel=1e-12)


@given(p_lists)
def test_holm_keeps_order_and_lies_between_p_and_bonferroni(p):
    raw, adjusted = np.array(p), np.array(holm(p))
    assert (np.diff(adjusted[np.argsort(raw)]) >= 0).all()
    assert (raw <= adjusted).all()
    assert (adjusted <= np.minimum(1, len(raw) * raw)).all()


@given(p_lists, st.integers(0, 11), st.floats(0.01, 1.0))
def test_lowering_one_p_value_raises_none(p, i, factor):
    lowered = list(p)
    lowered[i % len(p)] *= factor
    assert all(after <= before for after, before in zip(holm(lowered), holm(p), strict=True))


@pytest.mark.parametrize("bad", [[0.0], [1.1], [-0.1, 0.5]])
def test_a_p_value_must_be_one(bad):
    with pytest.raises(ValueError, match=r"p_values must lie in \(0, 1\]"):
        holm(bad)


@given(p=st.lists(st.floats(1e-6, 1.0), min_size=1, max_size=8))
def test_branches_of_one_test_each_are_holm(p):
    assert in_turn(p, [[i] for i in range(len(p))]) == pytest.approx(holm(p), rel=1e-12)


def test_tests_in_turn_of_hand_computed_cases():
    assert in_turn([0.03, 0.02], [[0, 1]]) == pytest.approx((0.03, 0.03))  # the first has it all
    assert in_turn([0.01, 0.04, 0.03], [[0, 1, 2]]) == pytest.approx((0.01, 0.06, 0.06))
    assert in_turn([0.5, 1e-6], [[0, 1]]) == (0.5, 0.5)  # not tested: the first did not reject
    # Two branches of half of alpha; the second has all of it once the first is through at 0.02.
    assert in_turn([0.01, 0.01, 0.03, 0.04], [[0, 1], [2, 3]]) == pytest.approx(
        (0.02, 0.02, 0.03, 0.04)
    )


@pytest.mark.parametrize("true", [(0, 1, 2, 3, 4, 5), (1, 2, 4, 5), (1, 2, 3), (4, 5)])
def test_tests_in_turn_claim_falsely_no_more_often_than_alpha(rng, true):
    draws, alpha, branches = 1000, 0.05, [[0, 1, 2], [3, 4, 5]]
    false = 0
    for p in rng.uniform(size=(draws, 6)):
        p[[i for i in range(6) if i not in true]] = 1e-9  # effects that cannot be missed
        adjusted = in_turn(p, branches)
        false += any(adjusted[i] <= alpha for i in true)
    assert false / draws <= alpha + 4 * (alpha * (1 - alpha) / draws) ** 0.5
