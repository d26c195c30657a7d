"""``python -m benchmarks.population``: how often intervals over examples hold, and their lengths.

A pool of images with a smooth and a spiking network of 118 parameters stands for the population:
its Hessian is known. Samples are drawn from it with replacement, and each is analysed as any other
data are, in float32 by Lanczos. Beside the intervals found so stand those of dense float64 matrices
and all their eigenvectors, by formulas that are written down once more here.
"""

import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import click
import numpy as np
import torch
from numpy.typing import NDArray
from scipy.stats import t as student
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from benchmarks.record import RESULTS, describe_machine
from landscape.analysis.spectrum.population import Stated, of_largest, of_norm, of_trace, split_of
from landscape.analysis.spectrum.run import run_spectrum
from landscape.analysis.spectrum.settings import SpectrumSettings
from landscape.curvature.operators import make_grouped_operator
from landscape.data.choice import Choice
from landscape.data.choosing import open_source
from landscape.objective.pair import loss_of
from landscape.objective.risk import EmpiricalRisk
from landscape.statistics.population import NUM_GROUPS
from landscape.values import Population

_HIDDEN, _INPUTS, _CLASSES, _STEPS = 4, 16, 10, 6
_SIZES = (_INPUTS * _HIDDEN, _HIDDEN, _HIDDEN * _CLASSES, _CLASSES)
_SETTINGS = SpectrumSettings(
    num_largest=10, num_smallest=0, num_probes=2, num_steps=4, tol=1e-3, max_matvecs=400
)
Array = NDArray[np.float64]


def logits(theta: Tensor, x: Tensor, *, spiking: bool) -> Tensor:
    """Of two layers, for θ of each example, shape (B, P), and inputs (B, 16).

    Hidden units are tanh, or integrate-and-fire neurons over six steps with an arctangent as their
    surrogate: each derivative of a spike is that of the surrogate, the second one too.
    """
    w1, b1, w2, b2 = theta.split(_SIZES, dim=1)
    drive = torch.einsum("bhi,bi->bh", w1.view(len(x), _HIDDEN, _INPUTS), x) + b1
    hidden = _spikes(drive) if spiking else torch.tanh(drive)
    return torch.einsum("bch,bh->bc", w2.view(len(x), _CLASSES, _HIDDEN), hidden) + b2


def _spikes(drive: Tensor) -> Tensor:
    membrane, total = torch.zeros_like(drive), torch.zeros_like(drive)
    for _ in range(_STEPS):
        membrane = 0.8 * membrane + drive
        smooth = torch.atan(5 * (membrane - 1)) / torch.pi + 0.5
        spike = smooth + ((membrane > 1).to(smooth) - smooth).detach()
        membrane, total = membrane - spike, total + spike / _STEPS
    return total


class Network(nn.Module):
    """The network that users have: one θ for all examples."""

    def __init__(self, theta: Tensor, *, spiking: bool) -> None:
        super().__init__()
        self.theta, self.spiking = nn.Parameter(theta), spiking

    def forward(self, x: Tensor) -> Tensor:
        return logits(self.theta.expand(len(x), -1).contiguous(), x, spiking=self.spiking)


def images(count: int) -> tuple[Tensor, Tensor]:
    """Fashion-MNIST in 16 blocks of 49 pixels, standardised, float32, and the classes."""
    drawn = open_source("fashion-mnist", Choice(split="train", examples=count, seed=0))
    inputs, targets = drawn.head(count, torch.float32, torch.device("cpu"))
    blocks = nn.functional.avg_pool2d(inputs, 7).flatten(1)
    return (blocks - blocks.mean(0)) / blocks.std(0), targets


