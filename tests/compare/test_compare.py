import math
from dataclasses import replace

import numpy as np
import pytest
from compared_results import analysed, group, relabelled, spectral, subject

from landscape.compare.run import compare
from landscape.compare.settings import CompareSettings
from landscape.results import ResultError, load_result, load_stored, save_result
from landscape.statistics.detectable import found_log_ratio
from landscape.values import LARGEST

SETTINGS = CompareSettings(baseline="kaiming", num_resamples=400, command="landscape compare")


@pytest.fixture
def factors():
    rng = np.random.default_rng(0)

    def draw(centre=1.0, n=12, spread=0.05):
        return centre * np.exp(spread * rng.normal(size=n))

    return draw


@pytest.fixture
def judged():
    def run(*results, **changes):
        return compare([r for part in results for r in part], settings=replace(SETTINGS, **changes))

    return run


def verdicts(pair):
    return {row.measure: row.verdict for row in pair.measures}


@pytest.mark.parametrize(("ratio", "verdict"), [(0.5, "flatter"), (2.0, "sharper")])
def test_a_known_shift_is_found_by_all_measures(judged, factors, ratio, verdict):
    found = judged(group("ikun_v1", factors(ratio)), group("kaiming", factors()))
    (pair,) = found.pairs
    assert (pair.group, pair.baseline, pair.paired) == ("ikun_v1", "kaiming", True)
    assert pair.verdict == verdict
    assert set(verdicts(pair).values()) == {verdict}
    for row in pair.measures:
        assert row.interval.low < ratio < row.interval.high
        assert row.num_runs == (12, 12)


@pytest.mark.parametrize("name", ["tolerated_noise[filter]", "radius_of_rise[filter]"])
def test_a_measure_that_grows_with_flatness_is_read_the_other_way(name, judged, factors):
    found = judged(
        group("ikun_v1", factors(0.5)),
        group("kaiming", factors()),
        measures=["lambda_max[filter]", name],
    )
    noise = next(r for r in found.pairs[0].measures if r.measure == name)
    assert noise.estimate == pytest.approx(2, rel=0.1)
    assert noise.verdict == "flatter"
    assert found.measure(name).larger_is == "flatter"


def test_a_against_a_is_equivalent_or_undecided(judged):
    rng = np.random.default_rng(1)
    decided = 0
    for _ in range(40):
        spreads = np.exp(0.3 * rng.normal(size=(2, 8)))
        found = judged(
            group("ikun_v1", spreads[0]),
            group("kaiming", spreads[1]),
            measures=["lambda_max*", "expected_rise*"],
        )
        decided += found.pairs[0].verdict in ("flatter", "sharper")
    assert decided <= 2  # 5 % of 40; the measures here rise and fall as one


def test_a_rescaled_copy_has_ratio_one_in_every_invariant_measure(judged, factors):
    scales = factors(spread=0.4)
    found = judged(
        [r for s, f in enumerate(scales) for r in analysed(subject("copy", s), f, raw=400.0)],
        group("kaiming", scales),
        measures=["lambda_max*", "expected_rise[filter]"],
    )
    (pair,) = found.pairs
    by_name = {row.measure: row for row in pair.measures}
    for measure in found.measures:
        expected = 1.0 if measure.scale_invariant else 400.0
        assert by_name[measure.name].estimate == pytest.approx(expected, rel=1e-12)
    assert pair.verdict == "equivalent"
    assert by_name["lambda_max hessian"].verdict == "sharper"


def test_raw_curvature_alone_decides_nothing(judged, factors):
    shifted = [
        r
        for s, f in enumerate(factors(0.5))
        for r in analysed(subject("ikun_v1", s), f, rise=1.0)
        if getattr(r, "operator", None) is None or r.operator.scale == "none"
    ]
    found = judged(shifted, group("kaiming", factors()))
    (pair,) = found.pairs
    assert found.settings.primary == "lambda_max hessian"
    assert verdicts(pair)["lambda_max hessian"] == "flatter"
    assert pair.verdict == "undecided"
    assert "agree" in pair.reason


