"""Event frames (N, T, 2, H, W), and a network by SpikingJelly that takes time first.

That time is to be moved from the second axis to the first is found out by trying, and noted.

::

    landscape train --model event_frames.py:make --data event_frames.py:load --readout rate \
        -o event_frames.safetensors
    landscape analyze event_frames.safetensors --model event_frames.py:make \
        --data event_frames.py:load -o reports/event_frames
"""

import torch
from spikingjelly.activation_based import functional, layer, neuron, surrogate
from torch import Tensor, nn

STEPS, SIDE = 4, 8


def load() -> tuple[Tensor, Tensor]:
    """Bars that move right or left: events where one comes, in the other channel where it goes."""
    torch.manual_seed(0)
    y, start = torch.randint(2, (1000,)), torch.randint(SIDE, (1000, 1))
    place = (start + (2 * y[:, None] - 1) * torch.arange(STEPS + 1)) % SIDE  # (N, T + 1)
    bars = nn.functional.one_hot(place, SIDE)[:, :, None].expand(-1, -1, SIDE, -1)
    return torch.stack([bars[:, 1:], bars[:, :-1]], dim=2).float(), y


def make() -> nn.Module:
    net = nn.Sequential(
        layer.Conv2d(2, 8, 3, bias=False),
        layer.BatchNorm2d(8),
        neuron.IFNode(surrogate_function=surrogate.ATan()),
        layer.Flatten(),
        layer.Linear(8 * 6 * 6, 2, bias=False),
        neuron.IFNode(surrogate_function=surrogate.ATan()),
    )
    functional.set_step_mode(net, "m")
    return net
