"""``landscape sharpness``: how much the loss rises around a checkpoint, by many measures."""

from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from landscape.analysis.sharpness_settings import MEASURED, SharpnessSettings
from landscape.cli.gated import sharpness_names, subject_names, values_of
from landscape.cli.gates import apply_gates, check_gates, gate_option
from landscape.cli.measured import measure_each, measured_options, show_each
from landscape.cli.number_lists import numbers, words
from landscape.cli.output import print_table

if TYPE_CHECKING:
    from landscape.analysis.target import TargetSettings
    from landscape.gates import Gate
    from landscape.results import Measure, SharpnessTable

_DEFAULT = SharpnessSettings()


@click.command()
@click.option(
    "--measures",
    default=",".join(MEASURED),
    callback=words,
    show_default=True,
    help="Which, comma-separated.",
)
@click.option(
    "--scales",
    default=",".join(_DEFAULT.scales),
    callback=words,
    show_default=True,
    help="Of perturbations: none, filter, weight. The scaled ones are blind to rescaled weights.",
)
@click.option(
    "--radii",
    default=",".join(map(str, _DEFAULT.radii)),
    callback=numbers,
    show_default=True,
    help="Of noise, as fractions of the weights.",
)
@click.option(
    "--ball-radii",
    default=",".join(map(str, _DEFAULT.ball_radii)),
    callback=numbers,
    show_default=True,
    help="Of worst-case and SAM's perturbations, as fractions of the weights.",
)
@click.option(
    "--num-pairs",
    type=click.IntRange(min=2),
    default=_DEFAULT.num_pairs,
    show_default=True,
    help="Antithetic pairs of noise.",
)
@click.option(
    "--num-restarts",
    type=click.IntRange(min=1),
    default=_DEFAULT.num_restarts,
    show_default=True,
    help="Starts of the ascent to the worst case.",
)
@click.option(
    "--num-steps",
    type=click.IntRange(min=1),
    default=_DEFAULT.num_steps,
    show_default=True,
    help="Steps of each ascent.",
)
@click.option(
    "--accuracy-drop",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    default=_DEFAULT.accuracy_drop,
    show_default=True,
    help="What the tolerated noise may cost.",
)
@click.option(
    "--num-probes",
    type=click.IntRange(min=2),
    default=_DEFAULT.num_probes,
    show_default=True,
    help="Of relative flatness.",
)
@click.option(
    "--num-layers",
    type=click.IntRange(min=1),
    default=_DEFAULT.num_layers,
    show_default=True,
    help="Relative flatness of the last so many layers.",
)
@gate_option
@measured_options
def sharpness(
    checkpoints: tuple[Path, ...],
    gates: "tuple[Gate, ...]",
    out: Path | None,
    as_json: bool,
    quiet: bool,
    settings: "TargetSettings",
    **chosen: Any,
) -> None:
    """Measure the sharpness of CHECKPOINTS, each value with its error.

    Checkpoints of one network are compared under the same noise.
    """
    from landscape.analysis.sharpness import sharpness as measure

    wanted = SharpnessSettings(**chosen)
    check_gates(gates, [*subject_names(), *sharpness_names(wanted)])
    results = measure_each(
        "sharpness",
        partial(measure, settings=wanted),
        asdict(wanted),
        checkpoints=checkpoints,
        settings=settings,
        out=out,
        quiet=quiet,
    )
    show_each(results, _print, as_json=as_json)
    apply_gates(gates, [(r.subject.label, values_of([r], main="hessian"), "") for r in results])


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
