"""Groups that do not fire alike are named, with the ratio of their rates and its interval."""

import re

import pytest
from compared_results import fired, group, subject

from landscape.compare.run import compare
from landscape.compare.settings import CompareSettings

SETTINGS = CompareSettings(baseline="kaiming", num_resamples=400)


def notes(rates, baseline_rates):
    """What a comparison of runs of equal curvature says of how often they fire."""
    results = []
    for init, own in (("ikun_v1", rates), ("kaiming", baseline_rates)):
        results += group(init, [1.0 + 0.01 * seed for seed in range(6)])
        results += [fired(subject(init, seed), rate) for seed, rate in enumerate(own)]
    return [note for note in compare(results, settings=SETTINGS).notes if "fires" in note]


SCATTER = [1.0, 1.04, 0.97, 1.02, 0.95, 1.01]


def test_a_threefold_rate_is_warned_of_with_its_interval():
    (note,) = notes([0.3 * s for s in SCATTER], [0.1 / s for s in SCATTER])
    assert note.startswith("ikun_v1 fires 0.3")
    numbers = re.search(r"ratio ([0-9.]+) \(95% interval ([0-9.]+) to ([0-9.]+)\)", note)
    ratio, low, high = map(float, numbers.groups())
    assert low <= ratio <= high
    # Ratios of the pairs are 3 s², so that every mean of them lies between the ends of these.
    assert 3 * min(SCATTER) ** 2 - 0.01 < low
    assert high < 3 * max(SCATTER) ** 2 + 0.01


def test_equal_rates_are_not_warned_of():
    assert notes([0.2 * s for s in SCATTER], [0.2 / s for s in SCATTER]) == []
    assert notes([0.0] * 6, [0.0] * 6) == []


@pytest.mark.parametrize(("rates", "told"), [([0.24] * 6, 0), ([0.26] * 6, 1), ([0.15] * 6, 1)])
def test_the_bounds_are_those_of_the_verdict(rates, told):
    assert len(notes(rates, [0.2] * 6)) == told


def test_networks_that_do_not_fire_are_named_by_the_difference():
    (note,) = notes([0.0] * 6, [0.1] * 6)
    assert "difference -0.1" in note


def test_runs_without_activity_say_nothing():
    assert notes([], []) == []
    assert notes([0.3] * 6, []) == []
    assert len(notes([0.3], [0.1])) == 1  # one pair has no interval, but its rates
