"""What can go wrong around a run: it says so once, leaves nothing half-written, and goes on."""

import os
import signal
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import safetensors

from landscape.files import exclusive_lock
from landscape.interrupts import postponed
from landscape.store import states
from landscape.store.states import StateFile

EIGENVALUES = ["--top", "8", "--bottom", "4", "--tol", "1e-8"]
SURFACES = ["--budget", "quick", "--only", "line"]


def left_over(folder):
    return [p for p in folder.rglob("*") if p.name.endswith(".tmp")]


def one_message(text):
    """Whether this is one error, on one line, and no traceback."""
    lines = text.strip().splitlines()
    return len(lines) == 1 and lines[0].startswith("Error: ")


@pytest.fixture(scope="module")
def unbroken(about, kill_many, tmp_path_factory):
    whole = tmp_path_factory.mktemp("unbroken")
    assert kill_many.run(["eigenvalues", *about, *EIGENVALUES, "-o", str(whole)]) == 0
    return kill_many.results(whole)


@pytest.mark.parametrize("name", ["SIGTERM", "SIGUSR1", "SIGINT"])
def test_a_signal_saves_the_state_and_ends_the_run(
    command, about, kill_many, unbroken, tmp_path, name
):
    out = tmp_path / "out"
    line = ["eigenvalues", *about, *EIGENVALUES, "-o", out]
    code, said = command(*line, send=getattr(signal, name))
    assert code == 130
    assert said.strip().startswith("Interrupted.")
    (state,) = out.glob("unfinished/*/eigenvalues.state")
    with safetensors.safe_open(str(state), "pt") as file:
        # It comes where the 12th state is to be written: that is the last one.
        assert '"num_matvecs": 1' in file.metadata()["numbers"]
    assert command(*line) == (0, "")
    assert kill_many.results(out) == unbroken
    assert not state.exists()


@pytest.mark.parametrize("changed", [("activation=tanh", "activation=relu"), ("50", "40")])
def test_the_state_of_another_network_or_batch_norm_is_not_continued(
    command, about, kill_many, tmp_path, changed
):
    def line(arguments, out):
        more = ["--bn", "train"] if changed[0] == "50" else []
        return ["trace", *arguments, *more, "--max-matvecs", "24", "-o", tmp_path / out]

    other = [a.replace(*changed) if "mlp?" in a or a == changed[0] else a for a in about]
    assert other != about
    assert command(*line(about, "out"), send=signal.SIGTERM)[0] == 130
    assert len(list(tmp_path.glob("out/unfinished/*/trace.state"))) == 1
    assert command(*line(other, "out")) == (0, "")
    assert command(*line(other, "whole")) == (0, "")
    assert kill_many.results(tmp_path / "out") == kill_many.results(tmp_path / "whole")


def test_a_second_signal_ends_the_run_at_once():
    reached = []

    def signalled_twice():
        with postponed() as asked_to_stop:
            os.kill(os.getpid(), signal.SIGTERM)
            reached.append(asked_to_stop())
            os.kill(os.getpid(), signal.SIGTERM)
            reached.append("too far")

    with pytest.raises(KeyboardInterrupt, match="SIGTERM"):
        signalled_twice()
    assert reached == [True]


def test_a_clock_that_jumps_changes_nothing(monkeypatch, tmp_path):
    """The state is written when ten seconds have passed; no wall clock is there to be read."""
    now = 0.0
    monkeypatch.setattr(states, "time", SimpleNamespace(monotonic=lambda: now))
    file = StateFile(tmp_path / "run.state", {})
    for now, written in ((9.9, False), (10.1, True)):  # noqa: B007 (the clock reads it)
        file.save({"num_matvecs": 1})
        assert (tmp_path / "run.state").exists() is written


@pytest.mark.parametrize("cut", [0, 7, 100, -50])
def test_a_torn_or_deleted_state_costs_time_alone(
    command, about, kill_many, unbroken, tmp_path, cut
):
    out = tmp_path / "out"
    line = ["eigenvalues", *about, *EIGENVALUES, "-o", out]
    assert command(*line, send=signal.SIGTERM)[0] == 130
    (state,) = out.glob("unfinished/*/eigenvalues.state")
    if cut:
        state.write_bytes(state.read_bytes()[:cut])
    else:
        state.unlink()
    assert command(*line) == (0, "")
    assert kill_many.results(out) == unbroken


