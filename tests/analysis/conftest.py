import pytest
import torch
from small_surfaces import SETTINGS, drawn_data, filled
from torch import nn

from landscape.analysis.opening import make_target
from landscape.objective.losses import cross_entropy, mse
from landscape.objective.pair import Loss


@pytest.fixture
def linear():
    """A linear map with squared error: its loss is a quadratic function of the weights."""
    targets = torch.randn(12, 2, generator=torch.Generator().manual_seed(8))
    model = filled(nn.Linear(3, 2, bias=False))
    return make_target(model, Loss("mse", mse), drawn_data(targets), SETTINGS, label="linear")


@pytest.fixture
def classes():
    return torch.arange(12) % 3


@pytest.fixture
def normed_net():
    return filled(
        nn.Sequential(
            nn.Conv1d(1, 4, 2), nn.BatchNorm1d(4), nn.ReLU(), nn.Flatten(), nn.Linear(8, 3)
        )
    )


@pytest.fixture
def normed(normed_net, classes):
    data = drawn_data(classes, (12, 1, 3))
    return make_target(normed_net, Loss("ce", cross_entropy), data, SETTINGS, label="normed")
