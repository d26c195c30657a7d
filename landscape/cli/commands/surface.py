"""``landscape surface``: the loss along lines and over planes through checkpoints."""

import click

from landscape.analysis.surface.settings import SurfaceSettings
from landscape.cli.from_settings import settings_options
from landscape.cli.measured import Asked, measured_options
from landscape.cli.options import width_option
from landscape.cli.stdout import Command
from landscape.cli.surface_settings import SurfaceRequest


@click.command(cls=Command)
@settings_options(SurfaceRequest, "request")
@settings_options(SurfaceSettings, "points")
@click.option(
    "--export",
    "exports",
    multiple=True,
    type=click.Choice(["csv", "vtk", "hdf5"]),
    help="Also in these formats; repeatable.",
)
@width_option("the figures in --out")
@measured_options
def surface(
    request: SurfaceRequest,
    points: SurfaceSettings,
    exports: tuple[str, ...],
    width: float | None,
    asked: Asked,
) -> None:
    """Measure the loss of CHECKPOINTS along a line, or over a plane with --y.

    One forward pass a point. Run again to go on after an interruption.

    \b
    landscape surface net.safetensors -o reports/net --x=-1:1:51
    landscape surface a.safetensors b.safetensors -o reports/ab --y=-1:1:15
    landscape surface a.safetensors b.safetensors -o reports/ab --direction bezier
    """
    from landscape.cli.surface_output import print_surfaces, write_surfaces
    from landscape.cli.surface_run import SurfaceRun

    run = SurfaceRun(asked=asked, request=request, points=points)
    results = run.measure()
    if not results:
        return
    written = []
    if asked.out is not None:
        written = write_surfaces(asked.out, results, exports, width)
        run.end(results)
    print_surfaces(results, written, as_json=asked.as_json)
