import json
import os
import shutil
import signal
import warnings

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from landscape.files import OutputError, exclusive_lock
from landscape.probe.probe import Probe
from landscape.training.config import TrainConfig
from landscape.training.epoch import DivergenceError

VARIANTS = {
    "adam": {},
    "sgd": {"optimizer": "sgd", "lr": 0.1},
    "sam": {"optimizer": "sgd", "lr": 0.1, "sam_rho": 0.05},
}


def assert_same_weights(a, b):
    x, y = load_file(a), load_file(b)
    assert x.keys() == y.keys()
    for name in x:
        assert torch.equal(x[name], y[name]), name


def interrupt_after(epoch):
    def monitor(report):
        if report.epoch == epoch and report.record is not None:
            raise KeyboardInterrupt

    return monitor


@pytest.mark.parametrize("settings", VARIANTS.values(), ids=VARIANTS)
@pytest.mark.parametrize("epoch", [1, 2, 3])
def test_an_interrupted_training_ends_in_the_same_weights(config, run, tmp_path, settings, epoch):
    cfg = config(**settings, snapshots=2)
    whole = run(cfg, tmp_path / "whole.safetensors")
    parts = tmp_path / "parts.safetensors"
    with pytest.raises(KeyboardInterrupt):
        run(cfg, parts, monitor=interrupt_after(epoch))
    epochs = []
    run(cfg, parts, monitor=lambda report: epochs.append(report.epoch))
    assert min(epochs, default=4) == epoch + 1
    assert_same_weights(whole, parts)
    assert len((tmp_path / "parts.metrics.jsonl").read_text().splitlines()) == 3
    assert not (tmp_path / "parts.resume").exists()


