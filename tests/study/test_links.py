"""What flatness goes with in a study: signs, families, and what counts as a run."""

from dataclasses import replace

import numpy as np
import pytest
import scipy.stats
import synthetic_study
from synthetic_measures import robustness, sharpness
from synthetic_results import subject

from landscape.compare.groups import Analysed
from landscape.report.sections.study_links import links_section
from landscape.results import make_measure
from landscape.results.robustness import ROUNDING, WEIGHT_NOISE
from landscape.statistics.multiplicity import holm
from landscape.study.links import GAP, TEST_ERROR, outcome_links, outcomes_of
from landscape.study.plan_parts import ComparisonPlan

PRIMARY = ("expected_rise[filter] ρ=0.2", "tolerated_noise[filter]")
PLAN = ComparisonPlan(contrasts=(("a", "b"),), primary=PRIMARY, num_resamples=499, seed=0)
SEEDS = 12


def analysed(recipe, seed, rise, harm):
    """A run whose rise under noise, flatness to noise and every harm are given."""
    label = f"{recipe}-s{seed}"
    whole = subject(label)
    training = replace(
        whole.training,
        seed=seed,
        test_accuracy=1 - harm,
        train_loss=0.01,
        test_loss=0.01 + harm,
    )
    whole = replace(whole, training=training)
    rows = (
        make_measure("expected_rise", rise, 1e-4, scale="filter", radius=0.2),
        make_measure("tolerated_noise", 1 / rise, 1e-3, scale="filter"),
    )
    disturbed = robustness(label)
    changed = tuple(
        replace(r, loss_change=replace(r.loss_change, mean=harm if r.split == "test" else -harm))
        for r in disturbed.rows
    )
    return Analysed(
        subject=whole,
        results=(
            replace(sharpness(label, rows=rows), subject=whole),
            replace(disturbed, rows=changed, subject=whole),
        ),
    )


@pytest.fixture
def groups():
    """Two recipes far apart, in each of which sharper runs fare worse, not quite in order."""
    rng = np.random.default_rng(0)
    return {
        name: [
            analysed(name, seed, base * np.exp(x), 0.1 * base + 0.01 * (x + 0.5 * rng.normal()))
            for seed, x in enumerate(rng.normal(size=SEEDS))
        ]
        for name, base in (("a", 1.0), ("b", 3.0))
    }


def test_flatter_runs_that_fare_better_are_a_positive_correlation_by_any_measure(groups):
    found = outcome_links(groups, PLAN)
    outcomes = outcomes_of(c for members in groups.values() for c in members)
    assert list(outcomes)[:2] == [TEST_ERROR, GAP]
    assert len(found) == len(PRIMARY) * len(outcomes) == 2 * 7
    values = {
        name: [(c.results[0].rows[0].value, outcomes[TEST_ERROR][c.label]) for c in members]
        for name, members in groups.items()
    }
    # Groups of one size: the mean of their own.
    expected = np.mean(
        [scipy.stats.spearmanr(*zip(*v, strict=True)).statistic for v in values.values()]
    )
    assert all(link.correlation == pytest.approx(expected) for link in found)
    assert expected > 0.5
    assert [link.p_holm for link in found] == list(holm([link.p_value for link in found]))


def test_held_out_examples_count_and_one_radius_of_noise(groups):
    (first, *_) = groups["a"]
    outcomes = outcomes_of([first])
    assert "weights in 4 bits (rise of the test loss)" in outcomes
    assert not any("train loss)" in name for name in outcomes if name != GAP)
    result = first.results[1]
    noise = [r for r in result.on("test") if r.name == WEIGHT_NOISE]
    more = tuple(replace(noise[0], size=size) for size in (0.05, 0.2))
    rest = tuple(r for r in result.rows if r not in noise)
    wide = replace(first, results=(replace(result, rows=(*rest, *noise, *more)),))
    noisy = [name for name in outcomes_of([wide]) if name.startswith("weight noise")]
    assert noisy == ["weight noise, ρ = 0.1 (rise of the test loss)"]


def test_without_robustness_what_the_trainer_left_is_enough(groups):
    bare = {n: [replace(c, results=c.results[:1]) for c in m] for n, m in groups.items()}
    assert {link.outcome for link in outcome_links(bare, PLAN)} == {TEST_ERROR, GAP}
    assert outcome_links({}, PLAN) == ()


def test_rows_that_are_not_finite_are_left_out(groups):
    (first, *_) = groups["a"]
    result = first.results[1]
    rows = tuple(replace(r, loss_change=None) if r.name == ROUNDING else r for r in result.rows)
    cut = replace(first, results=(replace(result, rows=rows),))
    assert not any("bits" in name for name in outcomes_of([cut]))


def test_the_section_says_what_is_distinguishable():
    none = synthetic_study.study(
        links=tuple(replace(link, p_holm=0.2) for link in synthetic_study.links())
    )
    section = links_section(none)
    assert section.summary == (
        "None of the 18 correlations is distinguishable from zero after correction"
    )
    some = links_section(synthetic_study.study())
    assert some.summary == "2 of the 18 correlations are distinguishable from zero after correction"
    assert "expected rise (filter scale, ρ = 0.2) with weight noise" in some.paragraphs[0]
    flat = tuple(
        replace(link, correlation=None, interval=None, p_value=None, p_holm=None)
        for link in synthetic_study.links()
    )
    assert "nothing varies" in links_section(synthetic_study.study(links=flat)).paragraphs[0]
    assert links_section(synthetic_study.study(links=())) is None
