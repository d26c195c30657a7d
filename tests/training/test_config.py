import itertools
import json

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from landscape.training.config import TrainConfig, differences


def test_defaults_are_the_published_protocol():
    config = TrainConfig()
    assert (config.init, config.optimizer, config.learning_rate) == ("ikun_v1", "adam", 1e-3)
    assert (config.channels, config.num_time_steps, config.epochs) == (128, 4, 64)
    assert (config.images, config.data_seed, config.batch_size) == (20_000, 42, 128)
    assert config.drop_last
    assert config.weight_decay == config.sam_rho == 0
    sgd = TrainConfig(optimizer="sgd")
    assert (sgd.learning_rate, sgd.momentum) == (0.1, 0.9)


@pytest.mark.parametrize("epochs", [1, 2, 7, 64])
def test_learning_rate_is_cosine_annealing_per_epoch(epochs):
    lr = 0.1
    optimizer = torch.optim.SGD([torch.zeros(1)], lr)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, epochs)
    config = TrainConfig(epochs=epochs, lr=lr)
    for epoch in range(1, epochs + 1):
        # torch works by recursion: an error of eps a step.
        assert config.learning_rate_at(epoch) == pytest.approx(
            schedule.get_last_lr()[0], rel=0, abs=2e-14 * lr * epochs
        )
        optimizer.step()
        schedule.step()


@given(data=st.data(), epochs=st.integers(1, 300))
def test_snapshots_are_spread_evenly_from_start_to_end(data, epochs):
    count = data.draw(st.integers(2, epochs + 1))
    chosen = TrainConfig(epochs=epochs, snapshots=count).snapshot_epochs
    assert len(chosen) == count
    assert (chosen[0], chosen[-1]) == (0, epochs)
    gaps = {b - a for a, b in itertools.pairwise(chosen)}
    assert min(gaps) >= 1
    assert max(gaps) - min(gaps) <= 1


def test_no_snapshots_by_default():
    assert TrainConfig().snapshot_epochs == ()


def test_settings_survive_json():
    config = TrainConfig(optimizer="sgd", sam_rho=0.05, images=None, gain=0.3, snapshots=5)
    assert TrainConfig.from_dict(json.loads(json.dumps(config.to_dict()))) == config
    with pytest.raises(ValueError, match=r"unknown settings of training: depth"):
        TrainConfig.from_dict({"depth": 3})


def test_differences_are_named():
    a, b = TrainConfig(), TrainConfig(lr=0.01, epochs=3)
    assert differences(a, a) == ""
    assert differences(a, b) == "lr: None -> 0.01; epochs: 64 -> 3"


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"optimizer": "adamw"}, "optimizer must be one of adam, sgd; got 'adamw'"),
        ({"beta": "true"}, "beta must be released or surrogate; got 'true'"),
        ({"channels": 0}, "channels must be at least 1; got 0"),
        ({"seed": -1}, "seed must be 0 or more; got -1"),
        ({"gain": float("nan")}, "gain must be a positive number; got nan"),
        ({"lr": 0.0}, "learning_rate must be a positive number; got 0.0"),
        ({"sam_rho": -0.1}, "sam_rho must be 0 or more; got -0.1"),
        ({"momentum": 1.0}, r"momentum must be in \[0, 1\); got 1.0"),
        ({"images": 0}, "images must be at least 1; got 0"),
        ({"snapshots": 1}, r"snapshots must be 0, or from 2 to epochs \+ 1 = 65; got 1"),
        ({"snapshots": 5, "epochs": 3}, r"snapshots must be 0, or from 2 to .* = 4; got 5"),
    ],
)
def test_bad_settings_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        TrainConfig(**settings)
