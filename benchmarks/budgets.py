"""``python -m benchmarks.budgets``: what a budget of ``landscape analyze`` takes, page included.

Two networks of the size that a first try has, briefly trained on 1,000 invented examples: a
convolutional one of 19,466 parameters on images of 3 x 32 x 32, and a transformer of 103,882 on
sequences of 12 tokens. CPU seconds leave out the waiting for a processor on a machine that is
shared; wall seconds mean something on an idle one only.
"""

import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import click
import numpy as np
import torch
from torch import Generator, Tensor, nn
from torch.nn.functional import avg_pool2d, cross_entropy

_EXAMPLES, _CLASSES, _TOKENS, _LENGTH, _WIDTH = 1000, 10, 32, 12, 64


def cnn() -> nn.Module:
    """Three convolutions, each with a maximum over 2 x 2, and a linear layer."""
    layers: list[nn.Module] = []
    for before, after in ((3, 16), (16, 32), (32, 32)):
        layers += [nn.Conv2d(before, after, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)]
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(512, _CLASSES))


class Transformer(nn.Module):
    """Embedding, three encoder layers, and a classifier of the mean over positions."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(_TOKENS, _WIDTH)
        self.position = nn.Parameter(torch.zeros(_LENGTH, _WIDTH))
        layer = nn.TransformerEncoderLayer(_WIDTH, 4, 128, batch_first=True, dropout=0.0)
        self.encoder = nn.TransformerEncoder(layer, 3, enable_nested_tensor=False)
        self.head = nn.Linear(_WIDTH, _CLASSES)

    def forward(self, tokens: Tensor) -> Tensor:
        """Tokens of shape (N, 12) to logits of shape (N, 10)."""
        logits: Tensor = self.head(self.encoder(self.embedding(tokens) + self.position).mean(1))
        return logits


def transformer() -> nn.Module:
    """What ``--model budgets.py:transformer`` calls."""
    return Transformer()


def images(rng: Generator) -> tuple[Tensor, Tensor]:
    """Smooth patterns, one a class, under noise."""
    patterns = avg_pool2d(torch.randn(_CLASSES, 3, 32, 32, generator=rng), 5, 1, 2)
    y = torch.randint(_CLASSES, (_EXAMPLES,), generator=rng)
    return 0.8 * patterns[y] + 0.6 * torch.randn(_EXAMPLES, 3, 32, 32, generator=rng), y


def sequences(rng: Generator) -> tuple[Tensor, Tensor]:
    """Random tokens; the class counts some of them, and looks at the first."""
    x = torch.randint(_TOKENS, (_EXAMPLES, _LENGTH), generator=rng)
    return x, 2 * (x % 10 == 0).sum(1).clamp(max=4) + x[:, 0] % 2


NETWORKS = {"cnn": (cnn, images, 4), "transformer": (transformer, sequences, 12)}


def prepare(name: str, folder: Path) -> None:
    """Train the network called ``name`` for some passes; weights and data go into ``folder``."""
    make, draw, passes = NETWORKS[name]
    x, y = draw(torch.Generator().manual_seed(1))
    torch.manual_seed(0)
    net = make()
    optimiser = torch.optim.Adam(net.parameters(), lr=2e-3)
    for _ in range(passes):
        for part in torch.randperm(_EXAMPLES).split(50):
            optimiser.zero_grad()
            cross_entropy(net(x[part]), y[part]).backward()
            optimiser.step()
    torch.save({"state_dict": net.state_dict()}, folder / f"{name}.pth")
    np.savez(folder / f"{name}.npz", x=x.numpy(), y=y.numpy())


def measure(name: str, budget: str, threads: int) -> tuple[float, float]:
    """CPU and wall seconds of one ``landscape analyze``, from its start to its page."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        prepare(name, folder)
        before, began = _cpu_seconds(), time.perf_counter()
        subprocess.run(
            [
                *(sys.executable, "cli.py", "analyze", str(folder / f"{name}.pth")),
                *("--model", f"{__file__}:{name}", "--data", str(folder / f"{name}.npz")),
                *("--loss", "cross-entropy", "--budget", budget, "--quiet"),
                *("-o", str(folder / "report")),
            ],
            env={**os.environ, "OMP_NUM_THREADS": str(threads)},
            stdout=subprocess.DEVNULL,
            check=True,
        )
        return _cpu_seconds() - before, time.perf_counter() - began


def _cpu_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


@click.command()
@click.argument("budgets", nargs=-1)
@click.option("--threads", type=click.IntRange(min=1), default=2, show_default=True)
def main(budgets: tuple[str, ...], threads: int) -> None:
    """Print what each of BUDGETS takes, ``quick`` where none is named."""
    click.echo("| budget | network | CPU seconds | wall seconds |")
    click.echo("|---|---|---|---|")
    for budget in budgets or ("quick",):
        for name in NETWORKS:
            cpu, wall = measure(name, budget, threads)
            click.echo(f"| {budget} | {name} | {cpu:.0f} | {wall:.0f} |")


if __name__ == "__main__":
    main()
