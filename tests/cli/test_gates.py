"""``--fail-if`` of every command: fires, spares, and is refused before the work."""

import json
import re
from dataclasses import replace

import numpy as np
import pytest
from compared_results import certified, group, subject
from drawn import small_checkpoint

from landscape.results import save_result


@pytest.mark.parametrize(
    ("command", "fires", "spares", "refused"),
    [
        (["check"], "loss > 1e-9", "failed_checks > 0 or accuracy < 0", "lambda_max > 1"),
        (
            ["eigenvalues", "--top", 1, "--bottom", 1],
            "lambda_max > 0 and lambda_max[hessian] > 0",
            "lambda_min > 1e9",
            "lambda_max[filter] > 1",
        ),
        (["eigenvalues", "--top", 1, "--bottom", 0], "lambda_max>0", "loss>9", "lambda_min > 1"),
        (
            ["eigenvalues", "--top", 1, "--bottom", 0, "--scale", "filter"],
            "lambda_max[filter] > 0",
            "lambda_max[filter] > 1e9",
            "lambda_max > 1",
        ),
        (
            ["trace", "--max-matvecs", 12],
            "trace > 0 and trace.high > 0",
            "effective_rank.low > 1e9",
            "trace[ggn] > 1",
        ),
        (
            ["sharpness", "--measures", "expected_rise", "--scales", "none", "--num-pairs", 2],
            "expected_rise[0.03] > -1e9",
            "expected_rise > 1e9",
            "worst_rise > 1",
        ),
    ],
)
def test_gates_of_commands(invoke, smooth_checkpoint, command, fires, spares, refused):
    path, arguments = smooth_checkpoint
    name, *options = command
    line = [name, path, *arguments, *options, "-q"]
    fired = invoke(*line, "--fail-if", spares, "--fail-if", fires, code=1)
    assert "net: fails by" in fired.stderr
    assert fired.stdout == invoke(*line, "--fail-if", spares).stdout
    nowhere = ["--data", "nowhere.npz"]  # what would be opened first
    result = invoke(*line, *nowhere, "--fail-if", refused, code=2)
    assert f"--fail-if '{refused}'" in result.output


@pytest.mark.parametrize(
    "command", ["analyze", "check", "eigenvalues", "look", "sharpness", "trace"]
)
def test_the_example_in_the_help_is_one_of_the_command_s_measures(
    invoke, smooth_checkpoint, command
):
    """What stops it is opened after the gates were looked at."""
    path, arguments = smooth_checkpoint
    words = " ".join(invoke(command, "--help").output.split())
    (example,) = re.findall(r"where this holds, e\.g\. '([^']+)'", words)
    into = ["-o", path.parent / "report"] if command == "analyze" else []
    nowhere = ["--data", "nowhere.npz", "--fail-if", example]
    with pytest.raises(ValueError, match=r"no data file nowhere\.npz"):
        invoke(command, path, *arguments, *into, "-q", *nowhere)


@pytest.fixture(scope="module")
def sampled(tmp_path_factory):
    """A checkpoint and data of which every other example is drawn."""
    path, arguments = small_checkpoint(tmp_path_factory.mktemp("sampled"), 300, num_steps=60)
    return path, [*arguments, "-q", "--examples"]


@pytest.mark.parametrize("command", ["eigenvalues", "look"])
def test_ends_of_the_largest_eigenvalue_s_interval_can_be_gated_on(invoke, sampled, command):
    path, arguments = sampled
    line = [command, path, *arguments, 150]
    result = invoke(*line, "--fail-if", "lambda_max.low > 0 and lambda_max.high < 1e9", code=1)
    assert "lambda_max.low = " in result.stderr
    assert "for the training split of 300" in result.stdout
    invoke(*line, "--fail-if", "lambda_max.low > 1e9 or lambda_max.high < 0")
    few = invoke(command, path, *arguments, 50, "--fail-if", "lambda_max.low > 0", code=2)
    assert "50 examples are too few: take 100 or more" in few.output


def test_a_second_opinion_has_no_interval(invoke, sampled):
    path, arguments = sampled
    line = ["eigenvalues", path, *arguments, 150, "--solver", "pyhessian"]
    result = invoke(*line, "--fail-if", "lambda_max.low > 0", code=2)
    assert "it has no bounds over examples" in result.output


def test_the_interval_of_an_eigenvalue_and_of_the_sum_stand_in_json(invoke, sampled):
    path, arguments = sampled
    (line,) = invoke("eigenvalues", path, *arguments, 150, "--json").stdout.splitlines()
    found = json.loads(line)
    top, total = found["largest"][0], found["largest_sum"]
    assert top["population"]["low"] < top["value"] < top["population"]["high"]
    assert total["population"]["low"] < total["value"] < total["population"]["high"]
    assert total["value"] == pytest.approx(sum(e["value"] for e in found["largest"][:5]))


