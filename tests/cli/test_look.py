"""``landscape look`` from the outside."""

import json
import os

import numpy as np
import pytest
import torch


class Malicious:
    def __reduce__(self):
        return os.system, ("false",)


@pytest.fixture(scope="module")
def two_splits(smooth_checkpoint, tmp_path_factory):
    """The checkpoint with data that have a test split."""
    path, arguments = smooth_checkpoint
    with np.load(arguments[3]) as arrays:
        x, y = arrays["x"], arrays["y"]
    file = tmp_path_factory.mktemp("splits") / "xy.npz"
    np.savez(file, x=x[:30], y=y[:30], x_test=x[30:], y_test=y[30:])
    return path, [*arguments[:3], file, *arguments[4:]]


def row_of(result):
    return json.loads(result.stdout)


def test_weights_alone_where_nothing_names_a_network(invoke, smooth_checkpoint):
    path, _ = smooth_checkpoint
    result = invoke("look", path, "--json")
    row = row_of(result)
    assert (row["path"], row["safe"], row["num_params"]) == (str(path), True, 26)
    assert row["lambda_max"] is None
    assert "weights alone: name --model" in row["notes"]
    state = torch.load(path, weights_only=True)
    s = float(torch.linalg.svdvals(state["1.weight"].double())[0])
    assert row["spectral_norm[1.weight]"] == pytest.approx(s, rel=1e-12)
    table = invoke("look", path)
    assert "1.weight" in table.stdout
    assert not table.stderr


def test_losses_of_both_splits_and_the_curvature_of_one(invoke, two_splits):
    path, arguments = two_splits
    row = row_of(invoke("look", path, *arguments, "--json", "-q"))
    assert (row["num_train_examples"], row["num_test_examples"]) == (30, 10)
    assert row["loss_gap"] == pytest.approx(row["test_loss"] - row["train_loss"])
    assert row["accuracy_gap"] == pytest.approx(row["train_accuracy"] - row["test_accuracy"])
    assert row["spiking"] is False
    assert row["firing_rate_mean"] is None
    eigenvalues = row_of(invoke("eigenvalues", path, *arguments, "--json", "-q", "--tol", "1e-5"))
    top = eigenvalues["largest"][0]["value"]
    assert abs(row["lambda_max"] - top) <= row["lambda_max_residual"] + 1e-4 * abs(top)
    # All of the training split: nothing is left to estimate.
    assert row["lambda_max_low"] == row["lambda_max_high"] == row["lambda_max"]
    assert (row["lambda_max_of"], row["lambda_max_stderr"]) == ("the training split of 30", 0.0)
    trace = float(torch.trace(_hessian_of(path, arguments)))
    assert abs(row["trace"] - trace) <= 4 * row["trace_stderr"] + 1e-5 * trace

    other = row_of(invoke("look", path, *arguments, "--split", "test", "--json", "-q"))
    assert other["curvature_split"] == "test"
    assert other["lambda_max_high"] is None
    assert "10 examples are too few: take 100 or more" in other["notes"]
    for name in ("train_loss", "test_loss", "train_accuracy", "test_accuracy"):
        assert other[name] == pytest.approx(row[name], rel=1e-6)


def _hessian_of(path, arguments):
    state = {k: v.double() for k, v in torch.load(path, weights_only=True).items()}
    with np.load(arguments[3]) as arrays:
        x, y = torch.from_numpy(arrays["x"]).double(), torch.from_numpy(arrays["y"])
    shapes = [v.shape for v in state.values()]

    def loss(theta):
        pieces = torch.split(theta, [s.numel() for s in shapes])
        w1, b1, w2, b2 = (p.view(s) for p, s in zip(pieces, shapes, strict=True))
        return torch.nn.functional.cross_entropy(torch.tanh(x @ w1.T + b1) @ w2.T + b2, y)

    return torch.autograd.functional.hessian(loss, torch.cat([v.flatten() for v in state.values()]))


def test_data_without_a_test_split_leave_its_columns_empty(invoke, smooth_checkpoint):
    path, arguments = smooth_checkpoint
    row = row_of(invoke("look", path, *arguments, "--json", "-q"))
    assert row["train_loss"] > 0
    assert row["test_loss"] is row["loss_gap"] is None
    assert "no test loss: " in row["notes"]
    assert "lacks x_test and y_test" in row["notes"]


