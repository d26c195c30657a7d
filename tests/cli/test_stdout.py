"""Whatever a user's code prints, stdout holds what the command prints, and nothing else."""

import json
import os
import subprocess
import sys
from pathlib import Path

import click
import numpy as np
import pytest
import torch
from command_line import invoke
from torch import nn

import landscape
from landscape.cli import cli
from landscape.cli.stdout import Command

OWN = """
import os
import sys
from torch import nn
from torch.nn.functional import cross_entropy

print("import")

class Net(nn.Linear):
    def forward(self, x):
        print("forward", flush=True)
        return super().forward(x)

def make():
    print("make")
    sys.stdout.write("written")
    {raw}
    return Net(2, 2)

def load():
    print("load")
    import numpy
    return numpy.load("xy.npz")["x"], numpy.load("xy.npz")["y"]

def loss(outputs, y):
    print("loss")
    return cross_entropy(outputs, y, reduction="none")
"""
SAID = ("import", "make", "written", "load", "forward", "loss")
WORDS = ["--model", "own.py:make", "--data", "own.py:load", "--loss", "own.py:loss"]


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    np.savez("xy.npz", x=np.random.default_rng(0).normal(size=(8, 2)), y=np.arange(8) % 2)
    torch.manual_seed(0)
    torch.save(nn.Linear(2, 2).state_dict(), "net.pth")
    Path("own.py").write_text(OWN.format(raw=""), encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize("command", ["check", "eigenvalues", "look", "trace"])
def test_json_of_a_command_is_all_there_is_on_stdout(command, place):
    ran = invoke(command, "net.pth", *WORDS, "--json", "-q")
    assert json.loads(ran.stdout)
    assert all(word in ran.stderr for word in SAID)


def test_a_table_is_that_of_silent_code(place):
    told = invoke("eigenvalues", "net.pth", *WORDS, "-q")
    code = OWN.replace("print(", "str(").replace(", flush=True", "").replace("sys.stdout.write", "")
    Path("silent.py").write_text(code.format(raw=""), encoding="utf-8")
    silent = [word.replace("own.py", "silent.py") for word in WORDS]
    assert told.stdout == invoke("eigenvalues", "net.pth", *silent, "-q").stdout
    assert "forward" in told.stderr


def test_a_process_that_user_code_starts_prints_to_stderr_too(place):
    raw = "os.system('echo child'); os.write(1, b'descriptor')"
    Path("own.py").write_text(OWN.format(raw=raw), encoding="utf-8")
    words = [sys.executable, "-c", "from landscape.cli import main; main()", "trace", "net.pth"]
    env = os.environ | {"PYTHONPATH": str(Path(landscape.__file__).parents[1])}
    ran = subprocess.run(
        [*words, *WORDS, "--json"], capture_output=True, text=True, env=env, check=False
    )
    assert ran.returncode == 0, ran.stderr
    assert json.loads(ran.stdout)
    assert all(word in ran.stderr for word in (*SAID, "child", "descriptor"))


def commands(group):
    context = click.Context(group)
    for name in group.list_commands(context):
        found = group.get_command(context, name)
        yield from commands(found) if isinstance(found, click.Group) else [found]


def test_every_command_keeps_stdout_for_itself():
    assert [found.name for found in commands(cli) if not isinstance(found, Command)] == []
    assert "Usage" in invoke("trace", "--help").stdout


def test_stdout_is_as_it_was_after_a_command(place):
    before = sys.stdout
    invoke("trace", "net.pth", *WORDS, "-q")
    with pytest.raises(ValueError, match="no such file"):
        invoke("trace", "missing.pth", *WORDS, "-q")
    assert sys.stdout is before