def test_a_gate_that_cannot_be_read_is_refused_with_its_place(invoke, smooth_checkpoint):
    path, arguments = smooth_checkpoint
    result = invoke("trace", path, *arguments, "--fail-if", "trace", code=2)
    assert "in a shell, quote the whole condition" in result.output


@pytest.fixture
def unwritten(monkeypatch):
    """Leave pages out, which take seconds to draw."""
    monkeypatch.setattr("landscape.report.write_report", lambda folder, *_, **__: folder)


def test_gates_of_analyze_are_about_the_checkpoints_named(
    invoke, smooth_checkpoint, tmp_path, unwritten
):
    path, arguments = smooth_checkpoint
    line = ["analyze", path, *arguments, "-o", tmp_path / "r", "-q", "--budget", "quick"]
    refused = invoke(*line, "--only", "preflight", "--fail-if", "lambda_max > 1", code=2)
    assert "no measure 'lambda_max'" in refused.output
    assert not list((tmp_path / "r").rglob("*.json"))
    only = ["--only", "preflight,spectrum"]
    invoke(*line, *only, "--fail-if", "lambda_max > 0 and failed_checks == 0", code=1)
    # Resumed: the gate is judged again on what is there.
    invoke(*line, *only, "--fail-if", "lambda_max > 1e9 or negative_mass > 1")


def stored(folder, results):
    for number, result in enumerate(results):
        path = folder / "results" / result.subject.label / f"{type(result).__name__}-{number}.json"
        save_result(result, path)
    return folder


def compared(folder, num_pairs):
    rng = np.random.default_rng(0)
    flatter, plain = np.exp(0.05 * rng.normal(size=(2, num_pairs)))
    return stored(folder, [*group("ikun_v1", 0.5 * flatter), *group("kaiming", plain)])


def test_gates_of_compare_are_ratios_to_the_baseline_and_verdicts(invoke, tmp_path):
    line = ["compare", compared(tmp_path, 10), "--baseline", "kaiming"]
    fired = invoke(*line, "--fail-if", "lambda_max[filter] < 0.8 and flatter", code=1)
    assert "ikun_v1 against kaiming: fails by" in fired.stderr
    assert "lambda_max[filter] hessian = " in fired.stderr
    invoke(*line, "--fail-if", "lambda_max[filter].high > 0.8", "--fail-if", "sharper")
    invoke(*line, "--fail-if", "expected_rise[filter,0.03] < 0.8 or undecided", code=1)
    refused = invoke(*line, "--fail-if", "lambda_max[weight] > 1", code=2)
    assert "is not measured here" in refused.output
    # Whatever scale bears the verdict.
    fired = invoke(*line, "--fail-if", "primary.high < 0.8", code=1)
    assert "primary (lambda_max[filter] hessian).high = 0." in fired.stderr
    invoke(*line, "--fail-if", "primary.low > 1.25")


def test_a_measure_that_is_not_compared_is_said_to_be_measured(invoke, tmp_path):
    line = ["compare", compared(tmp_path, 6), "--baseline", "kaiming"]
    refused = invoke(*line, "--fail-if", "lambda_max.low > 1.25", code=2)
    words = " ".join(refused.output.split())
    assert "lambda_max was measured, but is not compared here" in words
    assert "--measures 'lambda_max hessian'" in words
    named = ["--measures", "lambda_max hessian,lambda_max[filter]"]
    invoke(*line, *named, "--fail-if", "lambda_max.low > 1.25")


def test_qualifiers_stay_in_the_order_in_which_they_were_given(invoke, tmp_path):
    line = ["compare", compared(tmp_path, 6), "--baseline", "kaiming"]
    refused = invoke(*line, "--fail-if", "expected_rise[filter,0.07] > 1", code=2)
    assert "expected_rise[filter,0.07] is not measured here" in " ".join(refused.output.split())


def test_all_of_a_split_has_no_error_over_examples(invoke, smooth_checkpoint):
    path, arguments = smooth_checkpoint
    line = ["eigenvalues", path, *arguments, "-q", "--fail-if", "lambda_max > 0"]
    found = invoke(*line, code=1)
    words = " ".join(found.stdout.split())
    assert "all of the training split of 40 was used: no error over examples" in words
    assert "95 % for" not in words
    assert "lambda_max = " in found.stderr
    assert " to " not in found.stderr
    looked = invoke("look", path, *arguments, "-q").stdout
    assert "all of the training split of 40; residual" in " ".join(looked.split())