def test_the_effective_rank_is_no_measure_of_flatness(judged, factors):
    groups = group("ikun_v1", factors(0.5)), group("kaiming", factors())
    found = judged(*groups, measures=["*"])
    assert any(m.name.startswith("frobenius_norm") for m in found.measures)
    assert not any(m.name.startswith("effective_rank") for m in found.measures)
    with pytest.raises(ValueError, match="nothing fits 'effective_rank'"):
        judged(*groups, measures=["effective_rank"])


def test_few_runs_are_told_what_they_lack(judged, factors):
    found = judged(group("ikun_v1", factors(0.01, n=3)), group("kaiming", factors(n=3)))
    (pair,) = found.pairs
    assert pair.verdict == "undecided"
    assert "cannot show a difference, however large" in pair.reason
    for row in pair.measures:
        assert row.p_floor == 0.25
        assert row.detectable_ratio is None
        # In turn: each of the two has all of alpha when it is tested.
        assert row.runs_needed >= 1 + math.log2(1 / 0.05)


def test_one_run_a_group_is_compared_and_never_decided(judged):
    found = judged(group("ikun_v1", [0.1]), group("kaiming", [1.0]))
    (row, *_) = found.pairs[0].measures
    assert row.p_value == 1
    assert row.interval is None
    assert row.runs_needed is None
    assert found.pairs[0].verdict == "undecided"


def test_the_runs_needed_find_the_bound_at_the_stated_power(judged):
    rng, spread = np.random.default_rng(3), 0.25

    def row_of(ratio, runs):
        tops = np.exp(spread * rng.normal(size=(2, runs)))
        tops[0] *= ratio
        found = judged(
            *(
                spectral(subject(init, s), top, mean=1.0)
                for init, row in zip(("a", "kaiming"), tops, strict=True)
                for s, top in enumerate(row)
            ),
            measures=["lambda_max"],
        )
        return found.pairs[0].measures[0]

    needed = row_of(1.0, 300).runs_needed
    hits, draws = 0, 100
    for _ in range(draws):
        hits += row_of(0.8, needed).p_holm <= 0.05
    assert hits / draws > 0.8 - 4 * math.sqrt(0.16 / draws)
    assert hits / draws < 0.8 + 4 * math.sqrt(0.16 / draws)


@pytest.mark.parametrize("first_seed", [0, 100], ids=["paired", "unpaired"])
def test_the_runs_needed_are_the_least_that_reach_the_bound(judged, factors, first_seed):
    results = [
        r
        for s, f in enumerate(factors(spread=0.2), start=first_seed)
        for r in spectral(subject("ikun_v1", s), f, mean=1.0)
    ]
    baseline = group("kaiming", factors(spread=0.2))
    found = judged(results, baseline, measures=["lambda_max"])
    (row,) = found.pairs[0].measures
    paired, alpha = found.pairs[0].paired, 0.05
    assert paired is (first_seed == 0)
    logs = np.log(np.reshape([v.value for v in found.measures[0].values], (2, 12)))
    spread = (logs[1] - logs[0]).std(ddof=1) if paired else np.sqrt(logs.var(1, ddof=1).sum())

    def detectable(runs):
        return found_log_ratio(
            stderr=spread / math.sqrt(runs),
            dof=runs - 1 if paired else 2 * (runs - 1),
            num_runs=(runs, runs),
            paired=paired,
            alpha=alpha,
            power=0.8,
        )

    assert detectable(row.runs_needed) <= math.log(1.25) < detectable(row.runs_needed - 1)


def test_changing_the_baseline_inverts_every_ratio(judged, factors):
    results = group("ikun_v1", factors(0.8, spread=0.2)), group("kaiming", factors(spread=0.2))
    forth, back = judged(*results).pairs[0], judged(*results, baseline="ikun_v1").pairs[0]
    opposite = {"flatter": "sharper", "sharper": "flatter"}
    for a in forth.measures:
        b = next(row for row in back.measures if row.measure == a.measure)
        assert a.estimate * b.estimate == pytest.approx(1)
        assert a.interval.low * b.interval.high == pytest.approx(1)
        assert a.p_holm == pytest.approx(b.p_holm)
        assert b.verdict == opposite.get(a.verdict, a.verdict)