def killed_within(epoch, run, cfg, path):
    """Train in a fork that kills itself after a step of ``epoch``; how it ended."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # torch's threads do no work here
        child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    step, steps = torch.optim.Adam.step, []

    def deadly(self, *arguments, **settings):
        steps.append(step(self, *arguments, **settings))
        if len(steps) == 4 * (epoch - 1) + 2:  # of 4 steps each
            os.kill(os.getpid(), signal.SIGKILL)

    torch.optim.Adam.step = deadly
    try:
        run(cfg, path)
    finally:
        os._exit(1)


def test_a_killed_training_ends_in_the_same_weights(config, run, tmp_path):
    cfg = config(channels=1, epochs=6)
    path = tmp_path / "killed.safetensors"
    assert killed_within(4, run, cfg, path) == -signal.SIGKILL
    assert (tmp_path / "killed.resume").exists()

    epochs = []
    run(cfg, path, monitor=lambda report: epochs.append(report.epoch))
    assert 2 <= epochs[0] <= 4  # not from the start
    assert_same_weights(path, run(cfg, tmp_path / "whole.safetensors"))


def test_a_finished_training_is_not_repeated(config, run, tmp_path):
    path = run(config(), tmp_path / "a.safetensors")
    os.utime(path, ns=(0, 0))
    run(config(), path, monitor=interrupt_after(1))
    assert path.stat().st_mtime_ns == 0


def test_another_configuration_is_refused_and_forced(config, run, tmp_path):
    path = tmp_path / "a.safetensors"
    with pytest.raises(KeyboardInterrupt):
        run(config(snapshots=2), path, monitor=interrupt_after(1))
    message = r"a.resume is of another configuration \(lr: 0.01 -> 0.02; .*--force"
    with pytest.raises(ValueError, match=message):
        run(config(lr=0.02), path)
    run(config(lr=0.02), path, force=True)
    assert not (tmp_path / "a.snapshots").exists()
    with pytest.raises(ValueError, match=r"a.safetensors is of another configuration \(lr"):
        run(config(), path)
    assert_same_weights(path, run(config(lr=0.02), tmp_path / "b.safetensors"))


def test_other_data_are_refused(config, run, tmp_path, images):
    copy = tmp_path / "images.npz"
    shutil.copy(images, copy)
    path = tmp_path / "a.safetensors"
    with pytest.raises(KeyboardInterrupt):
        run(config(data=str(copy)), path, monitor=interrupt_after(1))
    with np.load(images) as file:
        arrays = dict(file)
    np.savez(copy, **{**arrays, "x": arrays["x"][::-1]})
    with pytest.raises(ValueError, match=r"was begun on other data"):
        run(config(data=str(copy)), path)


def test_a_foreign_checkpoint_is_not_overwritten(config, run, tmp_path):
    path = tmp_path / "a.safetensors"
    save_file({"weight": torch.zeros(1)}, path)
    with pytest.raises(ValueError, match=r"a.safetensors exists and no training left it so"):
        run(config(), path)
    assert load_file(path).keys() == {"weight"}


def test_without_its_resume_state_half_a_training_is_refused(config, run, tmp_path):
    path = tmp_path / "a.safetensors"
    with pytest.raises(KeyboardInterrupt):
        run(config(), path, monitor=interrupt_after(2))
    (tmp_path / "a.resume").unlink()
    with pytest.raises(ValueError, match=r"is of epoch 2 of 3, and a.resume, .* is gone"):
        run(config(), path)


def test_a_damaged_resume_state_is_named(config, run, tmp_path):
    (tmp_path / "a.resume").write_bytes(b"not this")
    with pytest.raises(ValueError, match=r"a.resume is not a training's resume state"):
        run(config(), tmp_path / "a.safetensors")


def test_divergence_keeps_the_last_good_epoch(config, run, tmp_path, monkeypatch):
    path = tmp_path / "a.safetensors"
    real = TrainConfig.learning_rate_at
    monkeypatch.setattr(
        TrainConfig, "learning_rate_at", lambda self, e: real(self, e) if e < 3 else 1e38
    )
    message = r"diverged in epoch 3: .* not a finite number.* last good weights are in .*a.safe"
    with pytest.raises(DivergenceError, match=message):
        run(config(optimizer="sgd"), path)
    assert all(torch.isfinite(tensor).all() for tensor in load_file(path).values())
    assert len((tmp_path / "a.metrics.jsonl").read_text().splitlines()) == 2
    monkeypatch.undo()
    run(config(optimizer="sgd"), path)
    assert_same_weights(path, run(config(optimizer="sgd"), tmp_path / "b.safetensors"))


def test_a_network_that_goes_astray_in_the_first_epoch_leaves_nothing(config, run, tmp_path):
    with pytest.raises(DivergenceError, match=r"diverged in epoch 1"):
        run(config(optimizer="sgd", lr=1e38), tmp_path / "a.safetensors")
    assert list(tmp_path.iterdir()) == []


def test_two_trainings_of_one_name_are_refused(config, run, tmp_path):
    with (
        exclusive_lock(tmp_path / ".a.lock"),
        pytest.raises(OutputError, match=r"in use by another run"),
    ):
        run(config(), tmp_path / "a.safetensors")


def probed(seen):
    """A probe of every step, whatever it takes, as ``--probe`` makes one."""

    def make(objective, source, path):
        probe = Probe(objective, source, ["lambda_max"], every=1, budget=1, path=path)

        def watch(model, step, optimizer):
            seen.append(probe(model, step, optimizer).step)

        return watch

    return make


def test_a_probe_leaves_the_weights_as_they_are_and_goes_on_with_its_file(config, run, tmp_path):
    cfg, seen = config(), []
    whole = run(cfg, tmp_path / "whole.safetensors")
    path = tmp_path / "probed.safetensors"
    with pytest.raises(KeyboardInterrupt):
        run(cfg, path, monitor=interrupt_after(2), watched=probed(seen))
    lines = tmp_path / "probed.probe.jsonl"
    with lines.open("a") as file:  # of a third epoch that was not saved
        file.write('{"step": 9, "loss": 0.5}\n')
    run(cfg, path, watched=probed(seen))
    assert_same_weights(whole, path)
    assert seen == list(range(1, 13))  # 3 epochs of 4 steps
    records = [json.loads(line) for line in lines.read_text().splitlines()]
    assert [r["step"] for r in records] == seen
    assert all(r["lambda_max"] > 0 and r["matrix"].startswith("formal") for r in records)
    run(cfg, path, force=True)
    assert not lines.exists()
