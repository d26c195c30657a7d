"""``landscape fidelity``: whether curvature predicts how the loss really rises."""

from dataclasses import asdict
from functools import partial
from typing import TYPE_CHECKING

import click

from landscape.analysis.fidelity.settings import FidelitySettings
from landscape.cli.from_settings import settings_options
from landscape.cli.measured import Asked, measure_each, measured_options, show_each
from landscape.cli.output import print_table
from landscape.cli.plain import echo
from landscape.cli.stdout import Command
from landscape.page.cells import number_cell
from landscape.page.columns import estimate_column, text_column
from landscape.page.table import Column, Table

if TYPE_CHECKING:
    from landscape.results import DirectionFidelity, Fidelity


@click.command(cls=Command)
@settings_options(FidelitySettings, "wanted")
@measured_options
def fidelity(wanted: FidelitySettings, asked: Asked) -> None:
    """Set the measured rise of the loss of CHECKPOINTS against what curvature predicts."""
    from landscape.analysis.fidelity.run import fidelity as measure

    results = measure_each("fidelity", partial(measure, settings=wanted), asdict(wanted), asked)
    show_each(results, _print, as_json=asked.as_json)


def _print(result: "Fidelity") -> None:
    label = result.subject.label
    predicted: list[Column[DirectionFidelity]] = [
        _DIRECTION,
        *(_predicted(at, name) for at, name in enumerate(result.operators)),
        estimate_column("exponent", lambda d: d.exponent, digits=3),
        estimate_column("cusp slope", lambda d: d.cusp_slope, digits=3),
    ]
    measured = [_DIRECTION, *(_measured(at, r) for at, r in enumerate(result.radii))]
    for caption, columns in (
        ("vᵀAv (loss/θ²) and the shape of the rise", predicted),
        ("κ(r), the curvature that the loss shows (loss/θ²)", measured),
    ):
        print_table(Table(caption=f"{label}: {caption}", columns=columns, rows=result.directions))
    for row in result.slope_sweep:
        ratio = "-" if row.ratio is None else f"{row.ratio:.3g}"
        rank = "-" if row.rank_correlation is None else f"{row.rank_correlation:.2f}"
        echo(f"slope x {row.factor:g}, {row.operator}: κ/vAv {ratio}, Spearman {rank}")
    echo(result.sentence)


_DIRECTION: Column["DirectionFidelity"] = text_column("direction", lambda d: d.name)


def _predicted(at: int, operator: str) -> Column["DirectionFidelity"]:
    return text_column(operator, lambda d: f"{d.curvatures[at]:.3g}")


def _measured(at: int, radius: float) -> Column["DirectionFidelity"]:
    return Column(
        title=f"r={radius:g}", cell=lambda d: number_cell(d.kappa[at], d.kappa_stderr[at])
    )
