"""Networks, data and losses of users, trained as the published network is."""

import json
import shutil
from functools import partial

import numpy as np
import pytest
import torch
import user_nets
from click.testing import CliRunner
from safetensors.torch import load_file

from landscape.checkpoint.sidecar import read_sidecar
from landscape.cli import cli
from landscape.snn.adapters import reset_state
from landscape.training.config import TrainConfig
from landscape.training.examples import Examples, training_source
from landscape.training.forecast import forecast_training
from landscape.training.network import network_of

pytestmark = pytest.mark.filterwarnings(
    "ignore::DeprecationWarning"
)  # of what SpikingJelly imports

CPU = torch.device("cpu")


@pytest.fixture
def nets(tmp_path, monkeypatch):
    """The folder that a user works in."""
    shutil.copy(user_nets.__file__, tmp_path / "nets.py")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def config(nets):
    """Two epochs of six steps."""
    return partial(
        TrainConfig,
        model="nets.py:jelly",
        data="nets.py:split",
        loss="cross-entropy",
        init="ikun_v2",
        beta="surrogate",
        epochs=2,
        batch_size=10,
        lr=0.02,
    )


def after_the_first_epoch(report):
    if report.epoch == 1 and report.record is not None:
        raise KeyboardInterrupt


VARIANTS = {
    "adam": {},
    "sam": {"optimizer": "sgd", "lr": 0.1, "sam_rho": 0.05},
}


@pytest.mark.parametrize("settings", VARIANTS.values(), ids=VARIANTS)
@pytest.mark.parametrize("model", ["nets.py:jelly", "nets.py:torch_net"])
def test_users_networks_go_on_bit_for_bit_and_are_analysed(config, run, nets, model, settings):
    cfg = config(model=model, snapshots=2, **settings)
    told = []
    whole = load_file(run(cfg, nets / "whole.safetensors", told=told.append))
    parts = nets / "parts.safetensors"
    with pytest.raises(KeyboardInterrupt):
        run(cfg, parts, monitor=after_the_first_epoch)
    run(cfg, parts)
    assert all(torch.equal(whole[name], tensor) for name, tensor in load_file(parts).items())
    start = load_file(nets / "whole.snapshots" / "000.safetensors")
    assert any(not torch.equal(whole[name], start[name]) for name in whole)
    assert "left as the network was built with:" in told[0]  # the learnt decay

    sidecar = read_sidecar(parts)
    assert (sidecar.model, sidecar.loss) == (model, "cross-entropy")
    assert (sidecar.data.name, sidecar.data.num_examples) == ("nets.py:split", 60)
    assert sidecar.config["beta"] == "surrogate"
    # What stands in a file is not imported; named again, it is all that is needed.
    words = ["eigenvalues", "parts.safetensors", "--top", "1", "--json", "-q"]
    refused = CliRunner().invoke(cli, words)
    assert f"--model '{model}'" in str(refused.exception)
    named = [*words, "--model", model, "--data", "nets.py:split"]
    found = CliRunner().invoke(cli, named, catch_exceptions=False)
    subject = json.loads(found.stdout)
    assert subject["loss"] == pytest.approx(sidecar.metrics.train_loss, rel=1e-5)
    assert subject["accuracy"] == pytest.approx(sidecar.metrics.train_accuracy)


def test_single_steps_are_looped_in_training_and_as_the_sidecar_says(config, run, nets):
    """As is the network that makes the same steps itself, but for rounding."""
    whole = load_file(run(config(num_time_steps=3), nets / "whole.safetensors"))
    told, cfg = [], config(model="nets.py:step", num_time_steps=3, readout="nets.py:mean_over_time")
    path = run(cfg, nets / "looped.safetensors", told=told.append)
    looped = load_file(path)
    for name, tensor in whole.items():
        torch.testing.assert_close(looped[name.removeprefix("layers.")], tensor)
    assert "called 3 times" in told[1]

    words = ["eigenvalues", str(path), "--top", "1", "--json", "--model", "nets.py:step"]
    words += ["--data", "nets.py:split"]
    refused = CliRunner().invoke(cli, words)
    assert "--readout 'nets.py:mean_over_time'" in str(refused.exception)
    words += ["--readout", "nets.py:mean_over_time"]
    found = CliRunner().invoke(cli, words, catch_exceptions=False)
    assert "note: time: the network is called 3 times with the same input" in found.stderr
    loss = read_sidecar(path).metrics.train_loss
    assert json.loads(found.stdout)["loss"] == pytest.approx(loss, rel=1e-5)
    by_five = CliRunner().invoke(cli, [*words, "--time-steps", "5"], catch_exceptions=False)
    assert "called 5 times" in by_five.stderr
    with pytest.raises(ValueError, match="does not say how they are read"):
        run(config(model="nets.py:step"), nets / "b.safetensors")