def trained(x: Tensor, y: Tensor, *, spiking: bool) -> Network:
    """After 1,500 steps of Adam."""
    torch.manual_seed(0)
    parts = [torch.randn(n) * s for n, s in zip(_SIZES, (0.35, 0, 0.5, 0), strict=True)]
    network = Network(torch.cat(parts), spiking=spiking)
    optimizer = torch.optim.Adam(network.parameters(), lr=0.02)
    schedule = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.0, 1_500)
    for _ in range(1_500):
        batch = torch.randint(len(x), (256,))
        optimizer.zero_grad()
        cross_entropy(network(x[batch]), y[batch]).backward()
        optimizer.step()
        schedule.step()
    return network


def example_hessians(network: Network, x: Tensor, y: Tensor) -> Array:
    """The (formal) Hessian of each example's loss, shape (N, P, P)."""
    found = []
    for inputs, targets in zip(x.double().split(500), y.split(500), strict=True):
        theta = network.theta.detach().double().expand(len(inputs), -1).clone().requires_grad_()
        loss = cross_entropy(
            logits(theta, inputs, spiking=network.spiking), targets, reduction="sum"
        )
        (gradient,) = torch.autograd.grad(loss, theta, create_graph=True)
        rows = [
            torch.autograd.grad(gradient[:, p].sum(), theta, retain_graph=True)[0]
            for p in range(theta.shape[1])
        ]
        found.append(torch.stack(rows, dim=1).float())
    return torch.cat(found).numpy()


def dense_interval(groups: Array, k: int) -> tuple[float, float]:
    """For the sum of the k largest, from the groups' dense matrices, shape (K, P, P).

    All eigenvectors are known here; beyond the five after the k largest, eigenvalues count as 0.
    """
    values, vectors = np.linalg.eigh(groups.mean(0))
    order = np.argsort(-values)
    values, vectors = values[order], vectors[:, order]
    elements = np.einsum("aj,gab,bi->gji", vectors, groups, vectors[:, :k], optimize=True)
    variances = elements.var(0, ddof=1) / len(groups)
    beyond = np.where(np.arange(len(values)) < k + 5, values, 0.0)
    b = sum((variances[k:, i] / (values[i] - beyond[k:])).sum() for i in range(k))
    sums = np.einsum("gii->g", elements[:, :k])
    reach = student.ppf(0.975, len(groups) - 1) * sums.std(ddof=1) / len(groups) ** 0.5
    value = values[:k].sum()
    fresh = value - 2 * b
    low = fresh * np.exp(-reach / fresh) if fresh > 0 else -np.inf
    return float(low), float(value * np.exp(reach / value))


@dataclass
class Row:
    """Of one number, over all draws of one size."""

    network: str
    num_examples: int
    number: str
    truth: float
    coverage: float
    least: float  # that simulations of 95 % reach, less two of their errors
    length: float  # median, over the truth
    ratio: float | None  # of the median length to that of dense matrices

    @property
    def holds(self) -> bool:
        return self.coverage >= self.least and (self.ratio is None or self.ratio <= 1.1)


def measure(network: Network, x: Tensor, y: Tensor, n: int, draws: int, pool: Array) -> list[Row]:
    """Coverage and length on samples of n examples."""
    mean = pool.mean(0, dtype=np.float64)
    values = np.linalg.eigvalsh(mean)[::-1]
    truths = {
        "λ_max": values[0],
        "sum of 5": values[:5].sum(),
        "trace": mean.trace(),
        "Frobenius norm": float(np.linalg.norm(mean)),
    }
    rng = np.random.default_rng(n)
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in truths}
    dense: dict[str, list[tuple[float, float]]] = {"λ_max": [], "sum of 5": []}
    for draw in range(draws):
        rows = rng.integers(len(x), size=n)
        ours = analysed(network, x[rows], y[rows], seed=draw)
        for name, ends in ours.items():
            low = -np.inf if ends is None or ends.low is None else ends.low
            found[name].append((low, np.inf if ends is None else ends.high))
        size = n // NUM_GROUPS
        dealt = pool[rows[: size * NUM_GROUPS]].reshape(NUM_GROUPS, size, *mean.shape)
        groups = dealt.mean(1, dtype=np.float64)
        for name, k in (("λ_max", 1), ("sum of 5", 5)):
            dense[name].append(dense_interval(groups, k))
    least = 0.95 - 2 * (0.95 * 0.05 / draws) ** 0.5
    kind = "spiking" if network.spiking else "smooth"
    result = []
    for name, truth in truths.items():
        low, high = np.array(found[name]).T
        length = float(np.median(high - low))
        other = np.array(dense[name]) if name in dense else None
        ratio = None if other is None else length / float(np.median(other[:, 1] - other[:, 0]))
        covered = float(np.mean((low <= truth) & (truth <= high)))
        result.append(
            Row(kind, n, name, float(truth), covered, least, length / float(truth), ratio)
        )
    return result


