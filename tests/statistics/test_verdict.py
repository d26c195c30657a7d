import json
import math
from dataclasses import asdict, replace

import numpy as np
import pytest

from landscape.results import JudgedMeasure
from landscape.statistics import RunValues, compare_runs, judge

INVARIANT = JudgedMeasure(
    name="adaptive", title="adaptive", larger_is="sharper", scale_invariant=True, hard_forward=False
)
HARD = JudgedMeasure(
    name="expected", title="expected", larger_is="sharper", scale_invariant=False, hard_forward=True
)
TRACE = JudgedMeasure(
    name="trace", title="trace", larger_is="sharper", scale_invariant=False, hard_forward=False
)
MEASURES = (INVARIANT, HARD, TRACE)


@pytest.fixture
def contrasts_of(rng):
    """Log ratios, one sequence a measure, as paired runs of A against B."""

    def compared(log_ratios, levels, *, measures=MEASURES, paired=True):
        contrasts = []
        for measure, d in zip(measures, log_ratios, strict=True):
            runs = [
                RunValues(seed=s, values=(math.exp(x),), stderrs=(0.0,)) for s, x in enumerate(d)
            ]
            ones = [
                RunValues(seed=s, values=(1.0 + 1e-3 * s,), stderrs=(0.0,)) for s in range(len(d))
            ]
            contrasts.append(
                compare_runs(
                    measure, runs, ones, names=("A", "B"), paired=paired, levels=levels, rng=rng
                )
            )
        return contrasts

    return compared


@pytest.fixture
def verdict_of(levels, contrasts_of):
    """Judge them."""

    def judged(log_ratios, *, primary="adaptive", turns=False, **how):
        contrasts = contrasts_of(log_ratios, levels, **how)
        (pair,) = judge(contrasts, primary=primary, levels=levels, turns=turns)
        return pair

    return judged


@pytest.fixture
def logs(rng):
    def draw(ratio, n=10, spread=0.05):
        return math.log(ratio) + spread * rng.normal(size=n)

    return draw


def test_a_against_a_is_decided_in_at_most_one_draw_of_twenty(rng, simulate, levels):
    decided = 0
    for _ in range(1000):
        comparisons = [
            compare_runs(
                measure,
                simulate(rng, 8),
                simulate(rng, 8),
                names=("A", "A again"),
                paired=True,
                levels=levels,
                rng=rng,
            )
            for measure in MEASURES
        ]
        (pair,) = judge(comparisons, primary="adaptive", levels=levels)
        verdicts = {pair.verdict, *(m.verdict for m in pair.measures)}
        decided += not verdicts <= {"equivalent", "undecided"}
    assert decided <= 50


def test_a_known_shift_is_found_at_the_stated_power(rng, simulate, levels):
    found, spread, draws = 0, 0.3, 600
    first = compare_runs(
        TRACE,
        simulate(rng, 400, spread=spread),
        simulate(rng, 400, spread=spread),
        names=("A", "B"),
        paired=True,
        levels=levels,
        rng=rng,
    )
    # The true scatter, from many runs, sets the ratio that ten pairs should find.
    (known,) = judge(
        [
            replace(
                first,
                num_runs=(10, 10),
                effect=replace(first.effect, stderr=first.effect.stderr * 40**0.5, dof=9.0),
            )
        ],
        primary="trace",
        levels=levels,
    )
    ratio = known.measures[0].detectable_ratio
    for _ in range(draws):
        comparison = compare_runs(
            TRACE,
            simulate(rng, 10, centre=1 / ratio, spread=spread),
            simulate(rng, 10, spread=spread),
            names=("A", "B"),
            paired=True,
            levels=levels,
            rng=rng,
        )
        (pair,) = judge([comparison], primary="trace", levels=levels)
        found += pair.measures[0].verdict == "flatter"
    assert abs(found / draws - 0.8) < 4 * math.sqrt(0.8 * 0.2 / draws)