def test_shards_move_no_ratio_but_give_the_components(judged, factors):
    rng = np.random.default_rng(4)

    def with_shards(init, scales):
        return [
            r
            for s, f in enumerate(scales)
            for r in analysed(
                subject(init, s), f, shards=tuple(3 * f * np.exp(0.1 * rng.normal(size=4)))
            )
        ]

    a, b = factors(0.7), factors()
    one = {"measures": ["lambda_max"]}
    bare = judged(group("ikun_v1", a), group("kaiming", b), **one).pairs[0].measures
    found = judged(with_shards("ikun_v1", a), with_shards("kaiming", b), **one).pairs[0].measures
    for plain, sharded in zip(bare, found, strict=True):
        assert sharded.estimate == pytest.approx(plain.estimate, rel=1e-12)
    (top,) = found
    assert top.components.num_shards == 4
    assert top.components.shard == pytest.approx(2 * 0.1**2, rel=0.6)


def test_negative_values_are_compared_by_rank(judged):
    def below_zero(init, offset):
        return [
            r
            for s in range(8)
            for r in analysed(subject(init, s), 1.0, raw=-1 + offset + 0.01 * s * s)
        ]

    found = judged(
        below_zero("ikun_v1", 1.5),
        below_zero("kaiming", 0.0),
        measures=["mean_curvature"],
    )
    (row,) = found.pairs[0].measures
    assert row.scale == "difference"
    assert row.estimate > 0
    assert row.equivalence_p is None


def test_flatness_against_accuracy_stands_apart_and_leaves_groups_out(judged, factors):
    found = judged(group("ikun_v1", factors(0.5)), group("kaiming", factors()))
    assert [row.measure for row in found.accuracy] == [m.name for m in found.measures]
    row = found.accuracy[0]
    x = [v.value for v in found.measure(row.measure).values]
    y = [run.test_accuracy for g in reversed(found.groups) for run in g.runs]
    u, v = np.log(np.reshape(x, (2, 12))), np.reshape(y, (2, 12))
    u, v = u - u.mean(1, keepdims=True), v - v.mean(1, keepdims=True)
    assert row.correlation == pytest.approx(np.corrcoef(u.ravel(), v.ravel())[0, 1])
    assert (row.num_runs, row.num_groups) == (24, 2)


def test_a_comparison_survives_the_disk(judged, factors, tmp_path):
    found = judged(group("ikun_v1", factors()), group("kaiming", factors()))
    path = tmp_path / "comparison.json"
    save_result(found, path)
    assert load_stored(path).record() == found.record()
    with pytest.raises(ResultError, match="several checkpoints"):
        load_result(path)


def test_a_comparison_with_a_dead_network_can_be_read_again(judged, factors, tmp_path):
    """Of two runs, one of them dead: a t interval of the ratio holds more than a float can."""
    dead = factors(n=2) * [1.0, 1e-30]
    found = judged(group("ikun_v1", dead), group("kaiming", factors(n=2)))
    path = tmp_path / "comparison.json"
    save_result(found, path)
    (row, *_) = load_stored(path).pairs[0].measures
    assert row.interval.high == LARGEST


def test_the_same_seed_gives_the_same_numbers(judged, factors):
    results = group("ikun_v1", factors(0.9)), group("kaiming", factors())
    first, second = judged(*results).record(), judged(*results).record()
    assert first["pairs"] == second["pairs"]
    assert first["accuracy"] == second["accuracy"]


def test_copies_of_one_file_do_not_count_as_runs(judged, factors):
    kaiming = group("kaiming", factors())
    copies = [
        r
        for s in range(3)
        for r in relabelled(analysed(subject("x", 0)), f"x-s{s}", "same", seed=s)
    ]
    with pytest.raises(ValueError, match="same weights twice, x-s0 and x-s1"):
        judged(copies, kaiming)


def test_one_group_is_no_comparison(judged, factors):
    with pytest.raises(ValueError, match=r"at least 2 to be compared; got 1\. Groups were made"):
        judged(group("kaiming", factors()))
