"""A step of a network by snnTorch, and snnTorch's own loss of membranes over time.

The network is called once a time step, four of them unless ``--time-steps`` says otherwise; its
neurons, which hide their state, are put to rest before every loss.

::

    landscape train --model snntorch_net.py:make --data fashion-mnist-embedded \
        --loss snntorch.functional:ce_max_membrane_loss -o snntorch_net.safetensors
    landscape analyze snntorch_net.safetensors --model snntorch_net.py:make \
        --loss snntorch.functional:ce_max_membrane_loss -o reports/snntorch_net
"""

import snntorch
from snntorch import surrogate
from torch import nn


def make() -> nn.Module:
    """Images of shape (N, 1, 28, 28) to spikes and membranes of shape (N, 10)."""
    spikes = surrogate.atan(alpha=2.0)
    return nn.Sequential(
        nn.Conv2d(1, 4, 5, stride=3),
        snntorch.Leaky(beta=0.9, spike_grad=spikes, init_hidden=True),
        nn.Flatten(),
        nn.Linear(4 * 8 * 8, 10),
        snntorch.Leaky(beta=0.9, spike_grad=spikes, init_hidden=True, output=True),
    )
