"""Which checkpoints and measures are compared, and what is refused."""

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent))

from compared_results import PROVENANCE, analysed, group, relabelled, sharpness, spectral, subject

from landscape.analysis.compare_groups import (
    analysed_checkpoints,
    find_group,
    grouped,
    with_unique_labels,
)
from landscape.analysis.compare_match import match_runs
from landscape.analysis.compare_measures import (
    choose_primary,
    fits,
    missing_notes,
    selected,
    shared_measures,
)
from landscape.results import DirectionFidelity, Estimate, Fidelity, make_measure


def checkpoints(*results):
    return analysed_checkpoints([r for part in results for r in part], split="train")


def names(groups):
    return {name: [c.label for c in members] for name, members in groups.items()}


def of_recipe(init, seed, **training):
    results = analysed(subject(init, seed))
    label = "-".join([init, *map(str, training.values()), f"s{seed}"])
    return relabelled(results, label, label, **training)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, ["ikun_v1", "kaiming"]),
        ({"gain": 2.0}, ["ikun_v1", "kaiming", "kaiming-gain2"]),
        ({"optimizer": "sgd"}, ["ikun_v1-adam", "kaiming-adam", "kaiming-sgd"]),
        ({"learning_rate": 0.01}, ["ikun_v1-lr0.001", "kaiming-lr0.001", "kaiming-lr0.01"]),
    ],
)
def test_sidecars_name_groups_after_what_differs(change, expected):
    base = [of_recipe(init, s) for init in ("ikun_v1", "kaiming") for s in range(2)]
    further = [of_recipe("kaiming", s, **change) for s in range(2, 4)]
    groups = grouped(checkpoints(*base, *further), None)
    assert sorted(groups) == expected


def test_file_names_less_seed_and_epoch_name_groups_without_sidecars():
    labels = ("mine-s0", "mine-s1-e10", "mine_s2", "other.s0", "other-seed1", "other-s12-epoch3")
    results = [
        r for label in labels for r in analysed(subject("x", 0, training=False, label=label))
    ]
    found = [
        replace(r, subject=replace(r.subject, checkpoint_sha256=r.subject.label)) for r in results
    ]
    members = checkpoints(found)
    assert names(grouped(members, None)) == {
        "mine": ["mine-s0", "mine-s1-e10", "mine_s2"],
        "other": ["other.s0", "other-seed1", "other-s12-epoch3"],
    }
    assert [c.seed for c in members] == [0, 1, 2, 0, 1, 12]
    assert [c.epoch for c in members] == [None, 10, None, None, None, 3]


def test_patterns_fit_paths_names_and_labels():
    members = checkpoints(group("ikun_v1", [1, 1]), group("kaiming", [1]), group("lecun", [1]))
    groups = grouped(members, {"new": ["checkpoints/ikun*"], "old": ["kaiming-adam-s?"]})
    assert names(groups) == {
        "new": ["ikun_v1-adam-s0", "ikun_v1-adam-s1"],
        "old": ["kaiming-adam-s0"],
    }
    with pytest.raises(ValueError, match=r"must not overlap; ikun_v1-adam-s0 .* a and b"):
        grouped(members, {"a": ["ikun*"], "b": ["*s0*"]})
    with pytest.raises(ValueError, match=r"'b' must hold a checkpoint; none fits nets/\*"):
        grouped(members, {"a": ["ikun*"], "b": ["nets/*"]})
    with pytest.raises(ValueError, match="at least 2"):
        grouped(members, {"a": ["*"]})


def test_the_baseline_is_a_group_or_the_only_start_of_one():
    groups = grouped(checkpoints(group("kaiming", [1]), group("kaiming2", [1])), None)
    assert find_group(groups, "kaiming") == "kaiming"
    assert find_group(groups, "kaiming2") == "kaiming2"
    for asked in ("k", "lecun"):
        with pytest.raises(ValueError, match="baseline must be one of the groups kaiming, kaim"):
            find_group(groups, asked)


def test_two_files_of_one_name_get_labels_of_their_own():
    first = analysed(subject("x", 0, checkpoint="a/net.pt", label="net", checkpoint_sha256="1"))
    second = analysed(subject("x", 1, checkpoint="b/net.pt", label="net", checkpoint_sha256="2"))
    third = analysed(subject("x", 2, label="third"))
    found = with_unique_labels([*first, *second, *third])
    assert list(dict.fromkeys(r.subject.label for r in found)) == ["a-net", "b-net", "third"]
    assert [r.subject for r in with_unique_labels(found)] == [r.subject for r in found]


