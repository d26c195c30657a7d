"""Verdicts are false as seldom as is said, whatever the law: ``benchmarks.verdicts``, in small."""

import math

import numpy as np
import pytest

from benchmarks.verdicts import (
    ALPHA,
    LAWS,
    SCATTER,
    differs,
    equivalent,
    groups_row,
    pairs_row,
)
from landscape.results import JudgedMeasure
from landscape.statistics import RunValues, compare_runs, judge
from landscape.statistics.designs import Groups, Pairs

DRAWS = 300
MEASURE = JudgedMeasure(
    name="trace", title="trace", larger_is="sharper", scale_invariant=False, hard_forward=False
)


@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize("n", [6, 10])
def test_false_verdicts_stay_below_five_percent(law, n, rng):
    # Forty rates are looked at: four simulation errors.
    most = ALPHA + 4 * math.sqrt(ALPHA * (1 - ALPHA) / DRAWS)
    for row in (pairs_row(law, n, DRAWS, rng), groups_row(law, (n, n), DRAWS, rng)):
        assert row.false_difference <= most
        assert row.false_equivalent <= most


@pytest.mark.parametrize(("n", "least"), [(10, 0.6), (20, 0.97)])
def test_a_against_a_is_equivalent_as_often_as_pairs_lie_within_the_bounds(n, least, rng):
    """By the binomial law 0.73 and 0.99 for the median; the interval has to lie within, too."""
    row = pairs_row("normal", n, DRAWS, rng)
    assert row.equivalent >= least


@pytest.mark.parametrize("paired", [True, False])
def test_the_rates_are_those_of_the_verdicts(paired, levels, rng):
    """A row asks the tests alone; the words agree with it, draw by draw."""
    said = set()
    for shift in np.linspace(-0.4, 0.4, 41):
        a, b = np.exp(SCATTER * rng.normal(size=(2, 9)) + [[shift], [0.0]])
        runs, base = (
            [RunValues(seed=s, values=(float(v),), stderrs=(0.0,)) for s, v in enumerate(values)]
            for values in (a, b)
        )
        contrast = compare_runs(
            MEASURE, runs, base, names=("A", "B"), paired=paired, levels=levels, rng=rng
        )
        (pair,) = judge([contrast], primary="trace", levels=levels)
        word = pair.measures[0].verdict
        design = (Pairs if paired else Groups).of(a, b, num_resamples=1, rng=rng)
        assert (word == "equivalent") == equivalent(design)
        if word != "equivalent":
            assert (word in ("flatter", "sharper")) == differs(design)
        said.add(word)
    assert said == {"flatter", "sharper", "equivalent", "undecided"}
