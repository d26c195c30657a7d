"""What ``landscape surface`` leaves: results, figures and exports, and a table on stdout."""

from collections.abc import Sequence
from pathlib import Path

from matplotlib.figure import Figure

from landscape.cli.ending import print_numbers, print_paths
from landscape.cli.output import print_json, print_table
from landscape.cli.plain import echo
from landscape.cli.surface_settings import surface_stem
from landscape.files import remove_partial, write_atomic
from landscape.page.material import slug
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
) -> list[tuple[str, Path]]:
    """Results as ``results/LABEL/line.json`` and the like, exports beside them, figures apart.

    Figures are ``width`` inches wide; None: as their contents ask for. Returns what was written,
    and where.
    """
    written: list[tuple[str, Path]] = []
    for result in results:
        path = result_path(folder, result.subject.label, surface_name(result))
        save_result(result, path)
        written.append(("numbers", path))
        if "csv" in exports:
            write_atomic(path.with_suffix(".csv"), surface_csv(result))
            written.append(("CSV", path.with_suffix(".csv")))
        if "vtk" in exports and isinstance(result, LossPlane):
            write_atomic(path.with_suffix(".vtu"), surface_vtu(result))
            written.append(("VTK", path.with_suffix(".vtu")))
        if "hdf5" in exports:
            write_hdf5(result, path.with_suffix(".h5"))
            written.append(("HDF5", path.with_suffix(".h5")))
    written += [("figure", path) for path in _draw(folder / "figures", results, width)]
    _sweep(folder, results)
    return written


def _draw(figures: Path, results: Sequence[Surface], width: float | None) -> list[Path]:
    """The lines together, the planes together, and each plane by itself; the PNG of each."""
    drawn: list[Path] = []

    def save(figure: Figure, name: str) -> None:
        save_figure(figure, figures / name)
        drawn.append(figures / f"{name}.png")

    lines = [r for r in results if isinstance(r, LossLine)]
    planes = [r for r in results if isinstance(r, LossPlane)]
    with figure_style():
        if lines:
            figure = new_figure(*panel_size(width))
            ax = figure.subplots()
            plot_line(lines, ax)
            legend_above(ax, figure)
            save(figure, surface_name(lines[0]))
        if planes:
            across = width or (TEXT_WIDTH if len(planes) > 1 else 3.6)
            figure = new_figure(across, 2.7 * -(-len(planes) // panels_across(across)))
            plot_planes(planes, figure)
            save(figure, surface_name(planes[0]))
        for number, plane in enumerate(planes, 1):
            figure = new_figure(width or 4.4, 3.6 / 4.4 * (width or 4.4))
            plot_plane_3d(plane, figure.add_subplot(projection="3d"), scale_of=planes)
            stem = surface_stem("surface", plane.directions[0].kind)
            save(figure, f"{stem}-{number}-{slug(plane.subject.label)}")
    return drawn


def _sweep(folder: Path, results: Sequence[Surface]) -> None:
    for result in results:
        name = surface_name(result)
        for place in (folder / "figures", result_path(folder, result.subject.label, name).parent):
            for stem in (name, "surface"):
                remove_partial(place, stem)


def surface_name(result: Surface) -> str:
    """The stem of its files, as those of a report are called."""
    if isinstance(result, LossLine):
        return surface_stem("line", result.direction.kind)
    return surface_stem("plane", result.directions[0].kind)


def print_surfaces(
    results: Sequence[Surface], written: Sequence[tuple[str, Path]], *, as_json: bool
) -> None:
    """The measures read off each surface, and what was written; or the whole records."""
    if as_json:
        print_json(results)
        return
    lines = [r for r in results if isinstance(r, LossLine)]
    planes = [r for r in results if isinstance(r, LossPlane)]
    for table in surface_tables(lines, planes):
        print_table(table)
    print_numbers(results)
    print_paths(written)
    for advice in threshold_advice(lines, planes):
        echo(advice, err=True)