def test_other_splits_are_left_out_or_refused():
    both = group("ikun_v1", [1, 1]) + group("ikun_v1", [1, 1], split="test")
    assert {r.subject.split for c in checkpoints(both) for r in c.results} == {"train"}
    with pytest.raises(ValueError, match=r"analysed \(test\); got 'train'"):
        checkpoints(group("ikun_v1", [1], split="test"))


def run(init, losses, seed=0):
    """One training run with a checkpoint after each epoch, by its loss."""
    results = [
        r
        for epoch, loss in losses.items()
        for r in analysed(
            subject(init, seed, epoch=epoch, loss=loss, label=f"{init}{seed}e{epoch}")
        )
    ]
    return checkpoints(results)


def matched(a, b, how):
    found = match_runs(a, b, names=("a", "b"), how=how)
    return [(x.epoch, y.epoch) for x, y in zip(found.runs, found.baseline_runs, strict=True)], found


def test_by_epoch_the_last_one_that_all_share_is_compared():
    a = run("a", {5: 0.4, 10: 0.2, 20: 0.1})
    pairs, found = matched(a, run("b", {5: 0.5, 10: 0.25}), "epoch")
    assert pairs == [(10, 10)]
    assert found.loss_ratio == pytest.approx(0.8)
    assert found.words.startswith("at epoch 10; loss 0.8 times")
    with pytest.raises(ValueError, match="last ones are 20 of 'a' and 16 of 'b'"):
        matched(a, run("b", {16: 0.1}), "epoch")


def test_by_loss_the_nearest_of_which_one_ends_its_run_is_compared():
    # Both begin at a loss of 0.9, which would match best of all and means nothing.
    a = run("a", {0: 0.9, 5: 0.3, 10: 0.12, 20: 0.05})
    b = run("b", {0: 0.9, 5: 0.5, 10: 0.2, 20: 0.11})
    assert matched(a, b, "loss")[0] == [(10, 20)]
    assert matched(b, a, "loss")[0] == [(20, 10)]
    assert matched(a, b, "none")[0] == [(20, 20)]
    _, single = matched(run("a", {20: 0.1}), run("b", {20: 0.2}), "loss")
    assert "there was no choice" in single.words


def test_losses_are_not_matched_between_strangers():
    a = [*run("a", {20: 0.1}, seed=0), *run("a", {20: 0.1}, seed=1)]
    b = [*run("b", {20: 0.1}, seed=2), *run("b", {20: 0.1}, seed=3)]
    assert not match_runs(a, b, names=("a", "b"), how="epoch").paired
    with pytest.raises(ValueError, match=r"'a' and 'b' share; got 0, 1 and 2, 3"):
        match_runs(a, b, names=("a", "b"), how="loss")


def test_runs_without_a_partner_are_left_out_of_pairs():
    a = [c for s in range(4) for c in run("a", {20: 0.1}, seed=s)]
    b = [c for s in (3, 1, 2, 5) for c in run("b", {20: 0.1}, seed=s)]
    found = match_runs(a, b, names=("a", "b"), how="epoch")
    assert found.paired
    assert [c.seed for c in found.runs] == [c.seed for c in found.baseline_runs] == [1, 2, 3]


def test_two_checkpoints_of_one_seed_and_epoch_are_refused():
    a = [*run("a", {20: 0.1}), *run("a2", {20: 0.1})]
    with pytest.raises(ValueError, match="one checkpoint of each seed and epoch"):
        match_runs(a, run("b", {20: 0.1}), names=("a", "b"), how="epoch")


def shared(a, b, *, allow_mismatch=False):
    groups = grouped(checkpoints(a, b), None)
    return shared_measures(groups, baseline="kaiming", allow_mismatch=allow_mismatch), groups


