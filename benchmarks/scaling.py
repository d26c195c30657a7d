"""Cost against size: parameters up to the published network's 13 million, and examples."""

import statistics
from pathlib import Path
from typing import NamedTuple

import matplotlib.pyplot as plt
import numpy as np
import torch

from benchmarks.measure import alternate, timed
from benchmarks.problem import Problem, load_problem, load_risk, unit_vector
from benchmarks.record import Comparison, Row
from benchmarks.solvers import MAX_MATVECS
from landscape.curvature.hessian import HessianOperator
from landscape.linalg.krylov import analyse_spectrum
from landscape.objective.risk import EmpiricalRisk
from landscape.snn import CSNN, initialise

_BATCH = 256
_PARAM_EXAMPLES = 32
_LONG = 4096  # images; one round is enough for what takes minutes
_LARGEST, _SMALLEST, _PROBES, _STEPS = 5, 3, 2, 10  # of the widest network's analysis


class Series(NamedTuple):
    """CPU seconds of a matvec at several sizes, and the exponent fitted to them."""

    sizes: list[int]
    seconds: list[float]

    @property
    def exponent(self) -> float:
        """Least-squares slope of log seconds against log size."""
        return float(np.polyfit(np.log(self.sizes), np.log(self.seconds), 1)[0])


def compare_scaling(
    channels: tuple[int, ...], examples: tuple[int, ...], *, rounds: int, figure: Path
) -> Comparison:
    """Time matvecs over both series, analyse the widest network, draw the figure."""
    problem = load_problem(_PARAM_EXAMPLES)
    risks = {c: risk_of_width(problem, c) for c in channels}
    by_params = Series(
        [r.num_params for r in risks.values()], [_matvec(r, rounds) for r in risks.values()]
    )
    by_examples = Series(
        list(examples),
        [_matvec(load_risk(n, batch_size=_BATCH), 1 if n > 4096 else rounds) for n in examples],
    )
    widest = risks[max(channels)]
    rows = [
        *_rows("parameters", by_params, f"{_PARAM_EXAMPLES} images, graph rebuilt"),
        *_rows("images", by_examples, f"C = 16, batches of {_BATCH}, graph rebuilt"),
        _analysis(widest),
    ]
    _draw(by_params, by_examples, figure)
    return Comparison(
        name="scaling",
        title="Cost against size",
        setting="HVP of the package's network, float32",
        rows=rows,
        extra={
            "exponent_of_parameters": by_params.exponent,
            "exponent_of_images": by_examples.exponent,
            "figure": figure.name,
        },
    )


def risk_of_width(problem: Problem, channels: int) -> EmpiricalRisk:
    network = CSNN(channels)
    initialise(network, "kaiming_normal", seed=0)
    return EmpiricalRisk(network.eval(), problem.risk.objective, problem.risk.batches)


def _matvec(risk: EmpiricalRisk, rounds: int) -> float:
    H, v = HessianOperator(risk, graph_budget=0), unit_vector(risk.num_params)
    if risk.num_examples > _LONG:
        rounds = 1
    return statistics.median(alternate({"H": lambda: H @ v}, rounds=rounds)["H"])


def _rows(of: str, series: Series, note: str) -> list[Row]:
    return [
        Row(
            method=f"HVP at {size:,} {of}",
            network="landscape",
            seconds=seconds,
            num_matvecs=1,
            note=note,
        )
        for size, seconds in zip(*series, strict=True)
    ]


def _analysis(risk: EmpiricalRisk) -> Row:
    run = timed(
        lambda: analyse_spectrum(
            HessianOperator(risk),
            tol=1e-2,
            max_matvecs=MAX_MATVECS,
            rng=torch.Generator().manual_seed(0),
            num_largest=_LARGEST,
            num_smallest=_SMALLEST,
            num_probes=_PROBES,
            num_steps=_STEPS,
        )
    )
    result = run.value
    return Row(
        method=f"eigenvalues, density, trace at {risk.num_params:,} parameters",
        network="landscape",
        seconds=run.seconds,
        target="≤ 24 GB",
        meets_target=None if run.peak_mb is None else run.peak_mb < 24_000,
        num_matvecs=result.num_matvecs,
        max_residual=float(result.eigenpairs.residuals.max()) / result.eigenpairs.norm,
        peak_mb=run.peak_mb,
        note=f"{_LARGEST} largest, {_SMALLEST} smallest, {_PROBES} probes of {_STEPS} steps, "
        f"{risk.num_examples} images",
    )


def _draw(by_params: Series, by_examples: Series, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    fig, axes = plt.subplots(1, 2, figsize=(8, 3), layout="constrained")
    for ax, series, label in (
        (axes[0], by_params, "parameters P"),
        (axes[1], by_examples, "images N"),
    ):
        ax.loglog(series.sizes, series.seconds, "o-", color="#0072b2")
        linear = np.array(series.sizes) * series.seconds[-1] / series.sizes[-1]
        ax.loglog(series.sizes, linear, "--", color="0.6")
        ax.set(xlabel=label, ylabel="CPU seconds of an HVP")
        ax.set_title(f"exponent {series.exponent:.2f} (dashed: 1)", fontsize=10)
    fig.savefig(path, metadata={"Date": None})
    plt.close(fig)
