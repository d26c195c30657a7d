"""Networks of a few parameters, with one output and with two."""

import torch
import torch.nn.functional as F
from torch import nn


def mlp():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2)).double()


class TwoHeads(nn.Module):
    """A network that returns two predictions, as spikes and membranes, or classes and boxes."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(1)
        self.trunk, self.first, self.second = nn.Linear(3, 4), nn.Linear(4, 2), nn.Linear(4, 1)
        self.double()

    def forward(self, x):
        h = torch.tanh(self.trunk(x))
        return self.first(h), self.second(h)


def of_both(outputs, targets):
    return F.cross_entropy(outputs[0], targets) + outputs[1].square().mean()
