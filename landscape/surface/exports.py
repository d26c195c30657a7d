"""Surfaces in the formats of other programs: CSV, VTK for ParaView, HDF5 for loss-landscape."""

import csv
import io
import itertools
import os
import tempfile
from pathlib import Path
from xml.sax.saxutils import quoteattr

import numpy as np
from numpy.typing import NDArray

from landscape.extras import library
from landscape.files import write_atomic
from landscape.results import LossLine, LossPlane

Surface = LossLine | LossPlane


def surface_csv(result: Surface) -> str:
    """One row a point: coordinates, loss, accuracy where there is one, metrics; NaN as ``nan``."""
    axes, values = _axes(result), _values(result)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*("x", "y")[: len(axes)], *values])
    columns = [v.ravel().tolist() for v in values.values()]
    for k, point in enumerate(itertools.product(*(axis.tolist() for axis in axes))):
        writer.writerow([*map(repr, point), *(repr(column[k]) for column in columns)])
    return text.getvalue()


def surface_vtu(plane: LossPlane) -> str:
    """A VTK unstructured grid (XML, ASCII) of quadrilaterals at height z = loss.

    Every value is in the point data as measured. A point whose loss is not finite has height 0,
    and the quadrilaterals that touch it are left out.
    """
    x, y = np.meshgrid(plane.x_axis, plane.y_axis, indexing="ij")
    finite = np.isfinite(plane.losses)
    points = np.stack([x, y, np.where(finite, plane.losses, 0.0)], axis=-1).reshape(-1, 3)
    number = np.arange(x.size).reshape(x.shape)
    whole = finite[:-1, :-1] & finite[1:, :-1] & finite[1:, 1:] & finite[:-1, 1:]
    corners = (number[:-1, :-1], number[1:, :-1], number[1:, 1:], number[:-1, 1:])
    quads = np.stack([c[whole] for c in corners], axis=-1)
    data = "\n".join(_data_array(name, v.ravel()) for name, v in _values(plane).items())
    kinds = np.full(len(quads), 9, dtype=np.uint8)  # 9: VTK_QUAD
    return f"""<?xml version="1.0"?>
<VTKFile type="UnstructuredGrid" version="0.1" byte_order="LittleEndian">
<UnstructuredGrid>
<Piece NumberOfPoints="{len(points)}" NumberOfCells="{len(quads)}">
<Points>
{_data_array("points", points)}
</Points>
<Cells>
{_data_array("connectivity", quads.ravel())}
{_data_array("offsets", 4 * np.arange(1, len(quads) + 1))}
{_data_array("types", kinds)}
</Cells>
<PointData Scalars="loss">
{data}
</PointData>
</Piece>
</UnstructuredGrid>
</VTKFile>
"""


def write_hdf5(result: Surface, path: Path) -> None:
    """Write the layout of tomgoldstein/loss-landscape, which its plotting scripts read.

    ``xcoordinates``, ``ycoordinates``, ``train_loss`` and ``train_acc`` (in percent), or ``test_…``
    for that split. Its scripts draw ``numpy.meshgrid(x, y)``, so a plane is stored with y first:
    shape (Y, X), here also for grids that are not square.

    Raises
    ------
    ValueError
        If h5py is not installed.
    """
    h5py = library("h5py", "writing HDF5", extra="hdf5")
    split = result.subject.split
    # h5py writes to files of its own; this one is then copied into place, whole.
    handle, name = tempfile.mkstemp(suffix=".h5")
    os.close(handle)
    try:
        with h5py.File(name, "w") as file:
            for key, axis in zip(("xcoordinates", "ycoordinates"), _axes(result), strict=False):
                file[key] = axis
            file[f"{split}_loss"] = result.losses.T
            if result.accuracies is not None:
                file[f"{split}_acc"] = 100 * result.accuracies.T
            for metric, values in result.metrics.items():
                file[f"{split}_{metric}"] = values.T
        write_atomic(path, Path(name).read_bytes())
    finally:
        Path(name).unlink()


def _axes(result: Surface) -> list[NDArray[np.float64]]:
    return [result.axis] if isinstance(result, LossLine) else [result.x_axis, result.y_axis]


def _values(result: Surface) -> dict[str, NDArray[np.float64]]:
    accuracy = {} if result.accuracies is None else {"accuracy": result.accuracies}
    return {"loss": result.losses} | accuracy | result.metrics


def _data_array(name: str, values: NDArray[np.generic]) -> str:
    kind = {"f": "Float64", "i": "Int64", "u": "UInt8"}[values.dtype.kind]
    width = f' NumberOfComponents="{values.shape[1]}"' if values.ndim > 1 else ""
    body = " ".join(map(repr, values.ravel().tolist()))
    return (
        f'<DataArray type="{kind}" Name={quoteattr(name)}{width} '
        f'format="ascii">\n{body}\n</DataArray>'
    )
