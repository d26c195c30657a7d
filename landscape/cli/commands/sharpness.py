"""``landscape sharpness``: how much the loss rises around a checkpoint, by many measures."""

from dataclasses import asdict
from functools import partial
from typing import TYPE_CHECKING

import click

from landscape.analysis.sharpness.settings import SharpnessSettings
from landscape.cli.from_settings import settings_options
from landscape.cli.gated import sharpness_names, subject_names, values_of
from landscape.cli.gates import apply_gates, check_gates, gate_option
from landscape.cli.measured import Asked, measure_each, measured_options, show_each
from landscape.cli.output import print_table
from landscape.cli.stdout import Command
from landscape.page.columns import text_column
from landscape.page.table import Column, Table

if TYPE_CHECKING:
    from landscape.gates import Gate
    from landscape.results import Measure, SharpnessTable


@click.command(cls=Command)
@settings_options(SharpnessSettings, "wanted")
@gate_option("expected_rise[filter,0.03] > 0.1")
@measured_options
def sharpness(wanted: SharpnessSettings, gates: "tuple[Gate, ...]", asked: Asked) -> None:
    """Measure the sharpness of CHECKPOINTS, each value with its error.

    Checkpoints of one network are compared under the same noise.
    """
    from landscape.analysis.sharpness.run import sharpness as measure

    check_gates(gates, [*subject_names(), *sharpness_names(wanted)])
    results = measure_each("sharpness", partial(measure, settings=wanted), asdict(wanted), asked)
    show_each(results, _print, as_json=asked.as_json)
    apply_gates(gates, [(r.subject.label, values_of([r], main="hessian"), "") for r in results])


def _print(result: "SharpnessTable") -> None:
    from landscape.results import flatter_arrow, measure_title

    spiking = result.subject.spiking
    columns: list[Column[Measure]] = [
        text_column("measure", lambda row: measure_title(row, spiking=spiking)),
        text_column("value", lambda row: f"{row.bound} {row.value:.4g}".lstrip()),
        text_column(
            "± stderr", lambda row: "" if row.stderr is None else f"{row.stderr:.2g}", missing=""
        ),
        text_column("flatter", flatter_arrow, missing=""),
        text_column("unit", lambda row: row.unit, missing=""),
        text_column("note", lambda row: row.note, missing=""),
    ]
    print_table(Table(caption=result.subject.label, columns=columns, rows=result.rows))
