"""A small network on a table of numbers, from training to a flatness report.

The table is an ``.npz`` file of ``x``, one row an example, and ``y``, here a number to regress on.

::

    python tabular.py
    landscape analyze tabular.pth --model tabular.py:make \
        --data tabular.npz --loss mse -o reports/tabular
"""

import numpy as np
import torch
from torch import nn


def make() -> nn.Module:
    """What ``--model tabular.py:make`` calls; rows of 6 columns, shape (N, 6)."""
    return nn.Sequential(nn.Linear(6, 16), nn.Tanh(), nn.Linear(16, 8), nn.Tanh(), nn.Linear(8, 1))


def main() -> None:
    """Train for a few passes over a made-up table of 300 rows, and save weights and data."""
    torch.manual_seed(0)
    x = torch.randn(300, 6)
    y = (torch.sin(x[:, 0]) + x[:, 1] * x[:, 2] + 0.1 * torch.randn(300))[:, None]
    net = make()
    optimiser = torch.optim.Adam(net.parameters(), lr=1e-2)
    for _ in range(200):
        loss = nn.functional.mse_loss(net(x), y)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    torch.save(net.state_dict(), "tabular.pth")
    np.savez("tabular.npz", x=x, y=y)


if __name__ == "__main__":
    main()
