"""``python -m benchmarks.retraining``: whether errors of rises cover training with other rounding.

One recipe is trained many times from weights moved by 1e-6 of themselves, as another order of sums
would move them. Spikes make of that other networks, of the same valley. Their rises should scatter
by no more than the errors that are printed beside them, and the 95 % intervals of differences
between two of them hold zero. Beside them the same of the rise over L(θ) itself.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from pathlib import Path

import click
import numpy as np
import torch
from scipy.stats import chi2
from scipy.stats import t as student
from torch import Tensor

from benchmarks.simulation import results_option, write_simulation
from landscape.curvature.perturbation_rise import radius_of_rise
from landscape.curvature.scaling import relative_scale
from landscape.curvature.smoothing import expected_rise, radii_tried
from landscape.data import open_dataset, select_examples
from landscape.data.dataset import cut
from landscape.linalg.units import Afresh, Unit
from landscape.objective.losses import BUILTIN_LOSSES
from landscape.objective.pair import Loss
from landscape.objective.risk import EmpiricalRisk
from landscape.snn.initialization import initialize
from landscape.snn.model import CSNN
from landscape.training.config import TrainConfig
from landscape.training.epoch import Examples, train_epoch
from landscape.training.optimizer import make_optimizer

_ROUNDING = 1e-6  # by how much of itself a weight is moved before training
_EXAMPLES = 1_000
_RADII = (0.03, 0.1, 0.3)


@dataclass(frozen=True, kw_only=True)
class Row:
    """A number over all trainings of a recipe."""

    recipe: str
    number: str
    mean: float
    scatter: float  # standard deviation over trainings
    error: float  # that is printed, root mean square
    coverage: float  # of zero by the 95 % intervals of differences, over all pairs of trainings
    most: float  # scatter over error that sampling leaves one in 40 times where errors are right

    @property
    def holds(self) -> bool:
        return self.scatter <= self.most * self.error


def train(config: TrainConfig, number: int) -> EmpiricalRisk:
    """The ``number``-th training of a recipe, and its risk on the first training images."""
    dataset = open_dataset(config.data, split="train", data_dir=None)
    chosen = select_examples(dataset, config.images, seed=config.data_seed)
    examples = Examples(chosen.inputs.float(), chosen.targets)
    model = CSNN(config.channels, config.num_time_steps)
    initialize(model, config.init, seed=config.seed, gain=config.gain, beta=config.beta)
    rng = torch.Generator().manual_seed(number)
    with torch.no_grad():
        for weights in model.parameters():
            weights.mul_(1 + _ROUNDING * torch.randn(weights.shape, generator=rng))
    optimizer, loss = make_optimizer(model, config), BUILTIN_LOSSES[config.loss]
    for epoch in range(1, config.epochs + 1):
        train_epoch(model, optimizer, loss, examples, config, epoch, lambda *_: None)
    first = cut(examples.inputs[:_EXAMPLES], examples.targets[:_EXAMPLES], 250)
    return EmpiricalRisk(model.eval(), Loss(config.loss, loss), first)


class _Kept(Afresh):
    """Remembers the pairs' mean losses, to take rises over L(θ) from the same evaluations."""

    def each(self, units: Iterable[Unit]) -> Iterator[Tensor]:
        self.found = [compute() for _, compute in units]
        return iter(self.found)


def measure(risk: EmpiricalRisk, num_pairs: int) -> dict[str, tuple[float, float]]:
    """Value and printed error of each number."""
    S = relative_scale("filter", risk)
    rng, keep = torch.Generator().manual_seed(0), _Kept()
    rises = expected_rise(risk, S, _RADII, num_pairs=num_pairs, rng=rng, keep=keep)
    found = {
        f"rise at {radius:g}": (at.rise.mean, at.rise.error)
        for radius, at in zip(_RADII, rises, strict=True)
    }
    losses, base = torch.stack(keep.found), risk.evaluate().loss
    for radius in _RADII:
        at = losses[:, radii_tried(_RADII).index(radius)] - base
        found[f"over L(θ), {radius:g}"] = (float(at.mean()), float(at.std()) / num_pairs**0.5)
    rng = torch.Generator().manual_seed(0)
    width = radius_of_rise(risk, S, share=0.1, num_pairs=num_pairs, rng=rng)
    if width is not None and width.stderr is not None:
        found["radius of a rise"] = (width.radius, width.stderr)
    return found


def summed_up(
    recipe: str, found: Sequence[dict[str, tuple[float, float]]], num_pairs: int
) -> list[Row]:
    """Scatter against printed errors, a row a number that all trainings have."""
    rows = []
    quantile = float(student.ppf(0.975, num_pairs - 1))
    for number in found[0]:
        if not all(number in of_one for of_one in found):
            continue
        values, errors = np.array([of_one[number] for of_one in found]).T
        within = [
            abs(values[a] - values[b]) <= quantile * np.hypot(errors[a], errors[b])
            for a, b in combinations(range(len(found)), 2)
        ]
        free = len(found) - 1
        rows.append(
            Row(
                recipe=recipe,
                number=number,
                mean=float(values.mean()),
                scatter=float(values.std(ddof=1)),
                error=float(np.sqrt((errors**2).mean())),
                coverage=float(np.mean(within)),
                most=float((chi2.ppf(0.975, free) / free) ** 0.5),
            )
        )
    return rows


@click.command()
@click.option("--trainings", default=16, show_default=True, help="Of each recipe.")
@click.option("--recipes", default="ikun_v1-sgd,kaiming-adam", show_default=True)
@click.option("--channels", default=8, show_default=True)
@click.option("--images", default=2_000, show_default=True)
@click.option("--epochs", default=10, show_default=True)
@click.option("--num-pairs", default=10, show_default=True, help="Antithetic pairs of noise.")
@results_option("retraining.json")
def main(
    trainings: int,
    recipes: str,
    channels: int,
    images: int,
    epochs: int,
    num_pairs: int,
    json_file: Path,
) -> None:
    """Scatter over trainings against printed errors; exit code 1 where an error is too small."""
    torch.set_num_threads(1)
    start, rows = time.process_time(), []
    tell: Callable[[str], None] = click.echo
    tell("recipe         number                mean   scatter     error  ratio  coverage")
    for recipe in recipes.split(","):
        init, _, optimizer = recipe.rpartition("-")
        config = TrainConfig.from_dict(
            {
                "init": init,
                "optimizer": optimizer,
                "channels": channels,
                "images": images,
                "epochs": epochs,
                "data": "fashion-mnist-embedded",
            }
        )
        found = [measure(train(config, number), num_pairs) for number in range(trainings)]
        for row in summed_up(recipe, found, num_pairs):
            tell(
                f"{row.recipe:14} {row.number:16} {row.mean:9.2e} {row.scatter:9.1e} "
                f"{row.error:9.1e} {row.scatter / row.error:6.2f} {row.coverage:9.3f}"
            )
            rows.append(row)
    asked = (
        f"--trainings {trainings} --recipes {recipes} --channels {channels} --images {images} "
        f"--epochs {epochs} --num-pairs {num_pairs}"
    )
    write_simulation(
        json_file,
        f"python -m benchmarks.retraining {asked}",
        cpu_seconds=round(time.process_time() - start),
        rows=[asdict(row) for row in rows],
    )
    if not all(row.holds for row in rows if "L(θ)" not in row.number):
        raise click.exceptions.Exit(1)


if __name__ == "__main__":
    main()
