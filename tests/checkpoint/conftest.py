import dataclasses
import zipfile

import pytest
import torch
from torch import nn

from landscape.checkpoint.errors import CheckpointError
from landscape.checkpoint.sidecar import DataSpec, Metrics, Sidecar, TrainingSpec


@pytest.fixture
def net(rng):
    """A small network with batch norm: float and integer tensors, some of them 0-d."""
    model = nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2))
    with torch.no_grad():
        for p in model.parameters():
            p.copy_(torch.randn(p.shape, generator=rng))
    return model


@pytest.fixture
def sidecar():
    return Sidecar(
        model="mlp?sizes=3-2",
        loss="cross-entropy",
        data=DataSpec(name="fashion-mnist", source="embedded subset", num_examples=100, seed=42),
        training=TrainingSpec(
            init="ikun_v1",
            optimizer="adam",
            learning_rate=1e-3,
            batch_size=16,
            seed=0,
            epoch=3,
            epochs=4,
        ),
        metrics=Metrics(train_loss=0.25, test_accuracy=0.875),
        config={"nested": {"list": [1, 2.5, None, "é"]}},
        versions={"torch": "2.13.0"},
    )


@pytest.fixture
def refused():
    """Expect the one error: few lines of printable text, in whole sentences."""

    def check(call, *fragments):
        with pytest.raises(CheckpointError) as caught:
            call()
        message = str(caught.value)
        for fragment in fragments:
            assert fragment in message
        assert message.replace("\n", "").isprintable()
        assert message.endswith((".", "?"))
        return message

    return check


@pytest.fixture
def same():
    """Compare named tensors exactly, dtypes included."""

    def check(state, expected):
        assert list(state) == list(expected) or set(state) == set(expected)
        for name, tensor in expected.items():
            torch.testing.assert_close(state[name], tensor.detach(), rtol=0, atol=0)

    return check


@pytest.fixture
def rezip():
    """Write a torch.save archive again with other entries: ``edit(name, data)`` -> data or None."""

    def write(source, target, edit, compression=zipfile.ZIP_STORED, extra=()):
        with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w", compression) as new:
            for info in old.infolist():
                data = edit(info.filename, old.read(info))
                if data is not None:
                    new.writestr(info.filename, data)
            for name, data in extra:
                new.writestr(name, data)

    return write


@pytest.fixture
def replace():
    return dataclasses.replace