@pytest.mark.parametrize(("ratio", "verdict"), [(0.5, "flatter"), (2.0, "sharper")])
@pytest.mark.parametrize("paired", [True, False])
def test_a_clear_shift_in_all_measures_decides(verdict_of, logs, ratio, verdict, paired):
    pair = verdict_of([logs(ratio, n=8) for _ in MEASURES], paired=paired)
    assert pair.verdict == verdict
    assert [m.verdict for m in pair.measures] == [verdict] * 3
    assert (
        "adaptive (scale-invariant by kind, not certified) and expected (of the loss itself)"
        in pair.reason
    )


def test_a_measure_that_grows_with_flatness_turns_the_verdict_round(verdict_of, logs):
    width = replace(TRACE, larger_is="flatter")
    pair = verdict_of([logs(2.0)], measures=[width], primary="trace")
    assert pair.measures[0].verdict == "flatter"


def test_a_negligible_ratio_is_equivalent_even_if_significant(verdict_of, logs):
    pair = verdict_of([logs(1.1, spread=0.01) for _ in MEASURES])
    assert pair.verdict == "equivalent"
    assert pair.measures[0].p_holm <= 0.05
    assert "a difference is there" in pair.measures[0].reason


@pytest.mark.parametrize(("n", "verdict"), [(4, "undecided"), (5, "equivalent")])
def test_four_pairs_are_never_equivalent_however_alike(verdict_of, n, verdict):
    pair = verdict_of([np.zeros(n)], measures=[TRACE], primary="trace")
    assert pair.measures[0].verdict == verdict
    assert pair.measures[0].equivalence_p == 1 / 2**n


def test_no_word_says_more_than_the_interval(verdict_of):
    """A median near 1 with outliers all on one side: the median lies within, the interval not."""
    pair = verdict_of(
        [[0.0, 0.01, -0.01] * 6 + [0.5, 0.6, 0.7, 0.8, 0.9]], measures=[TRACE], primary="trace"
    )
    (row,) = pair.measures
    assert row.equivalence_p <= 0.05 < row.interval.high - 1.25 + 0.05
    assert row.verdict == "undecided"
    assert "the median lies within 0.8 to 1.25, but the interval does not" in row.reason


def test_five_pairs_are_told_that_they_cannot_decide(verdict_of, logs):
    pair = verdict_of([logs(0.01, n=5)], measures=[INVARIANT])
    assert pair.verdict == "undecided"
    assert "cannot show a difference, however large" in pair.reason
    assert "0.062" in pair.reason
    assert "6 pairs can show one that is large enough" in pair.reason
    assert pair.measures[0].detectable_ratio is None


def test_six_pairs_cannot_decide_three_measures(verdict_of, logs):
    pair = verdict_of([logs(0.01, n=6) for _ in MEASURES])
    assert {m.verdict for m in pair.measures} == {"undecided"}
    assert "0.094 after Holm over 3 tests" in pair.reason
    assert "7 pairs can show one that is large enough" in pair.reason


def test_wide_scatter_is_undecided_and_says_what_could_have_been_seen(verdict_of, logs):
    d = 2.0 * np.array([1, -1, 0.5, -0.5, 0.8, -0.8, 0.3, -0.3])
    pair = verdict_of([d], measures=[TRACE], primary="trace")
    detectable = pair.measures[0].detectable_ratio
    assert pair.measures[0].verdict == "undecided"
    assert f"find a ratio of {detectable:.2f} or {1 / detectable:.2f}" in pair.measures[0].reason


def test_a_single_pair_is_undecided_with_a_reason(verdict_of):
    pair = verdict_of([[-3.0]], measures=[INVARIANT])
    assert pair.verdict == "undecided"
    assert "1 pair of runs cannot show a difference" in pair.reason


@pytest.mark.parametrize(
    ("ratios", "words"),
    [
        ((0.5, 1.0, 0.5), "no measure of the loss itself agrees"),
        ((0.5, 2.0, 0.5), "expected the opposite"),
        ((1.0, 0.5, 0.5), "says equivalent, but no measure of the loss itself agrees"),
    ],
)
def test_disagreement_leaves_the_overall_verdict_undecided(verdict_of, logs, ratios, words):
    pair = verdict_of([logs(r) for r in ratios])
    assert pair.verdict == "undecided"
    assert words in pair.reason


