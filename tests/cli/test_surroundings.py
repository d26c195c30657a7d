"""A command runs, or says in one line why it cannot, whatever its caller left it with."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

import landscape
from landscape.cli import main

ROOT = str(Path(landscape.__file__).parents[1])
PROGRAM = "import resource, sys; from landscape.cli import main; {before}; main()"


def command(shell, *arguments, before="pass", **environment):
    """Run the command line in a shell that closes or limits something first."""
    words = [sys.executable, "-c", PROGRAM.format(before=before), *arguments]
    env = os.environ | {"PYTHONPATH": ROOT} | environment
    return subprocess.run(
        ["bash", "-c", shell, "bash", *words], capture_output=True, text=True, env=env, check=False
    )


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_closed_streams_are_no_error(closed):
    assert command(f'"$@" {closed}', "env").returncode == 0


@pytest.mark.parametrize("arguments", [("--help",), ("env",), ("env", "--json")])
def test_output_that_nobody_reads_is_no_error(arguments):
    ran = command('"$@" | true; echo "${PIPESTATUS[0]}"', *arguments)
    assert (ran.stdout, ran.stderr) == ("0\n", "")


_OWN = """
import torch
from torch import nn

def make():
    return nn.Linear(3, 1)

def batches():
    yield torch.zeros(2, 3)
    {stream}

def objective(model, batch):
    {loss}
    return model(batch).square().mean(1)
"""
_CLOSED = "raise BrokenPipeError(32, 'Broken pipe')"


@pytest.mark.parametrize("where", ["stream", "loss"])
def test_another_pipe_that_is_closed_is_an_error(where, tmp_path, monkeypatch, capsys):
    file = tmp_path / f"own_{where}.py"
    file.write_text(_OWN.format(**{"stream": "", "loss": "", where: _CLOSED}))
    torch.save(torch.nn.Linear(3, 1).state_dict(), tmp_path / "net.pt")
    own = ["--model", f"{file}:make", "--data", f"{file}:batches"]
    arguments = ["trace", str(tmp_path / "net.pt"), *own, "--objective", f"{file}:objective"]
    monkeypatch.setattr(sys, "argv", ["landscape", *arguments, "--quiet"])
    with pytest.raises(SystemExit) as stop:
        main()
    assert stop.value.code == 2
    assert "Error: [Errno 32] Broken pipe, of neither stdout nor stderr" in capsys.readouterr().err


def test_tables_that_nobody_reads_are_no_error(monkeypatch):
    from landscape.cli.output import print_table
    from landscape.page.columns import text_column
    from landscape.page.table import Table

    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as closed, monkeypatch.context() as patched:
        patched.setattr(sys, "stdout", closed)
        with pytest.raises(BrokenPipeError):
            print_table(Table(columns=[text_column("a", str)], rows=[1]))
        os.dup2(os.open(os.devnull, os.O_WRONLY), closed.fileno())


def test_backend_of_a_notebook_does_not_matter_to_a_command():
    """A notebook names it in the environment of what it starts, installed there or not."""
    script = (
        "from landscape.cli.surroundings import set_up_surroundings\n"
        "import os, landscape; print(os.environ['MPLBACKEND'])\n"  # Python's users keep theirs
        "set_up_surroundings()\n"
        "import matplotlib; print(matplotlib.get_backend().lower())"
    )
    backend = "module://not_installed.backend"
    env = os.environ | {"PYTHONPATH": ROOT, "MPLBACKEND": backend}
    ran = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, env=env, check=False
    )
    assert ran.stdout.split() == [backend, "agg"], ran.stderr


def test_a_current_folder_that_is_gone_is_one_line(tmp_path):
    there = tmp_path / "gone"
    there.mkdir()
    ran = command(f'cd {there}; rmdir {there}; "$@"', "env")
    assert (ran.returncode, ran.stdout, len(ran.stderr.splitlines())) == (2, "", 1)
    assert "the current folder cannot be read" in ran.stderr


def test_too_little_memory_for_pytorch_is_one_line():
    before = "resource.setrlimit(resource.RLIMIT_AS, (2**29, 2**29))"
    ran = command('"$@"', "env", before=before)
    assert ran.returncode == 2
    assert ran.stderr.startswith("Error: the 512 MiB of memory that this process may take")
    assert len(ran.stderr.splitlines()) == 1