DIFFERENCES = {
    "data": ({"data": "mnist"}, {}, "data: fashion-mnist .* against mnist"),
    "examples": ({"examples_sha256": "cd" * 32}, {}, "examples: 1000 of train .abab.* against"),
    "number": ({"num_examples": 500}, {}, "examples: 1000 of train .* against 500 of train"),
    "loss": ({"loss_name": "cross-entropy"}, {}, "loss: mse .* against cross-entropy"),
    "operator": ({}, {"name": "ggn"}, "operator: hessian .* against ggn"),
    "parameters": ({}, {"params": "fc*"}, r"parameters: \* .* against fc\*"),
    "batch norm": ({}, {"batch_norm": "train"}, "batch norm: eval .* against train"),
    "dtype": ({}, {"dtype": "float64"}, "dtype: float32 .* against float64"),
    "weight decay": ({}, {"weight_decay": 1e-4}, "weight decay: 0 .* against 0.0001"),
}


@pytest.mark.parametrize(("subject_of", "spec", "message"), DIFFERENCES.values(), ids=DIFFERENCES)
def test_results_measured_otherwise_are_refused_or_marked(subject_of, spec, message):
    kaiming = group("kaiming", [1, 1])
    other = [r for s in range(2) for r in analysed(subject("ikun_v1", s, **subject_of), **spec)]
    with pytest.raises(ValueError, match=f"measured alike.*{message}.*--allow-mismatch"):
        shared(other, kaiming)
    measures, _ = shared(other, kaiming, allow_mismatch=True)
    top = next(m for m in measures if m.name.startswith("lambda_max[filter]"))
    assert list(top.values) == [f"{i}-adam-s{s}" for i in ("kaiming", "ikun_v1") for s in range(2)]
    field = message.split(":")[0]
    assert top.mismatch.startswith(f"{field}: ")


def test_settings_that_all_have_are_preferred_to_those_of_some():
    both = [
        *group("ikun_v1", [1]),
        *spectral(subject("ikun_v1", 0), 3.0, mean=1.0, dtype="float64"),
        *spectral(subject("ikun_v1", 0), 3.0, mean=1.0, name="ggn"),
    ]
    measures, _ = shared(both, group("kaiming", [1]))
    assert not any(m.mismatch for m in measures)
    assert all(m.settings.get("dtype", "float32") == "float32" for m in measures)
    assert "lambda_max ggn" not in {m.name for m in measures}


def test_each_operator_that_all_have_is_a_measure_of_its_own():
    def with_ggn(init):
        who = subject(init, 0)
        return [*analysed(who), *spectral(who, 1.0, mean=0.1, name="ggn")]

    measures, _ = shared(with_ggn("ikun_v1"), with_ggn("kaiming"))
    found = {m.name for m in measures}
    assert {"lambda_max hessian", "lambda_max ggn", "mean_curvature ggn"} <= found


def test_spectral_rows_of_a_sharpness_table_do_not_count_twice():
    def with_row(init):
        results = analysed(subject(init, 0))
        row = make_measure("lambda_max", 99.0, 0.1, operator="hessian")
        return [*results[:-1], replace(results[-1], rows=(*results[-1].rows, row))]

    measures, _ = shared(with_row("ikun_v1"), with_row("kaiming"))
    tops = [m for m in measures if m.name == "lambda_max hessian"]
    assert [v.row.value for m in tops for v in m.values.values()] == [1.4, 1.4]


def with_cusp(init, slopes, **changes):
    directions = tuple(
        DirectionFidelity(
            name=f"hessian top {number}",
            kind="top",
            operator="hessian",
            slope=0.0,
            curvatures=(1.0,),
            plus=(0.1,),
            plus_stderr=(0.01,),
            minus=(0.1,),
            minus_stderr=(0.01,),
            kappa=(1.0,),
            kappa_stderr=(0.1,),
            ratios=((None,),),
            exponent=None,
            cusp_slope=Estimate(mean=slope, stderr=0.01),
        )
        for number, slope in enumerate(slopes, start=1)
    )
    fields = {
        "operators": ("hessian",),
        "radii": (0.01,),
        "theta_norm": 10.0,
        "fit_radius": 0.03,
        "reference_radius": 0.01,
        "smoothing_radius": None,
        "smoothed_stderr": (),
        "directions": directions,
        "exponent": None,
        "verdicts": (),
        "slope_sweep": (),
        "rule": "",
        "sentence": "",
        "batch_norm": "eval",
        "num_matvecs": 0,
        "num_evaluations": 0,
    }
    return [Fidelity(subject=subject(init, 0), provenance=PROVENANCE, **(fields | changes))]


