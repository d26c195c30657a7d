"""What can be decided is told from the numbers of runs, as the verdict then has it."""

import re

import pytest
from compared_results import group

from landscape.compare.expectation import can_decide, expected_of, expected_of_comparison
from landscape.compare.groups import Origin
from landscape.compare.run import compare
from landscape.compare.settings import CompareSettings


def origins(**seeds):
    return [Origin(f"{name}-s{s}", "", None) for name, n in seeds.items() for s in range(n)]


@pytest.mark.parametrize(
    ("seeds", "words"),
    [
        ({"a": 3, "b": 3}, "3 pairs of runs: tendencies only .*is 0.25, alpha 0.05.*; 6 needed"),
        ({"a": 6, "b": 6}, "6 pairs of runs can show a difference .*is 0.031"),
        ({"a": 6, "b": 6, "c": 6}, "a and b, a and c and 1 more: 6 .*for 2 tests is 0.062.*; 7"),
        ({"a": 7, "b": 7, "c": 7}, "7 pairs of runs can show .*for 2 tests is 0.031"),
        ({"a": 1, "b": 1}, "1 pair of runs: tendencies only .*; 6 needed"),
        ({"a": 2, "b": 8}, "2 against 8 runs, unpaired can .*is 0.044"),
    ],
)
def test_numbers_of_runs_tell_what_can_be_decided(seeds, words):
    (told,) = expected_of(origins(**seeds), alpha=0.05)
    assert re.search(words, told), told


def test_one_group_promises_nothing():
    assert expected_of(origins(a=4), alpha=0.05) == []


@pytest.mark.parametrize(("n", "decides"), [(5, False), (6, True)])
@pytest.mark.parametrize("measures", [None, ["lambda_max[filter]", "expected_rise[filter]"]])
def test_a_clear_difference_is_decided_where_that_was_said(n, decides, measures):
    settings = CompareSettings(baseline="kaiming", num_resamples=400, measures=measures)
    scales = [1 + 0.01 * s for s in range(n)]
    results = [*group("ikun_v1", [0.1 * s for s in scales]), *group("kaiming", scales)]
    found = compare(results, settings=settings)
    expected = decides and measures is None  # the three of one family need seven pairs
    (told,) = expected_of_comparison(found)
    assert ("can show" in told) == can_decide(found) == expected
    assert (found.pairs[0].verdict == "flatter") == expected


@pytest.mark.parametrize(
    ("n", "words"),
    [
        (5, "tendencies only .*is 0.062.*; 6 needed, 7 by the measures tested after it"),
        (
            6,
            "by the primary measure .*is 0.031.*tested after it .0.062 for 2 tests.; 7",
        ),
        (7, r"large enough \(the smallest p-value is 0.016, alpha 0.05\)"),
    ],
)
def test_a_primary_beside_the_usual_measures_is_told_of_by_its_own_test(n, words):
    """It is tested first, at all of alpha, and the two others share that after it."""
    settings = CompareSettings(
        baseline="kaiming", num_resamples=400, primary="mean_curvature[filter] hessian"
    )
    scales = [1 + 0.01 * s for s in range(n)]
    results = [*group("ikun_v1", [0.1 * s for s in scales]), *group("kaiming", scales)]
    found = compare(results, settings=settings)
    (told,) = expected_of_comparison(found)
    assert re.search(words, told), told
    first, *others = found.pairs[0].measures
    assert (first.verdict == "flatter") == (n >= 6)
    assert all((row.verdict == "flatter") == (n >= 7) for row in others)