def test_frames_have_their_number_of_steps_and_what_is_asked_otherwise_is_noted(config, run, nets):
    x = torch.randn(12, 5, 6, generator=torch.Generator().manual_seed(0)).numpy()
    np.savez("frames.npz", x=x, y=np.arange(12) % 3)
    frames = partial(config, model="nets.py:step", data="frames.npz", epochs=1, readout="rate")
    for layout in (None, "N-first"):
        with pytest.raises(ValueError, match="data have 5 frames, --time-steps says 9"):
            run(frames(num_time_steps=9, layout=layout), nets / "a.safetensors")
    told = []
    path = run(frames(), nets / "a.safetensors", told=told.append)
    assert "called for each frame" in told[1]
    assert read_sidecar(path).config["num_time_steps"] is None

    words = ["eigenvalues", str(path), "--top", "1", "--json", "--data", "frames.npz"]
    words += ["--model", "nets.py:step"]
    found = CliRunner().invoke(cli, [*words, "--readout", "last"], catch_exceptions=False)
    note = "note: --readout last is not that of its training, --readout rate"
    assert note in found.stderr
    same = CliRunner().invoke(cli, [*words, "--readout", "rate"], catch_exceptions=False)
    assert "that of its training" not in same.stderr


def test_schemes_are_paired_whatever_the_network(config):
    one, other = (network_of(config(init=i))[0] for i in ("lecun_normal", "kaiming_normal"))
    a, b = one.layers[0].weight, other.layers[0].weight
    torch.testing.assert_close(b, a * 2**0.5)
    for x, y in zip(one.buffers(), other.buffers(), strict=True):
        assert torch.equal(x, y)


def test_neurons_are_at_rest_before_every_batch(config, run, nets, monkeypatch):
    from landscape.training import epoch

    seen = []
    monkeypatch.setattr(epoch, "reset_state", lambda model: seen.append(reset_state(model)))
    run(config(epochs=1), nets / "a.safetensors")
    # Six steps, the test split, and the training split at the end; two layers of neurons each.
    assert seen == [2] * 8


def test_a_loaders_batches_stay_and_come_in_the_seeds_order(config, nets):
    cfg = config(data="nets.py:loader")
    examples = Examples(training_source(cfg, None), torch.float32, CPU)
    assert examples.num_steps(cfg) == 3
    sizes = [len(y) for _, y in examples.dealt(torch.tensor([2, 0, 1]), cfg)]
    assert sizes == [6, 7, 5]


def test_without_test_data_or_classes_there_are_no_such_numbers(config, run, nets):
    cfg = config(
        model="nets.py:line", data="nets.py:loader", objective="nets.py:norm", epochs=9,
        beta="released",
    )  # fmt: skip
    path = run(cfg, nets / "a.safetensors")
    first, *_, last = map(json.loads, (nets / "a.metrics.jsonl").read_text().splitlines())
    assert {first[name] for name in ("train_accuracy", "test_loss", "test_accuracy")} == {None}
    assert last["train_loss"] < first["train_loss"]
    sidecar = read_sidecar(path)
    assert (sidecar.loss, sidecar.metrics.train_accuracy) == ("nets.py:norm", None)
    words = ["trace", str(path), "--model", "nets.py:line", "--data", "nets.py:loader", "-q"]
    refused = CliRunner().invoke(cli, words)
    assert "--objective 'nets.py:norm'" in str(refused.exception)
    assert CliRunner().invoke(cli, [*words, "--objective", "nets.py:norm"]).exit_code == 0


def test_one_batch_of_a_graph_is_trained_on(config, run, nets):
    settings = {"data": "nets.py:graph", "objective": "nets.py:of_edges", "beta": "released"}
    cfg = config(model="nets.py:line", **settings, epochs=9)
    forecast_training(cfg, device=CPU, data_dir=None)
    run(cfg, nets / "a.safetensors")
    first, *_, last = map(json.loads, (nets / "a.metrics.jsonl").read_text().splitlines())
    assert last["train_loss"] < first["train_loss"]


def test_the_command_trains_a_users_network_and_forecasts_it(nets):
    words = "train --model nets.py:jelly --data nets.py:split --loss cross-entropy --init ikun_v2"
    words += " --epochs 1 --batch-size 20 -o a.safetensors"
    before = sorted(nets.iterdir())
    forecast = CliRunner().invoke(cli, [*words.split(), "--dry-run"], catch_exceptions=False)
    assert [p for p in sorted(nets.iterdir()) if p.name != "__pycache__"] == before
    assert "1 epochs of 3 steps" in forecast.output
    assert "60 examples of nets.py:split" in forecast.output
    done = CliRunner().invoke(cli, words.split(), catch_exceptions=False)
    assert "layers.0.weight: std" in done.stderr
    assert "test loss" in done.stderr
    assert done.stdout == "a.safetensors\n"


def test_the_published_protocol_is_held_to():
    done = CliRunner().invoke(cli, ["train", "--protocol", "published", "--channels", "8"])
    assert done.exit_code == 2
    assert "channels: 128 -> 8" in " ".join(done.output.split())


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"model": "nets.py:jely"}, "Did you mean 'jelly'"),
        ({"loss": "nets.py:nom"}, "Did you mean 'norm'"),
        ({"data": "fashion-mnist-embedded"}, "layers"),
        ({"batch_size": 61}, "batch_size must be at most 60"),
        ({"leave": "nothing"}, "no parameter matches leave 'nothing'"),
    ],
)
def test_what_does_not_fit_is_refused(config, run, nets, settings, message):
    with pytest.raises(ValueError, match=message):
        run(config(**settings), nets / "a.safetensors")
