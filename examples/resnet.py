"""A small residual network with batch norm, from training to a flatness report.

Batch norm runs on its running statistics, as in ``eval()``; ``--bn train`` takes those of each
batch instead, and the report says which.

::

    python resnet.py
    landscape analyze resnet.pth --model resnet.py:make?width=6 \
        --data resnet.npz --loss cross-entropy -o reports/resnet
"""

import numpy as np
import torch
from torch import Tensor, nn

from landscape.data.fashion_mnist import load_embedded


class Block(nn.Module):
    """Two convolutions around which the input is passed on."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(width, width, 3, padding=1, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(),
            nn.Conv2d(width, width, 3, padding=1, bias=False),
            nn.BatchNorm2d(width),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Shape (N, width, H, W) in and out."""
        return torch.relu(x + self.body(x))


def make(width: int = 6) -> nn.Module:
    """What ``--model resnet.py:make?width=6`` calls; images of shape (N, 1, 14, 14)."""
    return nn.Sequential(
        nn.Conv2d(1, width, 3, stride=2, padding=1, bias=False),
        nn.BatchNorm2d(width),
        nn.ReLU(),
        Block(width),
        nn.AdaptiveAvgPool2d(2),
        nn.Flatten(),
        nn.Dropout(0.1),
        nn.Linear(4 * width, 10),
    )


def main() -> None:
    """Train for a few passes over 1,000 small images, and save weights and data."""
    data = load_embedded("train")
    x, y = nn.functional.avg_pool2d(data.inputs[:1000], 2), data.targets[:1000]
    torch.manual_seed(0)
    net = make()
    optimiser = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)
    for _ in range(5):
        for part in torch.randperm(len(x)).split(100):
            loss = nn.functional.cross_entropy(net(x[part]), y[part])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
    # As DistributedDataParallel saves it: the prefix is taken off when the file is read.
    torch.save({f"module.{name}": t for name, t in net.state_dict().items()}, "resnet.pth")
    np.savez("resnet.npz", x=x, y=y)


if __name__ == "__main__":
    main()
