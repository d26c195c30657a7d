"""``landscape fidelity``: whether curvature predicts how the loss really rises."""

from dataclasses import asdict
from functools import partial
from typing import TYPE_CHECKING

import click

from landscape.analysis.fidelity_settings import FidelitySettings
from landscape.cli.from_settings import settings_options
from landscape.cli.measured import Asked, measure_each, measured_options, show_each
from landscape.cli.output import print_table
from landscape.cli.plain import echo

if TYPE_CHECKING:
    from landscape.results import Fidelity
    from landscape.values import Estimate


@click.command()
@settings_options(FidelitySettings, "wanted")
@measured_options
def fidelity(wanted: FidelitySettings, asked: Asked) -> None:
    """Set the measured rise of the loss of CHECKPOINTS against what curvature predicts."""
    from landscape.analysis.fidelity import fidelity as measure

    results = measure_each("fidelity", partial(measure, settings=wanted), asdict(wanted), asked)
    show_each(results, _print, as_json=asked.as_json)


def _print(result: "Fidelity") -> None:
    from landscape.report.numbers import rounded  # late: it brings Matplotlib

    label = result.subject.label
    predicted = ("direction", *result.operators, "exponent", "cusp slope")
    rows = [
        (
            d.name,
            *(f"{c:.3g}" for c in d.curvatures),
            _with_error(d.exponent),
            _with_error(d.cusp_slope),
        )
        for d in result.directions
    ]
    print_table(predicted, rows, title=f"{label}: vᵀAv (loss/θ²) and the shape of the rise")
    measured = ("direction", *(f"r={r:g}" for r in result.radii))
    rows = [
        (
            d.name,
            *(rounded(k, e).text() for k, e in zip(d.kappa, d.kappa_stderr, strict=True)),
        )
        for d in result.directions
    ]
    print_table(measured, rows, title=f"{label}: κ(r), the curvature that the loss shows (loss/θ²)")
    for row in result.slope_sweep:
        ratio = "-" if row.ratio is None else f"{row.ratio:.3g}"
        rank = "-" if row.rank_correlation is None else f"{row.rank_correlation:.2f}"
        echo(f"slope x {row.factor:g}, {row.operator}: κ/vAv {ratio}, Spearman {rank}")
    echo(result.sentence)


def _with_error(estimate: "Estimate | None") -> str:
    if estimate is None:
        return "-"
    from landscape.report.numbers import rounded  # late: it brings Matplotlib

    return rounded(estimate.mean, estimate.stderr, digits=3).text()
