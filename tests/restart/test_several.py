"""Commands of several checkpoints: a finished one is not measured again after a kill."""

import signal
from pathlib import Path

import pytest

from landscape.results import load_result

COMMANDS = {
    "check": [],
    "density": ["--probes", 2, "--steps", 5, "--top", 1],
    "density --low-memory": ["--probes", 2, "--steps", 5],
    "eigenvalues": ["--top", 2, "--bottom", 1],
    "eigenvalues --overlap": ["--top", 2, "--bottom", 1],
    "eigenvalues --vectors": ["--top", 2, "--bottom", 1],
    "fidelity": ["--num-top", 1, "--num-random", 1, "--operators", "hessian", "--num-pairs", 2],
    "sharpness": ["--num-pairs", 2, "--num-restarts", 1, "--num-steps", 2, "--scales", "none"],
    "trace": ["--max-matvecs", 24],
}


@pytest.fixture
def two(about):
    """The arguments that name two checkpoints and their data."""
    return [Path(about[0]).with_name("other.pth"), *about]


def line_of(name, two):
    return [*name.split(), *two, *COMMANDS[name], "-o"]


@pytest.mark.parametrize("name", COMMANDS)
def test_a_finished_checkpoint_is_not_measured_again(name, command, two, kill_many, tmp_path):
    line, whole, out = line_of(name, two), tmp_path / "whole", tmp_path / "out"
    assert command(*line, whole) == (0, "")
    assert command(*line, out, one_checkpoint=True)[0] == -signal.SIGKILL
    assert not (out / "results").exists()
    before = {p.name: p.read_bytes() for p in (out / "unfinished" / "other").iterdir()}
    assert command(*line, out) == (0, "")
    assert kill_many.results(out) == kill_many.results(whole)
    (file,) = out.glob("results/other/*.json")
    assert file.read_bytes() == before[file.name]  # its time and cost too: it is the one kept
    assert len(list(out.glob("results/*/*.json"))) == 2
    assert not (out / "unfinished").exists()


def test_under_other_settings_it_is_measured_anew(command, two, kill_many, tmp_path):
    line, whole, out = line_of("trace", two), tmp_path / "whole", tmp_path / "out"
    assert command(*line, out, one_checkpoint=True)[0] == -signal.SIGKILL
    for changed in (["--max-matvecs", 18], ["--examples", 100], ["--operator", "ggn"]):
        other = [*line[:-1], *changed, "-o"]
        assert command(*other, whole) == (0, "")
        assert command(*other, out) == (0, "")
        assert kill_many.results(out) == kill_many.results(whole)


@pytest.mark.parametrize("torn", ["density.json", "density.npz", "density.settings.json"])
def test_torn_by_a_failing_disk_it_is_measured_anew(torn, command, two, kill_many, tmp_path):
    line, whole, out = line_of("density", two), tmp_path / "whole", tmp_path / "out"
    assert command(*line, whole) == (0, "")
    assert command(*line, out, one_checkpoint=True)[0] == -signal.SIGKILL
    file = out / "unfinished" / "other" / torn
    file.write_bytes(file.read_bytes()[:100])
    assert command(*line, out) == (0, "")
    assert kill_many.results(out) == kill_many.results(whole)


def test_after_a_finished_run_the_same_command_measures_again(command, two, tmp_path):
    line, result = line_of("trace", two), tmp_path / "results/net/trace.json"
    assert command(*line, tmp_path) == (0, "")
    took = load_result(result).provenance.seconds
    assert took < 1e9
    result.write_text(result.read_text().replace(f'"seconds": {took}', '"seconds": 1e9'))
    assert load_result(result).provenance.seconds == 1e9
    assert command(*line, tmp_path) == (0, "")
    assert load_result(result).provenance.seconds < 1e9
