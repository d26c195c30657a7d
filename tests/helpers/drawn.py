"""Examples that tests draw, as a data set; a network on some of them, as a checkpoint."""

import numpy as np
import torch
from torch import nn

from landscape.data.dataset import Dataset


def drawn(inputs, targets, num_classes=None):
    """A data set of ``inputs`` and ``targets``."""
    return Dataset(
        name="drawn",
        source="a generator",
        split="train",
        inputs=inputs,
        targets=targets,
        num_classes=num_classes,
        indices=np.arange(len(inputs)),
    )


def small_checkpoint(folder, num_examples, *, num_steps=0):
    """A small smooth network, trained for so many steps: its path, and the options that name it."""
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(num_examples, 3, generator=generator)
    y = (x[:, 0] + 0.3 * torch.randn(num_examples, generator=generator) > 0).long()
    np.savez(folder / "xy.npz", x=x.numpy(), y=y.numpy())
    torch.manual_seed(1)
    model = nn.Sequential(nn.Flatten(), nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2))
    optimizer = torch.optim.Adam(model.parameters(), lr=0.05)
    for _ in range(num_steps):
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(x), y).backward()
        optimizer.step()
    path = folder / "net.pth"
    torch.save(model.state_dict(), path)
    arguments = ["--model", "mlp?sizes=3-4-2&activation=tanh", "--data", folder / "xy.npz"]
    return path, [*arguments, "--loss", "cross-entropy"]
