"""``python -m benchmarks.population``: how often intervals over examples hold, and their lengths.

Samples are drawn with replacement from the pool of :mod:`benchmarks.population_bed`, and each is
analysed as any other data are, in float32 by Lanczos. Beside the intervals found so stand those of
dense float64 matrices and all their eigenvectors. A run that was stopped goes on with the cells
that its file lacks; each has seeds of its own.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from itertools import product
from pathlib import Path
from shlex import quote
from typing import Any

import click
import numpy as np
import torch
from torch import Tensor

from benchmarks.cells import least_of, measured
from benchmarks.population_bed import (
    KINDS,
    Array,
    Network,
    dense_interval,
    example_matrices,
    images,
    trained,
)
from benchmarks.simulation import results_option, write_simulation
from landscape.analysis.spectrum.population import Stated, of_largest, of_norm, of_trace, split_of
from landscape.analysis.spectrum.run import run_spectrum
from landscape.analysis.spectrum.settings import SpectrumSettings
from landscape.curvature.operators import make_grouped_operator
from landscape.objective.pair import loss_of
from landscape.objective.risk import EmpiricalRisk
from landscape.statistics.population import NUM_GROUPS
from landscape.values import Population

_NETWORKS = ("smooth", "spiking")


@dataclass(frozen=True)
class Cell:
    """What is drawn, and how often."""

    network: str
    matrix: str  # of KINDS
    num_examples: int
    draws: int
    pool: int

    @property
    def rng(self) -> np.random.Generator:
        which = _NETWORKS.index(self.network), list(KINDS).index(self.matrix)
        return np.random.default_rng([self.num_examples, *which])


@dataclass
class Row:
    """Of one number, over all draws of one size."""

    network: str
    matrix: str
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


@lru_cache(maxsize=1)
def _bed(network: str, matrix: str, pool: int) -> tuple[Network, Tensor, Tensor, Array]:
    x, y = images(pool)
    found = trained(x, y, spiking=network == "spiking")
    return found, x, y, example_matrices(found, x, y, KINDS[matrix])


def measure(cell: Cell) -> list[Row]:
    """Coverage and length on samples of the cell's size."""
    torch.set_num_threads(1)
    network, x, y, pool = _bed(cell.network, cell.matrix, cell.pool)
    mean = pool.mean(0, dtype=np.float64)
    values = np.linalg.eigvalsh(mean)[::-1]
    truths = {
        "λ_max": values[0],
        "sum of 5": values[:5].sum(),
        "trace": mean.trace(),
        "Frobenius norm": float(np.linalg.norm(mean)),
    }
    n, rng = cell.num_examples, cell.rng
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in truths}
    dense: dict[str, list[tuple[float, float]]] = {"λ_max": [], "sum of 5": []}
    for draw in range(cell.draws):
        rows = rng.integers(len(x), size=n)
        ours = analysed(network, x[rows], y[rows], matrix=cell.matrix, seed=draw)
        for name, ends in ours.items():
            low = -np.inf if ends is None or ends.low is None else ends.low
            found[name].append((low, np.inf if ends is None else ends.high))
        size = n // NUM_GROUPS
        dealt = pool[rows[: size * NUM_GROUPS]].reshape(NUM_GROUPS, size, *mean.shape)
        groups = dealt.mean(1, dtype=np.float64)
        for name, k in (("λ_max", 1), ("sum of 5", 5)):
            dense[name].append(dense_interval(groups, k))
    least = least_of(cell.draws)
    result = []
    for name, truth in truths.items():
        low, high = np.array(found[name]).T
        length = float(np.median(high - low))
        other = np.array(dense[name]) if name in dense else None
        ratio = None if other is None else length / float(np.median(other[:, 1] - other[:, 0]))
        covered = float(np.mean((low <= truth) & (truth <= high)))
        where = cell.network, cell.matrix, n, name
        result.append(Row(*where, float(truth), covered, least, length / float(truth), ratio))
    return result