def test_a_full_disk_keeps_the_state_that_was_written(
    command, about, kill_many, unbroken, tmp_path
):
    out = tmp_path / "out"
    line = ["eigenvalues", *about, *EIGENVALUES, "-o", out]
    code, said = command(*line, file_size=20_000)
    assert code == 2
    assert one_message(said)
    assert "cannot write" in said
    assert "File too large" in said
    assert left_over(out) == []
    (state,) = out.glob("unfinished/*/eigenvalues.state")
    assert 0 < state.stat().st_size <= 20_000
    assert command(*line) == (0, "")
    assert kill_many.results(out) == unbroken


def test_a_disk_that_is_full_from_the_start_is_told_before_the_work(command, about, tmp_path):
    code, said = command("trace", *about, "-o", tmp_path / "out", file_size=100)
    assert code == 2
    assert one_message(said)
    assert [p for p in tmp_path.rglob("*") if p.is_file()] == []


@pytest.mark.parametrize("name", ["eigenvalues", "trace", "sharpness", "fidelity", "analyze"])
def test_an_output_below_a_file_is_refused_before_the_work(command, about, tmp_path, name):
    (tmp_path / "file").write_text("in the way")
    code, said = command(name, *about, "-o", tmp_path / "file" / "out")
    assert code == 2
    assert "cannot write" in said
    assert one_message(said)
    assert (tmp_path / "file").read_text() == "in the way"


@pytest.mark.skipif(not Path("/proc/sys").is_dir(), reason="needs a folder that root cannot write")
def test_a_read_only_folder_is_refused_before_the_work(command, about):
    code, said = command("eigenvalues", *about, "-o", "/proc/sys/landscape")
    assert code == 2
    assert one_message(said)


@pytest.mark.parametrize("name", ["eigenvalues", "density", "analyze"])
def test_a_folder_in_use_is_refused(command, about, tmp_path, name):
    with exclusive_lock(tmp_path / ".lock"):
        code, said = command(name, *about, "-o", tmp_path)
    assert code == 2
    assert one_message(said)
    assert "in use by another run" in said


def test_a_torn_last_line_of_points_is_measured_again(command, about, kill_many, tmp_path):
    out = tmp_path / "out"
    assert command("analyze", *about, *SURFACES, "-o", out)[0] == 0
    whole = kill_many.results(out)
    points = out / "unfinished" / "net" / "line.points"
    raw = points.read_bytes()
    points.write_bytes(raw[: len(raw) // 2])
    (out / "results" / "net" / "line.json").unlink()
    assert command("analyze", *about, *SURFACES, "-o", out)[0] == 0
    assert points.read_bytes() == raw
    assert kill_many.results(out) == whole


def test_partial_files_left_by_a_kill_are_swept(command, about, tmp_path):
    for place, name in (
        ("unfinished/net", f".eigenvalues.state.{os.getpid()}.tmp"),
        ("results/net", ".eigenvalues.json.abc.tmp"),
        ("figures", ".line.svg.abc.tmp"),
        ("tables", ".loaded.csv.abc.tmp"),
        (".", ".index.html.abc.tmp"),
    ):
        (tmp_path / place).mkdir(parents=True, exist_ok=True)
        (tmp_path / place / name).write_bytes(b"half")
    assert command("eigenvalues", *about, *EIGENVALUES, "-o", tmp_path) == (0, "")
    assert left_over(tmp_path) == []


@pytest.mark.skipif(sys.platform != "linux", reason="finds processes as Linux shows them")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_runs_killed_at_random_end_as_unbroken_ones(kill_many):
    """``kill_many.py --rounds 200`` does the same for more commands, and for longer."""
    assert kill_many.kill_many(2, ["eigenvalues", "density"], seed=1) == []
