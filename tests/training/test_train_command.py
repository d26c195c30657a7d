import json

import numpy as np
import pytest
import user_nets
from click.testing import CliRunner

from landscape.checkpoint.sidecar import read_sidecar
from landscape.cli.commands.train import train
from landscape.training.config import TrainConfig


def invoke(*args):
    return CliRunner().invoke(train, [str(arg) for arg in args])


@pytest.fixture
def small(images):
    options = f"--data {images} --images 90 --channels 2 --time-steps 2 --batch-size 20 --epochs 2"
    return options.split()


def test_without_options_the_protocol_is_trained(monkeypatch):
    seen = {}
    monkeypatch.setattr(
        "landscape.training.loop.train",
        lambda config, out, **settings: seen.update(config=config, out=out, **settings),
    )
    assert invoke().exit_code == 0
    assert seen["config"] == TrainConfig()
    assert str(seen["out"]) == "checkpoints/ikun_v1-adam-s0.safetensors"
    assert seen["device"].type == "cpu"


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--optimizer", "sam-sgd"], TrainConfig(optimizer="sgd", sam_rho=0.05)),
        (
            ["--optimizer", "sam-adam", "--sam-rho", "0.2"],
            TrainConfig(optimizer="adam", sam_rho=0.2),
        ),
        (["--images", "0"], TrainConfig(images=None)),
        (
            ["--gain", "0.5", "--beta", "surrogate", "--lr", "0.2", "--snapshots", "3"],
            TrainConfig(gain=0.5, beta="surrogate", lr=0.2, snapshots=3),
        ),
    ],
)
def test_options_reach_the_configuration(monkeypatch, arguments, expected):
    seen = []
    monkeypatch.setattr(
        "landscape.training.loop.train", lambda config, out, **_: seen.append(config)
    )
    assert invoke(*arguments).exit_code == 0
    assert seen == [expected]


def test_train_writes_a_checkpoint_and_says_where(small, tmp_path):
    out = tmp_path / "new" / "a.safetensors"
    result = invoke(*small, "--init", "kaiming", "-o", out)
    assert result.exit_code == 0
    assert result.stdout == f"{out}\n"
    assert "epoch 2/2: loss 0." in result.stderr
    assert read_sidecar(out).training.init == "kaiming"
    lines = (tmp_path / "new" / "a.metrics.jsonl").read_text().splitlines()
    assert [json.loads(line)["epoch"] for line in lines] == [1, 2]
    again = invoke(*small, "--init", "kaiming", "-o", out)
    assert (again.stdout, again.exit_code) == (f"{out}\n", 0)
    assert "epoch" not in again.stderr
    other = invoke(*small, "--init", "xavier", "-o", out)
    assert isinstance(other.exception, ValueError)
    assert "init: kaiming -> xavier" in str(other.exception)


def test_quiet_says_nothing(small, tmp_path):
    result = invoke(*small, "-q", "-o", tmp_path / "a.safetensors")
    assert result.stderr == ""


def test_contradictions_and_unknown_devices_are_refused(tmp_path):
    result = invoke("--sam-rho", "0.1")
    assert result.exit_code == 2
    assert "--sam-rho needs --optimizer sam-adam" in result.output
    result = invoke("--probe-every", "10", "-o", tmp_path / "a.safetensors")
    assert "--probe-every and --probe-budget need --probe" in result.output
    result = invoke("--device", "abacus", "-o", tmp_path / "a.safetensors")
    assert "device 'abacus' cannot be used" in str(result.exception)


def test_a_probe_writes_beside_the_metrics(small, tmp_path):
    out = tmp_path / "a.safetensors"
    assert (
        invoke(*small, "--probe", "--probe-every", "3", "--probe-budget", "1", "-o", out).exit_code
        == 0
    )
    lines = (tmp_path / "a.probe.jsonl").read_text().splitlines()
    assert [json.loads(line)["step"] for line in lines] == [1, 4, 7]
    assert json.loads(lines[-1])["edge_of"] == "preconditioned_lambda_max"


OVER_TIME = ["--layout", "T-first", "--readout", f"{user_nets.__file__}:mean_over_time"]


@pytest.mark.parametrize("said", [["--time-steps", 3, *OVER_TIME], ["--time-steps", 1]], ids=str)
def test_a_probe_leads_a_network_through_time_as_the_training_does(tmp_path, said):
    """One step a call in SpikingJelly: what says so to the training says it to the probe."""
    x, y = user_nets.split()["train"]
    np.savez(tmp_path / "xy.npz", x=x.numpy(), y=y.numpy())
    line = "--loss cross-entropy --init kaiming --batch-size 20 --epochs 1 -q --probe"
    names = ["--model", f"{user_nets.__file__}:step", "--data", tmp_path / "xy.npz"]
    pace = ["--probe-every", 2, "--probe-budget", 1]
    result = invoke(*line.split(), *names, *pace, *said, "-o", tmp_path / "a.safetensors")
    assert result.exit_code == 0, result.exception
    records = [json.loads(line) for line in (tmp_path / "a.probe.jsonl").read_text().splitlines()]
    assert [record["step"] for record in records] == [1, 3]
    assert all(record["lambda_max"] is not None for record in records)
