"""``landscape fidelity``: whether curvature predicts how the loss really rises."""

from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from landscape.analysis.fidelity_settings import FidelitySettings
from landscape.cli.measured import measure_each, measured_options, show_each
from landscape.cli.number_lists import numbers, words
from landscape.cli.output import print_table
from landscape.cli.plain import echo

if TYPE_CHECKING:
    from landscape.analysis.target import TargetSettings
    from landscape.results import Fidelity
    from landscape.values import Estimate

_DEFAULT = FidelitySettings()


@click.command()
@click.option(
    "--operators",
    callback=words,
    help="hessian,ggn,fisher,smooth-hessian.  [default: all but fisher]",
)
@click.option(
    "--radii",
    default=",".join(f"{r:g}" for r in _DEFAULT.radii),
    callback=numbers,
    show_default=True,
    help="Distances, as fractions of the weights' norm.",
)
@click.option(
    "--num-top",
    type=click.IntRange(min=1),
    default=_DEFAULT.num_top,
    show_default=True,
    help="Top eigenvectors of each operator.",
)
@click.option(
    "--num-bottom",
    type=click.IntRange(min=0),
    default=_DEFAULT.num_bottom,
    show_default=True,
    help="Bottom eigenvectors of operators that are not positive semidefinite.",
)
@click.option(
    "--num-random",
    type=click.IntRange(min=0),
    default=_DEFAULT.num_random,
    show_default=True,
    help="Isotropic random directions.",
)
@click.option(
    "--num-filter",
    type=click.IntRange(min=0),
    default=_DEFAULT.num_filter,
    show_default=True,
    help="Filter-normalised random directions.",
)
@click.option(
    "--max-matvecs",
    type=click.IntRange(min=2),
    default=_DEFAULT.max_matvecs,
    show_default=True,
    help="Matvecs for the eigenvectors of each operator.",
)
@click.option(
    "--fit-radius",
    type=float,
    default=_DEFAULT.fit_radius,
    show_default=True,
    help="Exponent and cusp slope are fitted up to here.",
)
@click.option(
    "--smoothing-radius",
    type=float,
    default=_DEFAULT.smoothing_radius,
    show_default=True,
    help="Noise of the smoothed loss, as a fraction of the weights; 0 leaves it out.",
)
@click.option(
    "--num-pairs",
    type=click.IntRange(min=2),
    default=_DEFAULT.num_pairs,
    show_default=True,
    help="Antithetic pairs of that noise.",
)
@click.option(
    "--slopes",
    callback=numbers,
    help="Multiply the surrogate's slope by each, e.g. 0.5,1,2,4,8.",
)
@measured_options
def fidelity(
    checkpoints: tuple[Path, ...],
    out: Path | None,
    as_json: bool,
    quiet: bool,
    settings: "TargetSettings",
    **chosen: Any,
) -> None:
    """Set the measured rise of the loss of CHECKPOINTS against what curvature predicts."""
    from landscape.analysis.fidelity import fidelity as measure

    chosen["operators"] = chosen["operators"] or None
    chosen["smoothing_radius"] = chosen["smoothing_radius"] or None
    wanted = FidelitySettings(**chosen)
    results = measure_each(
        "fidelity",
        partial(measure, settings=wanted),
        asdict(wanted),
        checkpoints=checkpoints,
        settings=settings,
        out=out,
        quiet=quiet,
    )
    show_each(results, _print, as_json=as_json)


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
