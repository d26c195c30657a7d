"""``python -m benchmarks.worth``: which scale's measures scatter little, and tell of the gap.

Small transformers are trained from several seeds by two learning rates each; with ``--networks``
those of a folder of checkpoints stand beside them. Of every measure at every scale: how far its
logarithm scatters over the seeds of a recipe, and its rank correlation with the generalisation gap,
held-out loss less training loss, over all runs and within recipes.
"""

import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import click
import numpy as np
import torch
from scipy.stats import chi2
from torch import Tensor, nn

from benchmarks.simulation import results_option, write_simulation
from landscape.analysis.opening import open_target
from landscape.analysis.other_split import on_other_split
from landscape.analysis.target_settings import TargetSettings
from landscape.catalog import SCALES_OF_WEIGHTS
from landscape.curvature.operators import make_operator
from landscape.curvature.scaling import relative_scale
from landscape.curvature.smoothing import expected_rise
from landscape.curvature.symmetry.find import symmetries_of
from landscape.data.dataset import cut
from landscape.linalg.eigen import extreme_eigenpairs
from landscape.linalg.estimate_trace import estimate_trace
from landscape.objective.losses import cross_entropy
from landscape.objective.pair import Loss
from landscape.objective.risk import EmpiricalRisk
from landscape.statistics.correlation import within_group_correlation
from landscape.values import Interval

TOKENS, LENGTH, WIDTH = 6, 12, 16
TRAIN, HELD_OUT, BATCH = 300, 3_000, 50
WRONG = 0.1  # labels, so that a network can fit what does not generalise
RATES = (3e-3, 1e-2)
RADIUS, NUM_PAIRS, TRACE_MATVECS = 0.1, 20, 40
MEASURES = ("lambda_max", "trace", f"rise at {RADIUS:g}")


@dataclass(frozen=True, kw_only=True)
class Run:
    """A trained network."""

    family: str
    recipe: str
    seed: int
    gap: float  # held-out loss less training loss
    values: dict[str, float]  # by "measure scale"


@dataclass(frozen=True, kw_only=True)
class Row:
    """A measure over all runs of a family."""

    family: str
    measure: str
    scale: str
    num_runs: int
    scatter: float | None  # sd of the logarithm over seeds, within recipes; None: not positive
    scatter_low: float | None
    scatter_high: float | None
    over_all: float | None  # rank correlation with the gap
    over_all_interval: tuple[float, float] | None
    within: float | None  # the same within recipes
    within_interval: tuple[float, float] | None


