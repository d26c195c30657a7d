"""A small residual network with batch norm, from training to a flatness report.

Batch norm has its running statistics, as in ``eval()``; with ``--bn train`` those of each batch.

::

    landscape train --model resnet.py:make --data resnet.py:load --loss cross-entropy \
        -o resnet.safetensors
    landscape analyze resnet.safetensors --model resnet.py:make --data resnet.py:load \
        -o reports/resnet
"""

import torch
from torch import Tensor, nn

from landscape.data.fashion_mnist import load_embedded


class Block(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        c1, c2 = (nn.Conv2d(width, width, 3, padding=1, bias=False) for _ in range(2))
        self.body = nn.Sequential(c1, nn.BatchNorm2d(width), nn.ReLU(), c2, nn.BatchNorm2d(width))

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(x + self.body(x))


def make(width: int = 6) -> nn.Module:
    first = nn.Conv2d(1, width, 3, stride=2, padding=1, bias=False), nn.BatchNorm2d(width)
    block = nn.ReLU(), Block(width)
    last = nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Dropout(0.1), nn.Linear(4 * width, 10)
    return nn.Sequential(*first, *block, *last)


def load() -> tuple[Tensor, Tensor]:
    data = load_embedded("train")
    return nn.functional.avg_pool2d(data.inputs[:1000], 2), data.targets[:1000]