def test_a_measure_that_the_networks_do_not_keep_decides_nothing(verdict_of, logs):
    seen = {"scale_invariant": False, "certified": False, "certificate": "not invariant here"}
    moved = replace(INVARIANT, **seen)
    pair = verdict_of([logs(0.5), logs(0.5)], measures=[moved, HARD])
    assert pair.verdict == "undecided"
    assert "no scale-invariant measure agrees; adaptive is not invariant here" in pair.reason
    kept = replace(INVARIANT, certified=True)
    pair = verdict_of([logs(0.5), logs(0.5)], measures=[kept, HARD])
    assert pair.verdict == "flatter"
    assert "adaptive (scale-invariant, certified) and" in pair.reason


def test_a_measure_of_neither_kind_cannot_veto(verdict_of, logs):
    assert verdict_of([logs(0.5), logs(0.5), logs(2.0)]).verdict == "flatter"


def test_one_measure_of_both_kinds_is_not_agreement_with_itself(verdict_of, logs):
    both = replace(INVARIANT, hard_forward=True)
    pair = verdict_of([logs(0.5)], measures=[both])
    assert pair.verdict == "undecided"
    assert "no other measure agrees" in pair.reason


def test_in_turn_six_pairs_decide_by_two_measures_and_five_do_not(verdict_of, logs):
    two = {"measures": (INVARIANT, HARD), "turns": True}
    pair = verdict_of([logs(0.01, n=6), logs(0.01, n=6)], **two)
    assert pair.verdict == "flatter"
    assert [m.p_holm for m in pair.measures] == [2 / 2**6] * 2
    assert "tested after adaptive" in pair.measures[1].reason
    assert verdict_of([logs(0.01, n=5), logs(0.01, n=5)], **two).verdict == "undecided"


def test_in_turn_nothing_is_decided_before_what_decides(verdict_of):
    pair = verdict_of([[-1.0, 1.0] * 4, [-1.0] * 8], measures=(INVARIANT, HARD), turns=True)
    assert [m.verdict for m in pair.measures] == ["undecided"] * 2
    assert "p = 0.0078, but it is tested only once adaptive is decided" in pair.measures[1].reason


def test_holm_runs_over_all_measures_and_pairs(contrasts_of, logs, levels):
    (one,) = contrasts_of([logs(0.5)], levels, measures=[INVARIANT])
    other = replace(one, group="C")
    first, second = judge([one, other], primary="adaptive", levels=levels)
    assert (first.group, second.group) == ("A", "C")
    assert first.measures[0].p_holm == pytest.approx(2 * one.effect.test.p_value)


def test_values_without_a_ratio_are_judged(levels, rng):
    runs = [RunValues(seed=s, values=(-1.0 - s,), stderrs=(0.1,)) for s in range(8)]
    base = [RunValues(seed=s, values=(0.0,), stderrs=(0.1,)) for s in range(8)]
    comparison = compare_runs(
        TRACE, runs, base, names=("A", "B"), paired=True, levels=levels, rng=rng
    )
    (pair,) = judge([comparison], primary="trace", levels=levels)
    assert pair.measures[0].verdict == "flatter"
    assert "a ratio being undefined" in pair.measures[0].reason


def test_verdicts_are_plain_data_without_nan(verdict_of, logs):
    pair = verdict_of([logs(1.3, n=n) for n in (5, 8, 12)])
    assert json.loads(json.dumps(asdict(pair), allow_nan=False))["group"] == "A"


def test_the_primary_measure_must_have_been_compared(verdict_of, logs):
    with pytest.raises(ValueError, match="primary must be a measure compared for every pair"):
        verdict_of([logs(0.5)], measures=[HARD])


def test_nothing_to_judge_is_refused(levels):
    with pytest.raises(ValueError, match="at least one comparison"):
        judge([], primary="trace", levels=levels)
