"""``landscape surface``: the loss along lines and over planes through checkpoints."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from landscape.cli.named import operator_option
from landscape.cli.options import params_option, target_options

if TYPE_CHECKING:
    from landscape.analysis.target import TargetSettings

_NORMALISATIONS = ["filter", "layer", "none"]
_DIRECTIONS = ["random", "eigenvector", "between", "bezier", "trajectory"]


@click.command()
@click.argument("checkpoints", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--out", "-o", type=click.Path(path_type=Path), help="Folder of a report.")
@click.option(
    "--x",
    "x_text",
    metavar="A:B:N",
    help="N coordinates from A to B.  [default: -1:1:51; of a plane -1:1:25; between and bezier "
    "0:1:25; trajectory: around it]",
)
@click.option("--y", "y_text", metavar="A:B:N", help="The second axis: a plane, not a line.")
@click.option(
    "--direction",
    type=click.Choice(_DIRECTIONS),
    default="random",
    show_default=True,
    help="between and bezier: from the first checkpoint (0) to the second (1); trajectory: "
    "principal components of its training snapshots.",
)
@click.option(
    "--normalise",
    type=click.Choice(_NORMALISATIONS),
    help="Rescale directions to the weights.  [default: filter if random, else none]",
)
@click.option(
    "--num-directions",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    help="Random lines to measure, for their spread.",
)
@click.option(
    "--directions",
    "directions_file",
    type=click.Path(path_type=Path),
    help="Walk along the directions in this file.",
)
@click.option(
    "--save-directions",
    type=click.Path(path_type=Path),
    help="Keep the directions, before rescaling, in this file.",
)
@operator_option(
    "none",
    help="Of the eigenvectors and the quadratic prediction; none: no prediction.",
)
@params_option
@click.option(
    "--eigenvectors",
    default=None,
    metavar="I[,J]",
    help="1 is the largest eigenvalue's, -1 the smallest's.  [default: 1 or 1,2]",
)
@click.option(
    "--max-matvecs",
    type=click.IntRange(min=1),
    default=500,
    show_default=True,
    help="For the eigenvectors.",
)
@click.option(
    "--snapshots",
    type=click.Path(path_type=Path),
    help="Folder of the run's snapshots.  [default: CHECKPOINT.snapshots]",
)
@click.option(
    "--bend-steps",
    type=click.IntRange(min=1),
    default=200,
    show_default=True,
    help="Training steps of the Bezier curve's bend.",
)
@click.option("--bend-lr", type=float, default=0.01, show_default=True)
@click.option(
    "--refine",
    "halvings",
    type=click.IntRange(min=0),
    default=0,
    show_default=True,
    help="Halve the steps beside the minimum so many times.",
)
@click.option(
    "--bn-recalibrate/--bn-keep",
    "recalibrate",
    default=None,
    help="Batch norm's running statistics at each point.  [default: recalibrated for "
    "between and bezier, else kept]",
)
@click.option(
    "--metric",
    "metrics",
    multiple=True,
    metavar="SPEC",
    help="A further value at each point: module:function(outputs, targets).",
)
@click.option(
    "--threshold",
    type=float,
    default=0.1,
    show_default=True,
    help="The rise of the loss whose radius and area are given, in units of the loss.",
)
@click.option("--shard", metavar="I/N", help="Measure part I of N of the points only.")
@click.option(
    "--merge",
    type=click.IntRange(min=2),
    metavar="N",
    help="Put the N shards together; nothing is measured.",
)
@click.option("--force", is_flag=True, help="Forget the points measured before.")
@click.option(
    "--export",
    "exports",
    multiple=True,
    type=click.Choice(["csv", "vtk", "hdf5"]),
    help="Also in these formats; repeatable.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object a checkpoint on stdout.")
@click.option("--quiet", "-q", is_flag=True, help="No progress.")
@target_options
def surface(
    checkpoints: tuple[Path, ...],
    out: Path | None,
    exports: tuple[str, ...],
    as_json: bool,
    quiet: bool,
    settings: "TargetSettings",
    **options: Any,
) -> None:
    """Measure the loss of CHECKPOINTS along a line, or over a plane with --y.

    One forward pass a point. Run again to go on after an interruption.

    \b
    landscape surface net.safetensors -o reports/net --x=-1:1:51
    landscape surface a.safetensors b.safetensors -o reports/ab --x=-1:1:25 --y=-1:1:25
    landscape surface a.safetensors b.safetensors -o reports/ab --direction bezier
    """
    from landscape.cli.surface_output import print_surfaces, write_surfaces
    from landscape.cli.surface_run import SurfaceRun

    run = SurfaceRun(checkpoints=checkpoints, out=out, quiet=quiet, settings=settings, **options)
    results = run.measure()
    if out is not None and results:
        write_surfaces(out, results, exports)
        run.end(results)
    if results:
        print_surfaces(results, as_json=as_json)