def test_a_file_that_can_run_code_is_named_and_not_opened(invoke, smooth_checkpoint, tmp_path):
    path, arguments = smooth_checkpoint
    bad = tmp_path / "bad.pt"
    torch.save({"state_dict": {"w": torch.ones(2, 2)}, "x": Malicious()}, bad)
    told = invoke("look", bad, path, "--json", code=1)
    rows = [json.loads(line) for line in told.stdout.splitlines()]
    assert [row["safe"] for row in rows] == [False, True]
    assert rows[0]["weights_norm"] is None
    assert "system" in rows[0]["notes"]
    reason = "calls posix.system: its weights were not read"
    assert f"UNSAFE: {bad}: {reason}" in told.stderr
    shown = invoke("look", bad, *arguments, code=1).stdout
    assert shown.splitlines()[0] == f"UNSAFE: {reason}"


def test_a_file_that_cannot_be_read_is_an_error_at_the_end(invoke, smooth_checkpoint, tmp_path):
    path, _ = smooth_checkpoint
    junk = tmp_path / "junk.pt"
    junk.write_bytes(b"no checkpoint at all")
    with pytest.raises(ValueError, match=r"junk\.pt"):
        invoke("look", junk, path, "--json")


def test_what_was_named_and_does_not_fit_is_an_error(invoke, smooth_checkpoint):
    path, arguments = smooth_checkpoint
    with pytest.raises(ValueError, match="nothing says which loss"):
        invoke("look", path, *arguments[:2])


def test_a_gate_fires_on_any_file_and_says_where(invoke, two_splits):
    path, arguments = two_splits
    gate = "lambda_max > 1e-9 and train_accuracy >= 0.5"
    result = invoke("look", path, *arguments, "-q", "--fail-if", gate, code=1)
    assert "net: fails by 'lambda_max > 1e-09 and train_accuracy >= 0.5'" in result.stderr
    invoke("look", path, *arguments, "-q", "--fail-if", "lambda_max > 1e9")


def test_a_gate_near_its_bound_says_so(invoke, two_splits):
    path, arguments = two_splits
    row = row_of(invoke("look", path, *arguments, "--json", "-q"))
    gates = [f"train_loss {sign} {row['train_loss'] * near:.6g}" for sign, near in
             ((">", 0.99), (">", 1.01))]  # fmt: skip
    fired = invoke("look", path, *arguments, "-q", "--fail-if", gates[0], code=1)
    assert "within error" in fired.stderr
    spared = invoke("look", path, *arguments, "-q", "--fail-if", gates[1])
    assert "does not fail" in spared.stderr
    assert "within error" in spared.stderr
    both = f"{gates[1]} or train_loss < {row['train_loss'] * 0.99:.6g}"
    told = invoke("look", path, *arguments, "-q", "--fail-if", both).stderr
    assert told.count("within error") == 1  # one value, whatever the number of its bounds


@pytest.mark.parametrize(
    ("gate", "words"),
    [
        ("lamda_max > 1", "Did you mean 'lambda_max'"),
        ("num_params.low > 1", "it has no interval"),
        ("tail_exponent < 2", "no measure 'tail_exponent'"),  # all matrices are small
        ("spectral_norm[2.weight] > 1", "is not measured here"),
        ("flatter", "verdict of landscape compare"),
    ],
)
def test_a_gate_that_cannot_fire_is_refused_before_the_work(invoke, two_splits, gate, words):
    path, arguments = two_splits
    broken = ["--data", "nowhere.npz", *arguments[4:]]  # what would be opened first
    result = invoke("look", path, *arguments[:2], *broken, "--fail-if", gate, code=2)
    assert words in result.output


def test_a_gate_on_data_is_refused_where_there_are_none(invoke, smooth_checkpoint):
    path, _ = smooth_checkpoint
    result = invoke("look", path, "--fail-if", "lambda_max > 1", code=2)
    assert "name --model, --data and --loss" in result.output
    invoke("look", path, "--fail-if", "spectral_norm > 1e-9", code=1)


def test_several_processes_are_one_too_many(invoke, smooth_checkpoint, monkeypatch):
    monkeypatch.setattr("landscape.distributed.world_size", lambda: 2)
    assert "without torchrun" in invoke("look", smooth_checkpoint[0], code=2).output
