"""A spiking network written with snnTorch, from training to a flatness report.

Its leaky neurons hide their state and sit one level down, where ``snntorch.utils.reset`` does not
reach; the analysis puts them to rest before every loss all the same.

::

    python snntorch_net.py
    landscape analyze snntorch_net.pth --model snntorch_net.py:make \
        --data snntorch_net.npz --loss cross-entropy --budget quick -o reports/snntorch_net
"""

import numpy as np
import snntorch
import torch
from snntorch import surrogate
from torch import Tensor, nn

from landscape.data.fashion_mnist import load_embedded

NUM_TIME_STEPS = 5


class SpikingNet(nn.Module):
    """Two fully connected layers; the output is the last layer's membrane, mean over time."""

    def __init__(self) -> None:
        super().__init__()
        spikes = surrogate.atan(alpha=2.0)
        self.hidden = nn.Sequential(
            nn.Flatten(),
            nn.Linear(196, 16),
            snntorch.Leaky(beta=0.9, spike_grad=spikes, init_hidden=True),
        )
        self.readout = nn.Linear(16, 10)
        self.last = snntorch.Leaky(beta=0.9, spike_grad=spikes, init_hidden=True, output=True)

    def forward(self, images: Tensor) -> Tensor:
        """Images of shape (N, 1, 14, 14) to logits of shape (N, 10)."""
        membranes = []
        for _ in range(NUM_TIME_STEPS):
            _, membrane = self.last(self.readout(self.hidden(images)))
            membranes.append(membrane)
        return torch.stack(membranes).mean(0)

    def rest(self) -> None:
        """Put the neurons to rest."""
        for module in self.modules():
            if isinstance(module, snntorch.Leaky):
                module.reset_mem()


def make() -> nn.Module:
    """What ``--model snntorch_net.py:make`` calls; weights come from the checkpoint."""
    return SpikingNet()


def main() -> None:
    """Train for a few passes over 1,000 small images, and save weights and data."""
    data = load_embedded("train")
    x, y = nn.functional.avg_pool2d(data.inputs[:1000], 2), data.targets[:1000]
    torch.manual_seed(0)
    net = SpikingNet()
    optimiser = torch.optim.Adam(net.parameters(), lr=5e-3)
    for _ in range(3):
        for part in torch.randperm(len(x)).split(100):
            net.rest()
            loss = nn.functional.cross_entropy(net(x[part]), y[part])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
    torch.save({"model_state_dict": net.state_dict(), "epoch": 3}, "snntorch_net.pth")
    np.savez("snntorch_net.npz", x=x, y=y)


if __name__ == "__main__":
    main()
