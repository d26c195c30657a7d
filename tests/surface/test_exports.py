"""Exports, each read back by a program that is not ours."""

import csv
import dataclasses
import io

import numpy as np
import pytest

from landscape.results import DirectionSpec, LossLine, LossPlane, Provenance, Subject
from landscape.surface.exports import surface_csv, surface_vtu, write_hdf5

SUBJECT = Subject(
    label="a", checkpoint="a.pt", checkpoint_sha256="0", model="m", spiking=False, num_params=2,
    data="d", data_source="s", split="train", num_examples=1, examples_sha256="0",
    loss_name="mse", loss=1.0, grad_norm=0.0,
)  # fmt: skip
PROVENANCE = Provenance(command="", seed=0, device="cpu", num_threads=1, seconds=0.0)
SPEC = DirectionSpec(kind="random", normalisation="filter", sha256="0", norm=1.0)
X, Y = np.array([-1.0, 0.0, 1.0]), np.array([-2.0, 0.0, 2.0, 4.0])


@pytest.fixture
def plane():
    losses = X[:, None] + 10 * Y
    losses[0, 0] = np.nan
    return LossPlane(
        subject=SUBJECT, provenance=PROVENANCE, directions=(SPEC, SPEC), x_axis=X, y_axis=Y,
        losses=losses, accuracies=np.full((3, 4), 0.25), metrics={"brier": losses**2},
    )  # fmt: skip


@pytest.fixture
def line():
    return LossLine(subject=SUBJECT, provenance=PROVENANCE, direction=SPEC, axis=X, losses=X / 3)


def test_meshio_opens_the_vtk_file_with_every_value_at_its_point(plane, tmp_path):
    meshio = pytest.importorskip("meshio")
    path = tmp_path / "plane.vtu"
    path.write_text(surface_vtu(plane))
    mesh = meshio.read(path)
    loss = mesh.point_data["loss"]
    finite = np.isfinite(loss)
    np.testing.assert_array_equal(mesh.points[finite, 2], loss[finite])
    np.testing.assert_array_equal(
        loss[finite], (mesh.points[:, 0] + 10 * mesh.points[:, 1])[finite]
    )
    assert (~finite).sum() == 1
    (cells,) = mesh.cells
    assert cells.type == "quad"
    assert len(cells.data) == 2 * 3 - 1  # the cell at the lost point is left out
    assert not np.isin(np.flatnonzero(~finite), cells.data).any()
    assert set(mesh.point_data) == {"loss", "accuracy", "brier"}


def test_the_csv_reads_back_bit_for_bit(plane, line):
    rows = list(csv.DictReader(io.StringIO(surface_csv(plane))))
    assert len(rows) == 12
    for row in rows:
        i, j = X.tolist().index(float(row["x"])), Y.tolist().index(float(row["y"]))
        np.testing.assert_array_equal(float(row["loss"]), plane.losses[i, j])
        assert float(row["accuracy"]) == 0.25
    rows = list(csv.DictReader(io.StringIO(surface_csv(line))))
    assert [float(r["loss"]) for r in rows] == line.losses.tolist()


def test_the_hdf5_file_fits_the_meshgrid_of_the_scripts_that_read_it(plane, line, tmp_path):
    h5py = pytest.importorskip("h5py")
    write_hdf5(plane, tmp_path / "plane.h5")
    with h5py.File(tmp_path / "plane.h5") as file:
        x, y = np.meshgrid(file["xcoordinates"][:], file["ycoordinates"][:])
        losses = file["train_loss"][:]
        assert losses.shape == x.shape
        finite = np.isfinite(losses)
        np.testing.assert_array_equal(losses[finite], (x + 10 * y)[finite])
        assert (file["train_acc"][:] == 25).all()
    tested = dataclasses.replace(line, subject=dataclasses.replace(SUBJECT, split="test"))
    write_hdf5(tested, tmp_path / "line.h5")
    with h5py.File(tmp_path / "line.h5") as file:
        assert set(file) == {"xcoordinates", "test_loss"}


def test_without_h5py_the_remedy_is_named(line, tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "h5py", None)
    with pytest.raises(ValueError, match=r"pip install 'landscape-snn\[hdf5\]'"):
        write_hdf5(line, tmp_path / "line.h5")
    assert not (tmp_path / "line.h5").exists()
