"""A folder of results may be anybody's: what cannot be is refused, naming the file."""

import io
import json
import os
import zipfile
from dataclasses import replace

import numpy as np
import pytest

from landscape.results import (
    DirectionSpec,
    LossLine,
    Provenance,
    ResultError,
    Subject,
    load_result,
    save_result,
)


@pytest.fixture
def line():
    subject = Subject(
        label="a", checkpoint="a.pth", checkpoint_sha256="0" * 64, model="mlp", spiking=False,
        num_params=5, data="made", data_source="test", split="train", num_examples=3,
        examples_sha256="1" * 64, loss_name="mse", loss=0.5, grad_norm=0.1, notes=("one", "two"),
    )  # fmt: skip
    return LossLine(
        subject=subject,
        provenance=Provenance(command="x", seed=0, device="cpu", num_threads=1, seconds=1.0),
        direction=DirectionSpec(kind="random", normalisation="filter", sha256="2", norm=1.0),
        axis=np.array([-1.0, 0.0, 1.0]),
        losses=np.array([2.0, 0.5, np.inf]),
        metrics={"margin": np.zeros(3)},
    )


@pytest.fixture
def altered(line, tmp_path):
    """Save the line with one value of its document altered, at a dotted path."""

    def save(at, value):
        path = tmp_path / "line.json"
        save_result(line, path)
        document = json.loads(path.read_text())
        *parents, last = at.split(".")
        place = document
        for name in parents:
            place = place[name]
        place[last] = value
        path.write_text(value if at == "text" else json.dumps(document))
        return path

    return save


@pytest.mark.parametrize(
    ("at", "value", "fragment"),
    [
        ("schema_version", "1", "schema_version must be a whole number"),
        ("type", ["LossLine"], "type must be text"),
        ("type", "Result", "holds a 'Result'"),
        ("result", [1], "LossLine must be an object"),
        ("result.subject", "abc", "LossLine.subject must be an object"),
        ("result.subject.label", 5, "subject.label must be text, not 5"),
        ("result.subject.label", "L" * 2000, "label has 2,000 characters; expected at most 300"),
        ("result.subject.data", "D" * 30_000, "expected at most 20,000"),
        ("result.subject.notes", "abc", "notes must be a list"),
        ("result.subject.notes", [1], "notes must be text"),
        ("result.subject.num_params", 0, "num_params must be a whole number from 1 on"),
        ("result.subject.num_params", 10**400, "num_params must be a whole number"),
        ("result.subject.spiking", 1, "spiking must be true or false"),
        ("result.subject.loss", "0.5", "loss must be a number"),
        ("result.subject.loss", 1e200, "loss must be a number"),
        ("result.subject.grad_norm", -1, "grad_norm must be a number from 0"),
        ("result.subject.loss", float("inf"), "no finite number"),
        ("result.provenance.versions", {"x": 5}, "versions.x must be text"),
        ("result.losses", {"npz": ["losses"]}, "losses must be the name of an array"),
        ("result.losses", {"npz": "nowhere"}, "has no array 'nowhere'"),
        ("result.axis", {"npz": "losses"}, "not finite"),
        ("result.metrics", [1], "metrics must be an object"),
        ("text", "[" * 100_000, "not a result"),
        ("text", '{"type": 1, "type": 2}', "one key twice"),
        ("text", '{"schema_version": 1e999}', "no finite number"),
    ],
)
def test_values_that_no_field_can_have_are_refused(altered, at, value, fragment):
    path = altered(at, value)
    with pytest.raises(ResultError) as caught:
        load_result(path)
    assert str(path) in str(caught.value)
    assert fragment in str(caught.value)
    assert len(str(caught.value)) < 600


def test_text_of_a_result_cannot_drive_a_terminal(altered):
    loaded = load_result(altered("result.subject.label", "a\x1b[2J\0\u202e\ud800é"))
    assert loaded.subject.label == r"a\x1b[2J\x00\u202e\ud800é"


def array_of(shape, dtype="<f8", data=b""):
    """An entry whose header declares ``shape``, whatever follows."""
    header = io.BytesIO()
    description = {"descr": dtype, "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(header, description)
    return header.getvalue() + data


@pytest.mark.parametrize(
    ("name", "entry", "fragment"),
    [
        ("axis", array_of((10**13,)), "declares arrays of more than 128 MiB"),
        ("axis", array_of((2**62, 2**62)), "declares arrays of more than 128 MiB"),
        ("axis", array_of((3,)), "expected 24 bytes"),
        ("axis", array_of((3,), "|O"), "not of numbers"),
        ("axis", array_of((3,), "<c16", bytes(48)), "not of numbers"),
        ("axis", array_of((3,), data=bytes(24)), "must ascend"),
        ("axis", array_of((0,)), "shape (X)"),
        ("losses", array_of((3, 3, 3), data=bytes(216)), "shape (X)"),
        ("losses", array_of((4,), data=bytes(32)), "unlike its fellows"),
        ("metrics.margin", array_of((2,), data=bytes(16)), "unlike its fellows"),
        ("axis", b"x" * 100, "magic"),
    ],
)
def test_arrays_are_bounded_and_fit_one_another(line, tmp_path, name, entry, fragment):
    path = tmp_path / "line.json"
    save_result(line, path)
    with zipfile.ZipFile(path.with_suffix(".npz")) as archive:
        entries = {n: archive.read(n) for n in archive.namelist()} | {f"{name}.npy": entry}
    with zipfile.ZipFile(path.with_suffix(".npz"), "w") as archive:
        for n, raw in entries.items():
            archive.writestr(n, raw)
    with pytest.raises(ResultError) as caught:
        load_result(path)
    assert str(path) in str(caught.value)
    assert fragment in str(caught.value)


def test_arrays_that_no_field_names_are_not_read(line, tmp_path):
    path = tmp_path / "line.json"
    save_result(line, path)
    with zipfile.ZipFile(path.with_suffix(".npz"), "a") as archive:
        archive.writestr("bomb.npy", array_of((10**13,)))
    assert load_result(path).axis.tolist() == [-1, 0, 1]


@pytest.mark.parametrize("field", ["flag_bits", "compress_type"])
def test_archives_packed_by_no_known_method_are_refused(line, tmp_path, field):
    path = tmp_path / "line.json"
    save_result(line, path)
    raw = bytearray(path.with_suffix(".npz").read_bytes())
    for signature, at in ((b"PK\1\2", 8), (b"PK\3\4", 6)):
        start = -1
        while (start := raw.find(signature, start + 1)) >= 0:
            if field == "flag_bits":
                raw[start + at] |= 1  # encrypted
            else:
                raw[start + at + 2] = 97
    path.with_suffix(".npz").write_bytes(raw)
    with pytest.raises(ResultError, match=r"line\.json is damaged"):
        load_result(path)


def test_losses_too_large_to_calculate_with_are_infinite(line, tmp_path):
    path = tmp_path / "line.json"
    save_result(replace(line, losses=np.array([1e200, 0.5, -1e200])), path)
    assert load_result(path).losses.tolist() == [np.inf, 0.5, -np.inf]


def test_what_is_no_file_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe.json")
    (tmp_path / "zero.json").symlink_to("/dev/zero")
    for name in ("pipe", "zero"):
        with pytest.raises(ResultError, match="no regular file"):
            load_result(tmp_path / f"{name}.json")
