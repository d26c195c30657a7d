"""What ``landscape surface`` leaves: results, figures and exports, and a table on stdout."""

from collections.abc import Sequence
from pathlib import Path

from landscape.cli.output import print_json, print_table
from landscape.cli.plain import echo
from landscape.files import remove_partial, write_atomic
from landscape.plotting import (
    TEXT_WIDTH,
    figure_style,
    legend_above,
    new_figure,
    panel_size,
    panels_across,
    plot_line,
    plot_plane_3d,
    plot_planes,
    save_figure,
)
from landscape.report.sections.surface_tables import surface_tables, threshold_advice
from landscape.results import LossLine, LossPlane, result_path, save_result
from landscape.surface.exports import surface_csv, surface_vtu, write_hdf5

Surface = LossLine | LossPlane


def write_surfaces(
    folder: Path,
    results: Sequence[Surface],
    exports: Sequence[str],
    width: float | None = None,
) -> None:
    """Results as ``results/LABEL/line.json`` and the like, exports beside them, figures apart.

    Figures are ``width`` inches wide; None: as their contents ask for.
    """
    for result in results:
        path = result_path(folder, result.subject.label, surface_name(result))
        save_result(result, path)
        if "csv" in exports:
            write_atomic(path.with_suffix(".csv"), surface_csv(result))
        if "vtk" in exports and isinstance(result, LossPlane):
            write_atomic(path.with_suffix(".vtu"), surface_vtu(result))
        if "hdf5" in exports:
            write_hdf5(result, path.with_suffix(".h5"))
    figures = folder / "figures"
    lines = [r for r in results if isinstance(r, LossLine)]
    planes = [r for r in results if isinstance(r, LossPlane)]
    with figure_style():
        if lines:
            figure = new_figure(*panel_size(width))
            ax = figure.subplots()
            plot_line(lines, ax)
            legend_above(ax, figure)
            save_figure(figure, figures / surface_name(lines[0]))
        if planes:
            across = width or (TEXT_WIDTH if len(planes) > 1 else 3.6)
            figure = new_figure(across, 2.7 * -(-len(planes) // panels_across(across)))
            plot_planes(planes, figure)
            save_figure(figure, figures / surface_name(planes[0]))
        for plane in planes:
            figure = new_figure(width or 4.4, 3.6 / 4.4 * (width or 4.4))
            plot_plane_3d(plane, figure.add_subplot(projection="3d"), scale_of=planes)
            save_figure(figure, figures / f"{surface_name(plane)}-3d-{plane.subject.label}")
    _sweep(folder, results)


def _sweep(folder: Path, results: Sequence[Surface]) -> None:
    for result in results:
        name = surface_name(result)
        for place in (folder / "figures", result_path(folder, result.subject.label, name).parent):
            remove_partial(place, name)


def surface_name(result: Surface) -> str:
    """``line`` or ``plane``, with the kind of direction where it is not random."""
    is_line = isinstance(result, LossLine)
    kind = result.direction.kind if isinstance(result, LossLine) else result.directions[0].kind
    return ("line" if is_line else "plane") + ("" if kind == "random" else f"-{kind}")


def print_surfaces(results: Sequence[Surface], *, as_json: bool) -> None:
    """The measures read off each surface, or its whole record."""
    if as_json:
        print_json(results)
        return
    lines = [r for r in results if isinstance(r, LossLine)]
    planes = [r for r in results if isinstance(r, LossPlane)]
    for table in surface_tables(lines, planes):
        print_table(table)
    for advice in threshold_advice(lines, planes):
        echo(advice, err=True)
