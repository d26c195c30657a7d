"""What ``landscape surface`` leaves: results, figures and exports, and a table on stdout."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from landscape.cli.output import print_json, print_table, result_path
from landscape.files import write_atomic
from landscape.plotting import (
    TEXT_WIDTH,
    figure_style,
    legend_above,
    new_figure,
    plot_line,
    plot_plane_3d,
    plot_planes,
    save_figure,
)
from landscape.results import LineMeasures, LossLine, LossPlane, save_result
from landscape.surface.exports import surface_csv, surface_vtu, write_hdf5

Surface = LossLine | LossPlane


def write_surfaces(folder: Path, results: Sequence[Surface], exports: Sequence[str]) -> None:
    """Results as ``results/LABEL/line.json`` and the like, exports beside them, figures apart."""
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
            figure = new_figure(TEXT_WIDTH, 3.2)
            ax = figure.subplots()
            plot_line(lines, ax)
            legend_above(ax, figure)
            save_figure(figure, figures / surface_name(lines[0]))
        if planes:
            figure = new_figure(TEXT_WIDTH, 2.9 * -(-len(planes) // 3))
            plot_planes(planes, figure)
            save_figure(figure, figures / surface_name(planes[0]))
        for plane in planes:
            figure = new_figure(TEXT_WIDTH, 4.0)
            plot_plane_3d(plane, figure.add_subplot(projection="3d"))
            save_figure(figure, figures / f"{surface_name(plane)}-3d-{plane.subject.label}")


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
    through = [r for r in lines if r.measures is not None]
    beside = [r for r in lines if r.measures is None]  # e.g. from one checkpoint to another
    planes = [r for r in results if isinstance(r, LossPlane)]
    for members, columns in ((through, _LINE), (beside, _PATH), (planes, _PLANE)):
        if members:
            rise = next((r.measures.threshold for r in members if r.measures is not None), 0.0)
            print_table([c.format(rise) for c in columns], [_row(r) for r in members])


_LINE = ("checkpoint", "loss", "lowest", "at x", "|x| of +{:g}", "asymmetry", "roughness")
_PATH = ("checkpoint", "loss", "lowest", "at x", "highest", "mean")
_PLANE = ("checkpoint", "loss", "lowest", "area of +{:g}", "not convex", "asymmetry", "roughness")


def _row(result: Surface) -> tuple[str, ...]:
    finite = np.isfinite(result.losses)
    lowest = float(result.losses[finite].min()) if finite.any() else None
    start = (result.subject.label, _text(result.subject.loss), _text(lowest))
    m = result.measures
    end = (_text(m.asymmetry), _text(m.roughness)) if m is not None else ("–", "–")
    if isinstance(result, LossLine):
        at = float(result.axis[finite][result.losses[finite].argmin()]) if finite.any() else None
        if result.measures is None:
            highest, mean = float(result.losses.max()), float(result.losses.mean())
            return (*start, _text(at), _text(highest), _text(mean))
        return (*start, _text(at), _radius(result.measures, result.axis), *end)
    if result.measures is None:
        return (*start, "–", "–", *end)
    bound = "> " if result.measures.sublevel_cut else ""
    share = result.measures.nonconvex_fraction
    return (
        *start,
        f"{bound}{result.measures.sublevel_area:.4g}",
        "–" if share is None else f"{share:.0%}",
        *end,
    )


def _radius(measures: LineMeasures, axis: NDArray[np.float64]) -> str:
    """Mean and standard error over directions; a bound where the loss does not rise so far."""
    found = [r for r in measures.threshold_radii if r is not None]
    count = len(measures.threshold_radii)
    if len(found) < count:
        unreached = f"{count - len(found)} of {count} " if count > 1 else ""
        return f"{unreached}> {min(-axis[0], axis[-1]):.4g}"
    mean = f"{np.mean(found):.4g}"
    return f"{mean} ± {np.std(found, ddof=1) / count**0.5:.2g}" if count > 1 else mean


def _text(value: float | None) -> str:
    return "–" if value is None else f"{value:.4g}"
