"""``landscape sharpness``: how much the loss rises around a checkpoint, by many measures."""

from dataclasses import asdict
from functools import partial
from typing import TYPE_CHECKING

import click

from landscape.analysis.sharpness_settings import SharpnessSettings
from landscape.cli.from_settings import settings_options
from landscape.cli.measured import Asked, measure_each, measured_options, show_each
from landscape.cli.output import print_table

if TYPE_CHECKING:
    from landscape.results import Measure, SharpnessTable


@click.command()
@settings_options(SharpnessSettings, "wanted")
@measured_options
def sharpness(wanted: SharpnessSettings, asked: Asked) -> None:
    """Measure the sharpness of CHECKPOINTS, each value with its error.

    Checkpoints of one network are compared under the same noise.
    """
    from landscape.analysis.sharpness import sharpness as measure

    results = measure_each("sharpness", partial(measure, settings=wanted), asdict(wanted), asked)
    show_each(results, _print, as_json=asked.as_json)


def _print(result: "SharpnessTable") -> None:
    columns = ("measure", "value", "± stderr", "flatter", "unit", "note")
    rows = [_cells(row, spiking=result.subject.spiking) for row in result.rows]
    print_table(columns, rows, title=result.subject.label)


def _cells(row: "Measure", *, spiking: bool) -> tuple[str, ...]:
    from landscape.results import flatter_arrow, measure_title

    stderr = "" if row.stderr is None else f"{row.stderr:.2g}"
    title = measure_title(row, spiking=spiking)
    value = f"{row.bound} {row.value:.4g}".lstrip()
    return title, value, stderr, flatter_arrow(row), row.unit, row.note