def analysed(
    network: Network, x: Tensor, y: Tensor, *, matrix: str, seed: int
) -> dict[str, Population | None]:
    """What an analysis of these examples says of those that they were drawn from."""
    kind = KINDS[matrix]
    settings = SpectrumSettings(
        operator=kind.operator,
        scale=kind.scale,
        num_largest=10,
        num_smallest=0,
        num_probes=2,
        num_steps=4,
        tol=1e-3,
        max_matvecs=400,
    )
    risk = EmpiricalRisk(network, loss_of("cross-entropy"), [(x, y)])
    generator = torch.Generator().manual_seed
    A = make_grouped_operator(
        risk, kind.operator, NUM_GROUPS, generator(2 * seed), scale=kind.scale
    )
    run = run_spectrum(
        risk,
        settings=settings,
        rng=generator(2 * seed + 1),
        split=split_of(A, settings.num_largest),
    )
    assert run.groups is not None
    known = Stated(of="the pool", fraction=0.0)
    largest = of_largest(known, settings, run.eigenpairs.largest.tolist(), run.groups.top)
    sums = run.groups.sums
    return {
        "λ_max": largest.first,
        "sum of 5": largest.sum and largest.sum.population,
        "trace": of_trace(known, run.trace, sums),
        "Frobenius norm": of_norm(known, run.frobenius_squared, sums),
    }


def _kept(path: Path, drawn: dict[str, int]) -> list[Row]:
    """Rows of an earlier run of as many draws."""
    stored: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
    same = all(stored.get(name) == value for name, value in drawn.items())
    return [Row(**row) for row in stored["rows"]] if same else []


def _named(rows: Sequence[Row], column: str) -> str:
    """What is there in a column, as its option takes it."""
    return ",".join(dict.fromkeys(str(getattr(row, column)) for row in rows))


@click.command()
@click.option("--draws", default=400, show_default=True, help="Samples of each size.")
@click.option("--sizes", default="250,500,1000", show_default=True, help="Examples in a sample.")
@click.option("--pool", default=4_000, show_default=True, help="Examples that stand for all.")
@click.option("--networks", default=",".join(_NETWORKS), show_default=True)
@click.option("--matrices", default=",".join(KINDS), show_default=True)
@click.option("--processes", default=1, show_default=True, help="Cells at a time.")
@results_option(
    "population.json", help="Where the results go, after each cell; those that it has are kept."
)
def main(
    draws: int,
    sizes: str,
    pool: int,
    networks: str,
    matrices: str,
    processes: int,
    json_file: Path,
) -> None:
    """Coverage of 95 % intervals over examples; exit code 1 where one is left too often."""
    drawn = {"draws": draws, "pool": pool}
    rows = _kept(json_file, drawn)
    known = {(row.network, row.matrix, row.num_examples) for row in rows}
    asked = list(product(networks.split(","), matrices.split(","), map(int, sizes.split(","))))
    cells = [Cell(*which, draws, pool) for which in asked if which not in known]
    click.echo(
        "network  matrix  examples  number          coverage (least)  length/value  to dense"
    )
    for found in measured(measure, cells, processes):
        for row in found:
            ratio = "" if row.ratio is None else f"{row.ratio:.3f}"
            click.echo(
                f"{row.network:8} {row.matrix:7} {row.num_examples:8}  {row.number:15} "
                f"{row.coverage:8.3f} ({row.least:.3f})  {row.length:12.2f}  {ratio}"
            )
        rows = sorted([*rows, *found], key=lambda r: (r.network, r.matrix, r.num_examples))
        write_simulation(
            json_file,
            f"python -m benchmarks.population --draws {draws} --pool {pool} "
            f"--networks {_named(rows, 'network')} --matrices {quote(_named(rows, 'matrix'))} "
            f"--sizes {_named(rows, 'num_examples')}",
            **drawn,
            rows=[asdict(row) for row in rows],
        )
    if not all(row.holds for row in rows):
        raise click.exceptions.Exit(1)


if __name__ == "__main__":
    main()
