import pytest
import torch
from stand_in import stand_in_device
from torch import nn

from landscape.analysis.opening import make_target
from landscape.analysis.target_settings import TargetSettings
from landscape.data.choice import Choice
from landscape.data.choosing import source_of
from landscape.objective.losses import cross_entropy, mse
from landscape.objective.pair import Loss
from landscape.snn.model import CSNN, SpikingMLP


def _dense():
    return nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2))


def _convolutional():
    return nn.Sequential(
        nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.ReLU(), nn.Flatten(), nn.Linear(8, 2)
    )


NETWORKS = {  # each with the shape of an example
    "dense": (_dense, (3,)),
    "convolutional": (_convolutional, (1, 4, 4)),
    "spiking": (lambda: SpikingMLP((3, 4, 2), 2), (3,)),
    "csnn": (lambda: CSNN(1, 2, image_size=4), (1, 4, 4)),
}


@pytest.fixture
def device():
    """A device beside the CPU, usable throughout the test."""
    with stand_in_device() as found:
        yield found


@pytest.fixture
def on_both(device):
    """The same network and examples twice: on the CPU and on the device, in float64."""

    def make(kind, seed=0, **settings):
        build, shape = NETWORKS[kind]
        torch.manual_seed(seed)
        model = build().double()
        data = torch.Generator().manual_seed(1)
        x = 2 * torch.randn(7, *shape, generator=data, dtype=torch.float64)
        y = torch.randint(0, 2, (7,), generator=data)
        loss = Loss("mse", mse) if "s" in kind[:2] else Loss("ce", cross_entropy)
        return [
            make_target(
                model,
                loss,
                source_of((x, y), Choice(split="train", examples="all", seed=0)),
                TargetSettings(batch_size=4, device=name, **{"dtype": "float64"} | settings),
                label="net",
            )
            for name in ("cpu", str(device))
        ]

    return make
