"""A training on a device beside the CPU, interrupted and gone on with: the CPU's weights."""

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch.testing import assert_close

from landscape.training import loop
from landscape.training.config import TrainConfig


@pytest.fixture
def config(tmp_path, rng):
    data = {
        f"{name}{split}": value
        for split in ("", "_test")
        for name, value in (
            ("x", torch.rand(6, 1, 28, 28, generator=rng).numpy()),
            ("y", np.arange(6)),
        )
    }
    np.savez(tmp_path / "images.npz", **data)
    return TrainConfig(
        data=str(tmp_path / "images.npz"), images=6, channels=1, num_time_steps=2, epochs=2,
        batch_size=3, optimizer="sgd", lr=0.1, sam_rho=0.05, snapshots=2,
    )  # fmt: skip


def _after_an_epoch(report):
    if report.record is not None and report.epoch == 1:
        raise KeyboardInterrupt


@pytest.mark.filterwarnings("ignore:.*copying from a non-meta")  # PyTorch's, for its own meta
def test_an_interrupted_training_ends_in_the_cpus_weights(config, device, tmp_path, monkeypatch):
    # The fused sweep over the parameters is a kernel that the stand-in has not.
    monkeypatch.setattr(
        loop,
        "make_optimizer",
        lambda model, c: torch.optim.SGD(model.parameters(), c.lr, c.momentum),
    )

    def train(name, place, monitor=lambda report: None):
        out = tmp_path / f"{name}.safetensors"
        return loop.train(config, out, device=place, data_dir=None, force=False, monitor=monitor)

    with pytest.raises(KeyboardInterrupt):
        train("there", device, _after_an_epoch)
    here, there = train("here", torch.device("cpu")), train("there", device)
    assert_close(load_file(there), load_file(here))
