"""The edge of stability, drawn by a probe.

Gradient descent in full batches sharpens its network until λ_max reaches 2 / lr, and then stays
there (Cohen et al. 2021, arXiv 2103.00065). Where the learning rate is halved the edge is twice as
high, and sharpness rises to that one::

    python examples/live/edge_of_stability.py edge.png
"""

import sys
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import nn

import landscape
from landscape.page.style import PAGE_WIDTH, figure_style, new_figure, save_figure
from landscape.plotting import plot_probe

STEPS, RATES = 4000, (0.5, 0.25)  # the second from the middle on


def main(figure_file: Path | None, num_steps: int = STEPS) -> None:
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Linear(6, 16), nn.Tanh(), nn.Linear(16, 16), nn.Tanh(), nn.Linear(16, 2)
    )
    x = torch.randn(300, 6)
    y = torch.sin(2 * x[:, :2]) + 0.3 * torch.randn(300, 2)  # more noise than it can fit
    optimizer = torch.optim.SGD(model.parameters(), lr=RATES[0])
    probe = landscape.Probe("mse", (x, y), every=50, budget=1, examples="all", path=None)
    for step in range(num_steps):
        optimizer.param_groups[0]["lr"] = RATES[step >= num_steps // 2]
        optimizer.zero_grad()
        F.mse_loss(model(x), y).backward()
        optimizer.step()
        if values := probe(model, step, optimizer):
            ratio = values.lambda_max.value / values.edge
            if step % 500 == 0:
                print(f"step {step}: loss {values.loss:.4f}, λ_max {ratio:.2f} of its edge")
    if figure_file is not None:
        draw(probe.curves(), figure_file)


def draw(curves, path: Path) -> None:
    with figure_style():
        figure = new_figure(PAGE_WIDTH, 2.6)
        sharpness, loss = figure.subplots(1, 2)
        plot_probe([curves], sharpness)
        plot_probe([curves], loss, measure="loss")
        save_figure(figure, path.with_suffix(""), formats=["png"])


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else None)
