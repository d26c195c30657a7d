"""Intervals of two probes hold what they say, over spectra of five kinds."""

import pytest
import torch

from benchmarks.bands import SPECTRA, covered

NUM_DRAWS = 15  # of each spectrum; `python -m benchmarks.bands` makes many more
NUM_TRIALS = NUM_DRAWS * len(SPECTRA)
LEAST = 0.95 - 3 * (0.95 * 0.05 / NUM_TRIALS) ** 0.5  # three errors of a simulation below 95 %


@pytest.fixture(scope="module")
def held():
    """For each number what all draws say, shape (trials, 2)."""
    rng = torch.Generator().manual_seed(0)
    draws = [covered(spectrum, 2, rng) for spectrum in SPECTRA for _ in range(NUM_DRAWS)]
    return {number: [draw[number] for draw in draws] for number in draws[0]}


def test_each_interval_holds_as_often_as_it_says(held):
    shares = {name: sum(own for own, _ in found) / NUM_TRIALS for name, found in held.items()}
    assert {name: share for name, share in shares.items() if share < LEAST} == {}


def test_spread_of_two_probes_does_not(held):
    assert sum(by_spread for _, by_spread in held["density"]) / NUM_TRIALS < LEAST
