"""``python -m benchmarks.worst_case``: how far below a strong search the worst-case rise stays.

Small networks, smooth and spiking, trained on Fashion-MNIST averaged to 4 x 4 pixels. The strong
search is the package's own with 12 starts of 120 steps; no search proves a maximum.
"""

import time
from collections.abc import Callable
from itertools import product
from pathlib import Path

import click
import torch
from torch import nn
from torch.nn.functional import adaptive_avg_pool2d

from benchmarks.simulation import results_option, write_simulation
from landscape.analysis.budget import BUDGETS
from landscape.curvature.perturbation_worst import worst_rise
from landscape.curvature.scaling import relative_scale
from landscape.data import open_dataset
from landscape.data.dataset import cut
from landscape.objective.losses import BUILTIN_LOSSES
from landscape.objective.pair import Loss
from landscape.objective.risk import EmpiricalRisk
from landscape.snn.model import SpikingMLP

_KINDS: dict[str, Callable[[], nn.Module]] = {
    "tanh": lambda: nn.Sequential(nn.Linear(16, 7), nn.Tanh(), nn.Linear(7, 10)),
    "relu": lambda: nn.Sequential(nn.Linear(16, 7), nn.ReLU(), nn.Linear(7, 10)),
    "spiking": lambda: SpikingMLP((16, 7, 10)),
}
_EXAMPLES, _STEPS, _GAIN = 500, 400, 2.0  # the gain lets the spiking neurons fire at all
_STRONG = (12, 120)  # starts, steps


def trained(kind: str, seed: int) -> EmpiricalRisk:
    """A network of about 200 parameters on 500 images."""
    dataset = open_dataset("fashion-mnist-embedded", split="train", data_dir=None)
    x = adaptive_avg_pool2d(dataset.inputs[:_EXAMPLES].float(), 4).flatten(1)
    y = dataset.targets[:_EXAMPLES]
    name = "mse" if kind == "spiking" else "cross-entropy"
    loss = BUILTIN_LOSSES[name]
    torch.manual_seed(seed)
    model = _KINDS[kind]()
    if kind == "spiking":
        with torch.no_grad():
            for weights in model.parameters():
                weights.mul_(_GAIN)
    optimizer = torch.optim.Adam(model.parameters(), 1e-2)
    for _ in range(_STEPS):
        optimizer.zero_grad()
        torch.autograd.backward(loss(model(x), y).mean())
        optimizer.step()
    return EmpiricalRisk(model.eval(), Loss(name, loss), cut(x, y, _EXAMPLES))


@click.command()
@click.option("--seeds", default=2, show_default=True, help="Networks of each kind.")
@click.option("--radii", default="0.003,0.01", show_default=True)
@results_option("worst_case.json")
def main(seeds: int, radii: str, json_file: Path) -> None:
    """Shares by which the searches of the budgets stay below the strong one."""
    torch.set_num_threads(1)
    start, rows = time.process_time(), []
    tell: Callable[[str], None] = click.echo
    tell(f"network  seed scale  radius   strong  below it: {', '.join(BUDGETS)}")
    for kind, seed in product(_KINDS, range(seeds)):
        risk = trained(kind, seed)
        for scale, radius in product(("none", "filter"), map(float, radii.split(","))):
            S = relative_scale(scale, risk.layout, risk.theta)

            def search(num_restarts: int, num_steps: int, radius: float = radius) -> float:
                return worst_rise(
                    risk,  # noqa: B023  # called within this round
                    S,  # noqa: B023
                    radius,
                    num_restarts=num_restarts,
                    num_steps=num_steps,
                    rng=torch.Generator().manual_seed(0),
                ).rise.mean

            by_budget = {
                name: search(budget.sharpness.num_restarts, budget.sharpness.num_steps)
                for name, budget in BUDGETS.items()
            }
            strong = max(search(*_STRONG), *by_budget.values())
            below = {name: 1 - rise / strong for name, rise in by_budget.items()}
            row = {"network": kind, "seed": seed, "scale": scale, "radius": radius}
            rows.append({**row, "strong": strong, "below": below})
            told = "  ".join(f"{share:5.1%}" for share in below.values())
            tell(f"{kind:8} {seed:4} {scale:6} {radius:6g} {strong:8.2e}  {told}")
    write_simulation(
        json_file,
        f"python -m benchmarks.worst_case --seeds {seeds} --radii {radii}",
        cpu_seconds=round(time.process_time() - start),
        rows=rows,
    )


if __name__ == "__main__":
    main()