def test_a_reason_ends_as_a_sentence_does(invoke, sampled):
    path, arguments = sampled
    line = ["eigenvalues", path, *arguments, 150, "--top", 1, "--bottom", 0]
    refused = invoke(*line, "--fail-if", "lambda_max.low > 0", code=2)
    assert refused.output.endswith("must be known; got none.\n")


def test_a_verdict_that_too_few_pairs_cannot_reach_is_refused(invoke, tmp_path):
    line = ["compare", compared(tmp_path, 3), "--baseline", "kaiming"]
    refused = invoke(*line, "--fail-if", "flatter", code=2)
    assert "too few runs to reach the verdict flatter" in refused.output
    assert not refused.stdout
    invoke(*line, "--fail-if", "flatter or undecided", code=1)
    invoke(*line, "--fail-if", "undecided", code=1)


def of_one_loss_a_seed(results):
    """The runs of a seed have one loss, as copies do."""
    return [
        replace(r, subject=replace(r.subject, loss=0.01 * 1.02**r.subject.training.seed))
        for r in results
    ]


QUANTITIES = ("primary > 1.25", "primary.low > 1.25", "primary.high < 0.8", "lambda_max[filter]>1")


@pytest.mark.parametrize("num_pairs", [3, 6])  # 3 pairs could show nothing of any runs
@pytest.mark.parametrize("gate", [*QUANTITIES, "expected_rise[filter,0.03].low > 1.25"])
def test_what_tells_copies_apart_is_withheld_from_gates(invoke, tmp_path, num_pairs, gate):
    """Eight times as sharp and the same losses, run by run: no difference of minima."""
    runs = [*group("ikun_v1", [8.0] * num_pairs), *group("kaiming", [1.0] * num_pairs)]
    line = ["compare", stored(tmp_path, of_one_loss_a_seed(runs)), "--baseline", "kaiming"]
    refused = invoke(*line, "--fail-if", gate, code=2)
    words = " ".join(refused.stderr.split())
    assert "is withheld: most losses agree to rounding" in words
    assert "fails by" not in words
    assert "Primary measure" in refused.stdout  # it comes after what was found
    invoke(*line, "--fail-if", "undecided", code=1)


@pytest.mark.parametrize("num_pairs", [3, 6])
def test_nothing_is_withheld_of_copies_that_are_alike(invoke, tmp_path, num_pairs):
    runs = [*group("ikun_v1", [1.0] * num_pairs), *group("kaiming", [1.0] * num_pairs)]
    line = ["compare", stored(tmp_path, of_one_loss_a_seed(runs)), "--baseline", "kaiming"]
    for gate in ("primary > 1.25", "primary.low > 1.25", "lambda_max[filter] > 1.25"):
        invoke(*line, "--fail-if", gate)


def test_a_primary_measure_that_bears_no_verdict_is_withheld_by_that_name(invoke, tmp_path):
    """Its own name means the plain ratio, whatever moves it."""
    runs = [*group("ikun_v1", [8.0] * 6), *group("kaiming", [1.0] * 6)]
    moved = [
        certified(subject(init, seed), **dict.fromkeys(("none", "filter", "weight", "symmetry"), 9))
        for init in ("ikun_v1", "kaiming")
        for seed in range(6)
    ]
    line = ["compare", stored(tmp_path, [*runs, *moved]), "--baseline", "kaiming"]
    for gate in QUANTITIES[:3]:
        words = " ".join(invoke(*line, "--fail-if", gate, code=2).stderr.split())
        assert (
            "bears no verdict by itself: not invariant on these networks: moved by GL(r)" in words
        )
    invoke(*line, "--fail-if", "lambda_max[filter].low > 1.25", code=1)
    raw = ["--primary", "lambda_max hessian", "--measures", "lambda_max*"]
    invoke(*line, *raw, "--fail-if", "primary.low > 1.25", code=2)


def test_gates_that_fire_are_told_beside_those_that_cannot_be_judged(invoke, tmp_path):
    runs = [*group("ikun_v1", [8.0] * 6), *group("kaiming", [1.0] * 6)]
    others = group("lecun", [4.0] * 6)
    line = ["compare", stored(tmp_path, [*of_one_loss_a_seed(runs), *others])]
    found = invoke(*line, "--baseline", "kaiming", "--fail-if", "primary.low > 1.25", code=2)
    assert "lecun against kaiming: fails by 'primary.low > 1.25'" in found.stderr
    assert "ikun_v1 against kaiming: primary" in " ".join(found.stderr.split())