def test_the_steepest_cusp_is_compared_along_the_same_directions():
    (slope,), _ = shared(with_cusp("ikun_v1", [0.2, 0.5]), with_cusp("kaiming", [0.3, 0.1]))
    assert {label: v.row.value for label, v in slope.values.items()} == {
        "kaiming-adam-s0": 0.3,
        "ikun_v1-adam-s0": 0.5,
    }
    assert slope.hard_forward
    assert not slope.scale_invariant
    assert slope.any.probe_stderr == 0  # its error is over examples, which both networks share
    with pytest.raises(ValueError, match=r"directions: hessian top 1, hessian top 2 .* against"):
        shared(with_cusp("ikun_v1", [0.2]), with_cusp("kaiming", [0.3, 0.1]))
    with pytest.raises(ValueError, match=r"fitted up to: 0.03 ‖θ‖ .* against 0.1"):
        shared(with_cusp("ikun_v1", [0.2], fit_radius=0.1), with_cusp("kaiming", [0.3]))


def test_groups_without_a_shared_measure_are_refused():
    with pytest.raises(ValueError, match=r"must share a measure; got kaiming: .*lambda_max"):
        shared([sharpness(subject("ikun_v1", 0), 1.0)], group("kaiming", [1])[:4])


def test_a_checkpoint_that_lacks_a_measure_is_named():
    part = group("ikun_v1", [1, 1])
    measures, groups = shared(part[:-1], group("kaiming", [1, 1]))
    (note, *_) = missing_notes(groups, [m for m in measures if m.name.startswith("worst")])
    assert note.startswith(
        "worst-case rise (filter scale, ρ = 0.003) was not measured for ikun_v1-adam-s1"
    )


def test_defaults_and_patterns_choose_measures():
    measures, _ = shared(group("ikun_v1", [1]), group("kaiming", [1]))
    assert {m.name for m in selected(measures, None)} == {
        "lambda_max hessian",
        "lambda_max[filter] hessian",
        "mean_curvature hessian",
        "mean_curvature[filter] hessian",
        "expected_rise[filter] ρ=0.01",
        "expected_rise[filter] ρ=0.03",
        "worst_rise[filter] ρ=0.003",
    }
    assert [m.name for m in selected(measures, ["expected_rise[filter]"])] == [
        "expected_rise[filter] ρ=0.01",
        "expected_rise[filter] ρ=0.03",
    ]
    assert selected(measures, ["*"]) == measures
    with pytest.raises(ValueError, match="nothing fits 'sharpness'"):
        selected(measures, ["sharpness"])


def test_the_primary_is_the_invariant_eigenvalue_unless_declared():
    measures, _ = shared(group("ikun_v1", [1]), group("kaiming", [1]))
    assert choose_primary(measures, None) == "lambda_max[filter] hessian"
    assert choose_primary(measures, "lambda_max") == "lambda_max hessian"
    assert choose_primary(measures, "expected_rise[filter] ρ=0.03").endswith("0.03")
    raw = [m for m in measures if not m.name.startswith("lambda_max[")]
    assert choose_primary(raw, None) == "lambda_max hessian"
    with pytest.raises(ValueError, match=r"fits expected_rise.*0.01, expected_rise"):
        choose_primary(measures, "expected_rise*")
    with pytest.raises(ValueError, match="'sharp' fits none"):
        choose_primary(measures, "sharp")


def test_brackets_in_patterns_are_literal():
    assert fits("lambda_max[filter] hessian", "lambda_max[filter]")
    assert not fits("lambda_max hessian", "lambda_max[filter]")
    assert not fits("lambda_max[filter] hessian", "lambda_max")
    assert fits("lambda_max[filter] hessian", "lambda_max*")
    assert fits("lambda_maxf", "lambda_max?")


def test_shards_are_recentred_on_the_whole():
    (value,) = (
        v
        for m in shared(
            analysed(subject("ikun_v1", 0), shards=(2.0, 3.0, 4.0)), group("kaiming", [1])
        )[0]
        if m.name == "lambda_max hessian"
        for label, v in m.values.items()
        if label.startswith("ikun")
    )
    again = np.array(value.recentred_shards)
    assert np.exp(np.log(again).mean()) == pytest.approx(value.row.value, rel=1e-14)
    np.testing.assert_allclose(again / again[0], [1, 1.5, 2])
    assert replace(value, shards=(1.0, -1.0)).recentred_shards == ()


def test_without_a_baseline_the_groups_are_named():
    with pytest.raises(ValueError, match="must name the group to compare with, one of a, b"):
        find_group({"a": [], "b": []}, None)