class Transformer(nn.Module):
    """Embedding, two encoder layers, and a classifier of the mean over positions."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(TOKENS, WIDTH)
        self.position = nn.Parameter(torch.zeros(LENGTH, WIDTH))
        self.layers = nn.Sequential(
            *(
                nn.TransformerEncoderLayer(
                    WIDTH, nhead=2, dim_feedforward=2 * WIDTH, dropout=0.0, batch_first=True
                )
                for _ in range(2)
            )
        )
        self.head = nn.Linear(WIDTH, 2)

    def forward(self, tokens: Tensor) -> Tensor:
        """Tokens of shape (N, 12) to logits of shape (N, 2)."""
        logits: Tensor = self.head(self.layers(self.embedding(tokens) + self.position).mean(1))
        return logits


def _sequences(count: int, rng: torch.Generator) -> tuple[Tensor, Tensor]:
    """Of which of two tokens there are more; some labels are wrong."""
    x = torch.randint(TOKENS, (count, LENGTH), generator=rng)
    y = ((x == 0).sum(1) > (x == 1).sum(1)).long()
    return x, torch.where(torch.rand(count, generator=rng) < WRONG, 1 - y, y)


def transformers(seeds: int, epochs: int) -> Iterator[Run]:
    """``seeds`` of each learning rate, on the same sequences."""
    rng = torch.Generator().manual_seed(0)
    x, y = _sequences(TRAIN, rng)
    held = cut(*_sequences(HELD_OUT, rng), 500)
    loss = Loss("cross-entropy", cross_entropy)
    for rate in RATES:
        for seed in range(seeds):
            torch.manual_seed(seed)
            net = Transformer()
            optimiser = torch.optim.AdamW(net.parameters(), lr=rate)
            for _ in range(epochs):
                for part in torch.randperm(TRAIN).split(BATCH):
                    value = nn.functional.cross_entropy(net(x[part]), y[part])
                    optimiser.zero_grad()
                    value.backward()
                    optimiser.step()
            risk = EmpiricalRisk(net.eval(), loss, cut(x, y, TRAIN))
            gap = risk.on(held).evaluate().loss - risk.evaluate().loss
            yield Run(
                family="transformers",
                recipe=f"learning rate {rate:g}",
                seed=seed,
                gap=gap,
                values=measured(risk),
            )


def networks_of(folder: Path, examples: int) -> Iterator[Run]:
    """Of checkpoints with sidecars, on so many training examples; the gap is over all."""
    for path in sorted(folder.glob("*.safetensors")):
        target = open_target(path, TargetSettings(examples="all"))
        training = target.subject.training
        if training is None:
            raise click.ClickException(f"{path} has no sidecar that tells its recipe and seed.")
        held = on_other_split(target, "all").risk
        yield Run(
            family="spiking networks" if target.subject.spiking else "networks",
            recipe=f"{training.init}-{training.optimizer}",
            seed=training.seed,
            gap=held.evaluate().loss - target.subject.loss,
            values=measured(target.part(examples).risk),
        )


def measured(risk: EmpiricalRisk) -> dict[str, float]:
    """Every measure at every scale; ``symmetry`` only where it is not the scale of weights."""
    found: dict[str, float] = {}
    for scale in SCALES_OF_WEIGHTS:
        symmetries = symmetries_of(risk) if scale == "symmetry" else None
        if symmetries is not None and not (symmetries.products or symmetries.norms):
            continue
        A = make_operator(risk, "hessian", scale=scale)
        top = extreme_eigenpairs(
            A,
            num_largest=1,
            num_smallest=0,
            tol=1e-3,
            max_matvecs=100,
            rng=torch.Generator().manual_seed(0),
        )
        rng = torch.Generator().manual_seed(1)
        trace, _ = estimate_trace(A, num_matvecs=TRACE_MATVECS, rng=rng)
        noise = torch.Generator().manual_seed(2)
        S = relative_scale(scale, risk)
        (rise,) = expected_rise(risk, S, (RADIUS,), num_pairs=NUM_PAIRS, rng=noise)
        values = (float(top.largest[0]), trace.mean, rise.rise.mean)
        found |= {f"{m} {scale}": v for m, v in zip(MEASURES, values, strict=True)}
    return found


def summed_up(runs: Sequence[Run]) -> Iterator[Row]:
    """A row a measure and scale."""
    recipes, seeds = [r.recipe for r in runs], [r.seed for r in runs]
    gaps = [r.gap for r in runs]
    for key in runs[0].values:
        values = np.array([r.values[key] for r in runs])
        measure, _, scale = key.rpartition(" ")
        over_all, within = (
            within_group_correlation(
                values,
                gaps,
                groups,
                seeds=seeds,
                ranks=True,
                confidence=0.95,
                num_resamples=1_000,
                rng=np.random.default_rng(0),
            )
            for groups in (["all"] * len(runs), recipes)
        )
        scatter, low, high = _scatter(values, recipes)
        yield Row(
            family=runs[0].family,
            measure=measure,
            scale=scale,
            num_runs=len(runs),
            scatter=scatter,
            scatter_low=low,
            scatter_high=high,
            over_all=over_all.correlation,
            over_all_interval=_ends(over_all.interval),
            within=within.correlation,
            within_interval=_ends(within.interval),
        )


def _scatter(
    values: np.ndarray, recipes: Sequence[str]
) -> tuple[float | None, float | None, float | None]:
    """Pooled sd of the logarithm within recipes, with its 95 % interval for normal scatter."""
    if (values <= 0).any():
        return None, None, None
    labels, logs = np.array(recipes), np.log(values)
    groups = [logs[labels == name] for name in dict.fromkeys(recipes)]
    free = sum(len(g) - 1 for g in groups)
    squares = sum(float(((g - g.mean()) ** 2).sum()) for g in groups)
    ends = (math.sqrt(squares / float(chi2.ppf(p, free))) for p in (0.975, 0.025))
    return (math.sqrt(squares / free), *ends)


def _ends(interval: Interval | None) -> tuple[float, float] | None:
    return None if interval is None else (interval.low, interval.high)


@click.command()
@click.option("--seeds", default=12, show_default=True, help="Of each learning rate.")
@click.option("--epochs", default=60, show_default=True)
@click.option(
    "--networks",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="A folder of checkpoints that landscape train left, beside the transformers.",
)
@click.option("--examples", default=250, show_default=True, help="That their measures are of.")
@results_option("worth.json")
def main(seeds: int, epochs: int, networks: Path | None, examples: int, json_file: Path) -> None:
    """Scatter over seeds and correlation with the gap, of each scale's measures."""
    torch.set_num_threads(1)
    start = time.process_time()
    found = [list(transformers(seeds, epochs))]
    if networks is not None:
        found.append(list(networks_of(networks, examples)))
    rows = [row for runs in found for row in summed_up(runs)]
    click.echo("family            measure      scale      scatter   over all  within recipes")
    for row in rows:
        click.echo(
            f"{row.family:17} {row.measure:12} {row.scale:9} {row.scatter or math.nan:8.2f} "
            f"{row.over_all or math.nan:10.2f} {row.within or math.nan:10.2f}"
        )
    asked = f"--seeds {seeds} --epochs {epochs}"
    asked += f" --networks FOLDER --examples {examples}" * (networks is not None)
    write_simulation(
        json_file,
        f"python -m benchmarks.worth {asked}",
        cpu_seconds=round(time.process_time() - start),
        rows=[asdict(row) for row in rows],
        runs=[asdict(run) for runs in found for run in runs],
    )


if __name__ == "__main__":
    main()