def analysed(network: Network, x: Tensor, y: Tensor, *, seed: int) -> dict[str, Population | None]:
    """What an analysis of these examples says of those that they were drawn from."""
    batches = list(zip(x.split(250), y.split(250), strict=True))
    risk = EmpiricalRisk(network, loss_of("cross-entropy"), batches)
    generator = torch.Generator().manual_seed
    A = make_grouped_operator(risk, "hessian", NUM_GROUPS, generator(2 * seed))
    run = run_spectrum(
        risk,
        settings=_SETTINGS,
        rng=generator(2 * seed + 1),
        split=split_of(A, _SETTINGS.num_largest),
    )
    assert run.groups is not None
    known = Stated(of="the pool", fraction=0.0)
    largest = of_largest(known, _SETTINGS, run.eigenpairs.largest.tolist(), run.groups.top)
    sums = run.groups.sums
    return {
        "λ_max": largest.first,
        "sum of 5": largest.sum and largest.sum.population,
        "trace": of_trace(known, run.trace, sums),
        "Frobenius norm": of_norm(known, run.frobenius_squared, sums),
    }


@click.command()
@click.option("--draws", default=400, show_default=True, help="Samples of each size.")
@click.option("--sizes", default="250,500,1000", show_default=True, help="Examples in a sample.")
@click.option("--pool", default=4_000, show_default=True, help="Examples that stand for all.")
@click.option("--networks", default="smooth,spiking", show_default=True)
@click.option(
    "--json",
    "json_file",
    type=click.Path(dir_okay=False, path_type=Path),
    default=RESULTS / "population.json",
    help="Where the results go.",
)
def main(draws: int, sizes: str, pool: int, networks: str, json_file: Path) -> None:
    """Coverage of 95 % intervals over examples; exit code 1 where one is left too often."""
    torch.set_num_threads(1)
    start, rows = time.process_time(), []
    x, y = images(pool)
    tell: Callable[[str], None] = click.echo
    tell("network  examples  number          coverage (least)  length/value  to dense")
    for kind in networks.split(","):
        network = trained(x, y, spiking=kind == "spiking")
        hessians = example_hessians(network, x, y)
        for n in map(int, sizes.split(",")):
            for row in measure(network, x, y, n, draws, hessians):
                ratio = "" if row.ratio is None else f"{row.ratio:.3f}"
                tell(
                    f"{row.network:8} {row.num_examples:8} {row.number:15} {row.coverage:8.3f} "
                    f"({row.least:.3f})  {row.length:12.2f}  {ratio}"
                )
                rows.append(row)
    asked = f"--draws {draws} --sizes {sizes} --pool {pool} --networks {networks}"
    found = {
        "command": f"python -m benchmarks.population {asked}",
        "draws": draws,
        "pool": pool,
        "machine": describe_machine(),
        "cpu_seconds": round(time.process_time() - start),
        "rows": [asdict(row) for row in rows],
    }
    json_file.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n")
    if not all(row.holds for row in rows):
        raise click.exceptions.Exit(1)


if __name__ == "__main__":
    main()
