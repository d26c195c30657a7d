"""A spiking network written with SpikingJelly, from training to a flatness report.

The network is SpikingJelly's own: nothing in it knows of this package. Its neurons keep their
state between calls; the analysis puts them to rest before every loss.

::

    python spikingjelly_net.py
    landscape analyze spikingjelly_net.pth --model spikingjelly_net.py:make \
        --data spikingjelly_net.npz --loss mse --budget quick -o reports/spikingjelly_net
"""

import numpy as np
import torch
from spikingjelly.activation_based import functional, layer, neuron, surrogate
from torch import Tensor, nn

from landscape.data.fashion_mnist import load_embedded

NUM_TIME_STEPS = 4


class SpikingNet(nn.Module):
    """Convolution, pooling, classifier; the output is the mean firing rate."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            layer.Conv2d(1, 4, 3, stride=2, bias=False),
            layer.BatchNorm2d(4),
            neuron.IFNode(surrogate_function=surrogate.ATan()),
            layer.Flatten(),
            layer.Linear(4 * 6 * 6, 10, bias=False),
            neuron.LIFNode(surrogate_function=surrogate.ATan()),
        )
        functional.set_step_mode(self, "m")

    def forward(self, images: Tensor) -> Tensor:
        """Images of shape (N, 1, 14, 14) to firing rates of shape (N, 10)."""
        rates: Tensor = self.layers(images.expand(NUM_TIME_STEPS, *images.shape)).mean(0)
        return rates


def make() -> nn.Module:
    """What ``--model spikingjelly_net.py:make`` calls; weights come from the checkpoint."""
    return SpikingNet()


def main() -> None:
    """Train for a few passes over 1,000 small images, and save weights and data."""
    data = load_embedded("train")
    x, y = nn.functional.avg_pool2d(data.inputs[:1000], 2), data.targets[:1000]
    torch.manual_seed(0)
    net = make()
    optimiser = torch.optim.Adam(net.parameters(), lr=1e-2)
    for _ in range(3):
        for part in torch.randperm(len(x)).split(100):
            functional.reset_net(net)
            wanted = nn.functional.one_hot(y[part], 10).float()
            loss = nn.functional.mse_loss(net(x[part]), wanted)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
    torch.save(net.state_dict(), "spikingjelly_net.pth")
    np.savez("spikingjelly_net.npz", x=x, y=y)


if __name__ == "__main__":
    main()
