"""``python -m benchmarks.bands``: how often bands and intervals of few probes hold what they say.

Five spectra in random bases of R^200, and the package's estimates from 2, 4 and 8 probes: of a
Krylov run the trace, the Frobenius norm, the effective rank, a block's trace, the negative mass and
the density, at the points where it is a thousandth of its peak or more; of ``trace`` its trace and
the norm from so many products. Beside them stand intervals of 1.96 times the spread over probes.
"""

import math
from dataclasses import asdict, dataclass
from pathlib import Path

import click
import torch
from torch import Generator, Tensor

from benchmarks.cells import least_of, measured
from benchmarks.simulation import results_option, write_simulation
from landscape.linalg.estimate_trace import estimate_trace
from landscape.linalg.krylov import SpectralRun, analyse_spectrum
from landscape.linalg.operator import DenseOperator
from landscape.linalg.quadrature import DensityCurve, negative_mass, spectral_density
from landscape.linalg.trace import frobenius_squared
from landscape.values import Estimate

DIM, NUM_STEPS, NUM_LARGEST, BLOCK = 200, 20, 3, 50
_PLACE = torch.arange(1, DIM + 1, dtype=torch.float64)
_PART = (_PLACE - 0.5) / DIM

SPECTRA = {
    "power law": 1 / _PLACE,
    "outliers": torch.where(_PLACE <= 5, 2.0 * _PLACE, 0.1 * (1 - 2 * _PART)),
    "low rank": torch.where(_PLACE <= 20, 1 + _PLACE / 10, 0.0),
    "flat": torch.sin(torch.pi * (_PART - 0.5)),
    "two-sided clusters": torch.tensor([-1.0, 0.5, 2.0])[(_PLACE % 3).long()] + 0.02 * _PART,
}


@dataclass(frozen=True)
class Row:
    """Of one number from one spectrum, over all draws."""

    spectrum: str
    num_probes: int
    number: str
    coverage: float  # of 95 % intervals
    spread: float | None  # of 1.96 standard errors by the spread over probes; None: not looked at


def covered(
    spectrum: str, num_probes: int, rng: Generator
) -> dict[str, tuple[float, float | None]]:
    """Whether each interval of one draw holds: 1, 0, or the share of a density's points."""
    values = SPECTRA[spectrum].double()
    basis = torch.linalg.qr(torch.randn(DIM, DIM, generator=rng, dtype=torch.float64))[0]
    A = DenseOperator(basis * values @ basis.T)
    run = analyse_spectrum(
        A,
        num_largest=NUM_LARGEST,
        num_smallest=0,
        tol=1e-6,
        num_probes=num_probes,
        num_steps=NUM_STEPS,
        max_matvecs=400,
        rng=rng,
        block_sizes=(BLOCK, DIM - BLOCK),
    )
    squared = values.square().sum()
    norm, _ = frobenius_squared(A, num_matvecs=num_probes, rng=rng)
    sketched, _ = estimate_trace(A, num_matvecs=2 * max(num_probes, 2), rng=rng)
    curve = spectral_density(run.rules, dim=DIM, num_steps=NUM_STEPS, num_points=128)
    share = negative_mass(run.rules, curve.bandwidth, dim=DIM, num_steps=NUM_STEPS)
    below = float((values < -curve.bandwidth).double().mean())
    rank = values.sum() ** 2 / squared
    return {
        "trace": _held(run.trace, values.sum()),
        "Frobenius norm": _held(run.frobenius_squared, squared),
        "effective rank": _held(run.effective_rank, rank),
        "trace of a block": _held(run.block_traces[0], A.matrix.diagonal()[:BLOCK].sum()),
        "negative mass": _held(share, below),
        "density": _density_held(run, curve, values),
        "trace, by trace": _held(sketched, values.sum()),
        "Frobenius norm, by trace": _held(norm, squared, positive=True),
    }


def _held(
    found: Estimate, true: Tensor | float, *, positive: bool = False
) -> tuple[float, float | None]:
    low, high = found.interval(positive=positive)
    rounding = 1e-9 * abs(float(true))
    return float(low - rounding <= float(true) <= high + rounding), None


def _density_held(
    run: SpectralRun, curve: DensityCurve, values: Tensor
) -> tuple[float, float | None]:
    width = curve.bandwidth

    def smoothed(nodes: Tensor, weights: Tensor) -> Tensor:
        z = (curve.grid[:, None] - nodes) / width
        return torch.exp(-0.5 * z**2) @ weights / (width * math.sqrt(2 * math.pi))

    true = smoothed(values, torch.full_like(values, 1 / DIM))
    seen = true >= 1e-3 * true.max()
    slack = 1e-3 * true.max()  # of eigenvectors that are known to a residual
    low, high = curve.interval()
    held = (low - slack <= true) & (true <= high + slack)
    curves = torch.stack([smoothed(rule.nodes, rule.weights) for rule in run.rules])
    if len(curves) == 1:
        return float(held[seen].double().mean()), None
    reach = 1.96 * curves.std(0) / len(curves) ** 0.5 + slack
    by_spread = (curves.mean(0) - true).abs() <= reach
    return float(held[seen].double().mean()), float(by_spread[seen].double().mean())


@dataclass(frozen=True)
class Cell:
    """What is drawn, and how often."""

    spectrum: str
    num_probes: int
    draws: int


def measure(cell: Cell) -> list[Row]:
    """Coverage of each number's intervals."""
    torch.set_num_threads(1)
    rng = Generator().manual_seed(100 * list(SPECTRA).index(cell.spectrum) + cell.num_probes)
    found = [covered(cell.spectrum, cell.num_probes, rng) for _ in range(cell.draws)]
    rows = []
    for number in found[0]:
        held = [draw[number][0] for draw in found]
        spread = [s for draw in found if (s := draw[number][1]) is not None]
        of_spread = sum(spread) / len(spread) if spread else None
        coverage = sum(held) / cell.draws
        rows.append(Row(cell.spectrum, cell.num_probes, number, coverage, of_spread))
    return rows


@click.command()
@click.option("--draws", default=400, show_default=True, help="Of each spectrum and number.")
@click.option("--probes", default="2,4,8", show_default=True)
@click.option("--processes", default=1, show_default=True, help="Spectra at a time.")
@results_option("bands.json")
def main(draws: int, probes: str, processes: int, json_file: Path) -> None:
    """Coverage of 95 % intervals of few probes; exit code 1 where one is left too often."""
    cells = [Cell(s, p, draws) for s in SPECTRA for p in map(int, probes.split(","))]
    rows: list[Row] = []
    click.echo("spectrum            probes  number                    coverage  of 1.96 spreads")
    for found in measured(measure, cells, processes):
        for row in found:
            spread = "" if row.spread is None else f"{row.spread:.3f}"
            click.echo(
                f"{row.spectrum:18} {row.num_probes:7}  {row.number:25} {row.coverage:8.3f}"
                f"  {spread}"
            )
        rows += found
    rows.sort(key=lambda row: (list(SPECTRA).index(row.spectrum), row.num_probes))
    write_simulation(
        json_file,
        f"python -m benchmarks.bands --draws {draws} --probes {probes}",
        draws=draws,
        least=least_of(draws),
        rows=[asdict(row) for row in rows],
    )
    if not all(row.coverage >= least_of(draws) for row in rows):
        raise click.exceptions.Exit(1)


if __name__ == "__main__":
    main()
