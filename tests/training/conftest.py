from functools import partial

import numpy as np
import pytest
import torch

from landscape.data import open_dataset, select_examples
from landscape.training.config import TrainConfig
from landscape.training.loop import train


@pytest.fixture(scope="session")
def images(tmp_path_factory):
    """A file of 96 training and 40 test images of Fashion-MNIST."""
    arrays = {}
    for split, suffix, count in (("train", "", 96), ("test", "_test", 40)):
        whole = open_dataset("fashion-mnist-embedded", split=split)
        some = select_examples(whole, count, seed=0)
        arrays[f"x{suffix}"], arrays[f"y{suffix}"] = some.inputs.numpy(), some.targets.numpy()
    path = tmp_path_factory.mktemp("data") / "images.npz"
    np.savez(path, **arrays)
    return str(path)


@pytest.fixture
def config(images):
    """A training of a network with two channels: 3 epochs of 4 steps, on 90 images."""
    return partial(
        TrainConfig,
        data=images,
        images=90,
        channels=2,
        num_time_steps=2,
        epochs=3,
        batch_size=20,
        lr=0.01,
    )


@pytest.fixture
def run():
    """``train`` on the CPU, saying nothing."""
    return partial(
        train,
        device=torch.device("cpu"),
        data_dir=None,
        force=False,
        monitor=lambda report: None,
    )
