"""``landscape surface`` from the outside: files, shards, processes, refusals."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from safetensors.torch import save_file
from torch import nn

from landscape.analysis.surface import eigenvector as surface_eigenvector
from landscape.cli import surface_output
from landscape.cli.commands.surface import surface
from landscape.results import load_result

FACTORY = """
from torch import nn
def make():
    return nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Tanh(), nn.Linear(4, 3))
"""


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "net.py").write_text(FACTORY)
    generator = torch.Generator().manual_seed(0)
    inputs = torch.randn(40, 3, generator=generator).numpy()
    np.savez(tmp_path / "xy.npz", x=inputs, y=np.arange(40) % 3)
    for seed in range(4):
        model = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Tanh(), nn.Linear(4, 3))
        for p in model.parameters():
            p.data.copy_(torch.randn(p.shape, generator=generator))
        place = tmp_path if seed < 2 else tmp_path / "0.snapshots"
        place.mkdir(exist_ok=True)
        save_file(model.state_dict(), place / f"{seed}.safetensors")
    return tmp_path


def _arguments(folder, *arguments, checkpoints=("0",)):
    files = [str(folder / f"{c}.safetensors") for c in checkpoints]
    fixed = ["--model", f"{folder / 'net.py'}:make", "--data", str(folder / "xy.npz")]
    return [*files, *fixed, "--loss", "cross-entropy", "--examples", "all", "-q", *arguments]


def _run(folder, *arguments, checkpoints=("0",)):
    result = CliRunner().invoke(
        surface, _arguments(folder, *arguments, checkpoints=checkpoints), catch_exceptions=False
    )
    assert result.exit_code == 0, result.output
    return result.stdout


def _result(folder, name, label="0"):
    return load_result(folder / "out" / "results" / label / f"{name}.json")


def test_two_checkpoints_share_a_direction_and_a_figure(folder):
    out = str(folder / "out")
    printed = _run(folder, "-o", out, "--x=-1:1:5", "--json", checkpoints=("0", "1"))
    records = [json.loads(line) for line in printed.splitlines()]
    assert [r["label"] for r in records] == ["0", "1"]
    first, second = (_result(folder, "line", label) for label in "01")
    assert first.direction.sha256 == second.direction.sha256
    assert first.direction.norm != second.direction.norm
    assert first.losses[2] == pytest.approx(first.subject.loss, rel=1e-6)
    assert {p.name for p in (folder / "out" / "figures").iterdir()} == {
        "line.pdf", "line.png", "line.svg",
    }  # fmt: skip


def test_shards_merged_equal_the_whole_and_need_all_of_them(folder):
    axes = ("--x=-1:1:4", "--y=-1:1:3", "--operator", "none")
    _run(folder, "-o", str(folder / "out"), *axes)
    whole = _result(folder, "plane").losses
    parts = ("-o", str(folder / "parts"), *axes)
    _run(folder, *parts, "--shard", "1/2")
    with pytest.raises(ValueError, match="is missing: run the same command with --shard"):
        _run(folder, *parts, "--merge", "2")
    _run(folder, *parts, "--shard", "2/2")
    assert not (folder / "parts" / "results" / "0" / "plane.json").exists()
    _run(folder, *parts, "--merge", "2")
    merged = load_result(folder / "parts" / "results" / "0" / "plane.json").losses
    np.testing.assert_array_equal(merged, whole)


@pytest.mark.dist
def test_processes_under_torchrun_share_the_points_and_the_first_puts_them_together(folder):
    axes = ("--x=-1:1:4", "--y=-1:1:3", "--operator", "none")
    program = "from landscape.cli import main; main()"
    command = [sys.executable, "-c", program, "surface"]
    command += _arguments(folder, "-o", str(folder / "out"), *axes)
    ranks = [
        subprocess.Popen(
            command,
            env=os.environ | {"RANK": str(rank), "WORLD_SIZE": "2", "OMP_NUM_THREADS": "1"},
            stdout=subprocess.PIPE,
        )
        for rank in (0, 1)
    ]
    printed = [process.communicate(timeout=300)[0] for process in ranks]
    assert [process.returncode for process in ranks] == [0, 0]
    assert printed[0]
    assert not printed[1]
    together = _result(folder, "plane").losses
    _run(folder, "-o", str(folder / "alone"), *axes)
    alone = load_result(folder / "alone" / "results" / "0" / "plane.json").losses
    # Threads differ, and with them the order of sums in float32.
    np.testing.assert_allclose(together, alone, rtol=1e-5)


@pytest.mark.parametrize(
    ("arguments", "name", "count"),
    [
        (("--direction", "eigenvector", "--x=-1:1:3"), "line-eigenvector", 1),
        (("--direction", "eigenvector", "--x=-1:1:3", "--y=-1:1:3"), "plane-eigenvector", 1),
        (("--direction", "trajectory", "--x=-1:1:3"), "plane-trajectory", 1),
        (("--direction", "between", "--x=0:1:3"), "line-between", 2),
        (("--direction", "bezier", "--x=0:1:3", "--bend-steps", "5"), "line-bezier", 2),
        (("--num-directions", "3", "--x=-1:1:5"), "line", 1),
        (("--refine", "2", "--x=-1:1:5", "--params", "0.*"), "line", 1),
    ],
)
def test_every_kind_of_direction_gives_a_result(folder, arguments, name, count):
    kept = ("--save-directions", str(folder / "d.safetensors"))
    exports = ("--export", "csv", "--export", "vtk")
    _run(
        folder, "-o", str(folder / "out"), *arguments, *kept, *exports,
        checkpoints=("0", "1")[:count],
    )  # fmt: skip
    result = _result(folder, name)
    assert np.isfinite(result.losses).all()
    if name == "plane-trajectory":
        assert result.y_axis[0] < result.trajectory.points[:, 1].min()
        assert result.y_axis[-1] > result.trajectory.points[:, 1].max()
    if count == 2:
        assert result.batch_norm == "recalibrated"
        again = ("-o", str(folder / "again"), "--directions", str(folder / "d.safetensors"))
        _run(folder, *again, "--x=0:1:3", "--normalise", "none", "--bn-recalibrate")
        walked = load_result(folder / "again" / "results" / "0" / f"{name}.json")
        np.testing.assert_allclose(walked.losses, result.losses, rtol=1e-4)


def test_points_are_kept_between_runs_and_forgotten_with_force(folder):
    out = ("-o", str(folder / "out"), "--operator", "none")
    _run(folder, *out, "--x=-1:1:3")
    points = folder / "out" / "results" / "0" / "line.points"
    before = points.read_bytes()
    _run(folder, *out, "--x=-1:1:5")
    assert points.read_bytes().startswith(before)
    assert len(points.read_bytes().splitlines()) == 1 + 5
    with pytest.raises(ValueError, match="direction 1 was"):
        _run(folder, *out, "--x=-1:1:3", "--seed", "1")
    _run(folder, *out, "--x=-1:1:3", "--seed", "1", "--force")


def test_eigenvectors_are_kept_until_the_results_are_written(folder, monkeypatch):
    """Broken off before they are, the run has nothing left to search for or to measure."""
    line = ("--x=-1:1:5", "--direction", "eigenvector", "--json")
    both = ("0", "1")
    whole = _run(folder, *line, checkpoints=both)
    write = surface_output.write_surfaces
    line = (*line, "-o", str(folder / "out"))

    def broken(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(surface_output, "write_surfaces", broken)
    # Click tells an interruption in its own way, and ends with code 1.
    assert CliRunner().invoke(surface, _arguments(folder, *line, checkpoints=both)).exit_code == 1
    assert len(list((folder / "out" / "unfinished").glob("*/line-eigenvector.state"))) == 2
    monkeypatch.setattr(surface_output, "write_surfaces", write)
    monkeypatch.setattr(surface_eigenvector, "extreme_eigenpairs", broken)
    records = zip(
        _run(folder, *line, checkpoints=both).splitlines(), whole.splitlines(), strict=True
    )
    for found, expected in ([json.loads(text) for text in pair] for pair in records):
        assert found["losses"] == expected["losses"]
        assert found["direction"] == expected["direction"]
    assert not (folder / "out" / "unfinished").exists()


@pytest.mark.parametrize(
    ("arguments", "message", "processes"),
    [
        (("--direction", "between"), "exactly two", 1),
        (("--shard", "3/2", "-o", "x/y"), "must be I/N with I from 1 to N", 1),
        (("--shard", "1/2"), "need a folder", 1),
        (("--shard", "1/2", "--merge", "2", "-o", "x/y"), "give one of them", 1),
        (("--num-directions", "2", "--y=-1:1:3"), "for random lines", 1),
        (("--direction", "eigenvector", "--eigenvectors", "1,2"), "must be one number", 1),
        ((), "torchrun need a folder", 2),
        (("--merge", "2", "-o", "x/y"), "give one of them", 2),
        (("--num-directions", "3", "-o", "x/y"), "nor torchrun", 2),
    ],
)
def test_requests_that_contradict_themselves_leave_nothing(
    folder, arguments, message, processes, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("WORLD_SIZE", str(processes))  # as torchrun tells it
    monkeypatch.setenv("RANK", "0")
    before = sorted(tmp_path.iterdir())
    result = CliRunner().invoke(surface, _arguments(folder, *arguments))
    assert result.exit_code == 2
    assert message in result.output
    assert sorted(tmp_path.iterdir()) == before
