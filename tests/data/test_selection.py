import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from landscape.data import Dataset, random_order, select_examples


def numbers(n):
    return Dataset(
        name="numbers",
        source="test",
        split="train",
        inputs=torch.arange(n, dtype=torch.float64),
        targets=torch.arange(n),
        num_classes=n,
        indices=np.arange(n) + 100,
    )


@given(n=st.integers(1, 200), data=st.data(), seed=st.integers(0, 2**64))
def test_random_subsets_are_nested_ordered_and_without_repeats(n, data, seed):
    large = data.draw(st.integers(1, n))
    small = data.draw(st.integers(1, large))
    a, b = (select_examples(numbers(n), k, seed=seed) for k in (small, large))
    assert len(a) == small
    assert np.all(np.diff(a.indices) > 0)
    assert set(a.indices) <= set(b.indices)
    np.testing.assert_array_equal(a.inputs.numpy() + 100, a.indices)


@given(n=st.integers(0, 300), seeds=st.lists(st.integers(0, 2**40), min_size=1, max_size=3))
def test_random_order_is_a_permutation_and_a_function_of_its_seeds(n, seeds):
    order = random_order(n, *seeds)
    np.testing.assert_array_equal(np.sort(order), np.arange(n))
    np.testing.assert_array_equal(order, random_order(n, *seeds))


def test_random_order_is_uniform_over_permutations():
    counts = np.zeros((3, 3))
    for seed in range(3000):
        counts[np.arange(3), random_order(3, seed)] += 1
    # Each count is binomial(3000, 1/3), standard deviation 25.8.
    assert np.abs(counts - 1000).max() < 5 * 25.8


def test_random_order_is_the_same_everywhere():
    assert random_order(8, 42).tolist() == [4, 1, 3, 6, 0, 7, 2, 5]


@pytest.mark.parametrize(
    ("spec", "expected"),
    [("2:5", [2, 3, 4]), (":3", [0, 1, 2]), ("7:", [7, 8, 9]), (":", list(range(10)))],
)
def test_ranges_keep_data_set_order(spec, expected):
    chosen = select_examples(numbers(10), spec, seed=0)
    assert chosen.inputs.tolist() == expected


def test_none_is_everything():
    data = numbers(3)
    chosen = select_examples(data, None, seed=0)
    assert chosen.inputs is data.inputs
    assert chosen.taken == "all"


def test_how_many_there_are_is_known_of_all_and_of_a_random_subset():
    data = numbers(9)
    known = [select_examples(data, spec, seed=0).num_available for spec in (None, 4, "0:4", ":9")]
    assert known == [9, 9, None, 9]


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("11", "reach beyond the data, which hold 10"),
        ("5:11", "reach beyond the data, which hold 10"),
        (0, "select nothing"),
        ("4:4", "select nothing"),
        ("5:4", "select nothing"),
        ("10:", "select nothing"),
        ("-3", "must be a number N .* or START:STOP"),
        ("some", "must be a number N"),
        ("", "must be a number N"),
        ("1:2:3", "must be a number N"),
    ],
)
def test_bad_selections_are_refused(spec, message):
    with pytest.raises(ValueError, match=message):
        select_examples(numbers(10), spec, seed=0)


def test_negative_seeds_are_refused():
    with pytest.raises(ValueError, match=r"seed must be a non-negative integer; got -1"):
        select_examples(numbers(10), 3, seed=-1)


def test_digests_tell_examples_and_order_apart():
    data = numbers(10)
    same, other = (select_examples(data, spec, seed=0) for spec in ("0:3", "1:4"))
    assert select_examples(data, "0:3", seed=9).indices_sha256 == same.indices_sha256
    assert same.indices_sha256 != other.indices_sha256
    assert same.sha256 != other.sha256
    reversed_ = same.take(np.array([2, 1, 0]))
    assert reversed_.indices_sha256 != same.indices_sha256
    assert reversed_.sha256 != same.sha256


def test_lengths_must_agree():
    with pytest.raises(ValueError, match=r"must be of one length; got 3, 2 and 3"):
        Dataset(
            name="a",
            source="b",
            split="train",
            inputs=torch.zeros(3),
            targets=torch.zeros(2),
            num_classes=None,
            indices=np.arange(3),
        )
