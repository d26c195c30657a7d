"""A file that can run code says so, before anything else, and is never advised to be allowed."""

import argparse
import collections
import functools
import io
import itertools
import json
import os
import pathlib
import pickle

import hostile
import numpy as np
import pytest
import torch
from hostile import Payload

from landscape.checkpoint.inspection import inspect_checkpoint
from landscape.checkpoint.load import load_checkpoint
from landscape.checkpoint.names import can_run_code, is_known
from landscape.cli import main

WEIGHTS = {"fc.weight": torch.ones(2, 3)}


UNSAFE = {
    "posix.system": Payload(os.system, "true"),
    "builtins.eval": Payload(eval, "1"),
    "builtins.getattr": Payload(getattr, "", "upper"),
    "torch.serialization.load": Payload(torch.load, "x"),
    "pickle.loads": Payload(pickle.loads, b"N."),
    "io.open": Payload(io.open, "x", "w"),
}
PLAIN = {
    "Namespace": argparse.Namespace(a=1),
    "PosixPath": pathlib.PurePosixPath("a"),
    "defaultdict": collections.defaultdict(list, a=[1]),
    "deque": collections.deque([1, 2]),
    "partial": functools.partial(dict, a=1),
    "a function that is named": torch.nn.functional.relu,
    "random state": np.random.RandomState(0),
    "random generator": np.random.default_rng(0),
    "objects": np.array([{"a": 1}, None], dtype=object),
    "texts": np.array(["a", "bc"]),
    "time": np.datetime64("2020-01-01", "s"),
}


@pytest.fixture
def run(monkeypatch, capsys):
    """The command's exit code, stdout and stderr."""

    def run(*arguments):
        monkeypatch.setattr("sys.argv", ["landscape", *map(str, arguments)])
        with pytest.raises(SystemExit) as end:
            main()
        return end.value.code, *capsys.readouterr()

    return run


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("beside", [WEIGHTS, {}])
@pytest.mark.parametrize("name", UNSAFE)
def test_unsafe_files_say_so_first(tmp_path, run, name, beside, zipped):
    path = tmp_path / "evil.ckpt"
    value = {"state_dict": beside, "x": UNSAFE[name]}
    torch.save(value, path, _use_new_zipfile_serialization=zipped)
    code, told, errors = run("info", path)
    first = told.splitlines()[0]
    assert (code, errors) == (1, "")
    assert first.startswith("UNSAFE: calls ")
    assert first.endswith(name)
    assert "--allow-global" not in told
    assert "--unsafe-pickle" not in told
    assert "analyse it" not in told
    code, told, _ = run("info", "--json", path)
    record = json.loads(told)
    assert (code, record["safe"], record["command"]) == (1, False, None)


@pytest.mark.parametrize("kind", PLAIN)
def test_plain_values_are_no_alarm(tmp_path, run, kind):
    path = tmp_path / "x.ckpt"
    torch.save({"state_dict": WEIGHTS, "x": PLAIN[kind]}, path)
    code, told, _ = run("info", path)
    assert code == 0
    assert told.startswith("file ")
    assert json.loads(run("info", "--json", path)[1])["safe"] is True


@pytest.mark.parametrize("kind", PLAIN)
def test_a_file_that_is_refused_is_not_to_be_analysed(tmp_path, run, kind):
    path = tmp_path / "x.ckpt"
    torch.save({"state_dict": WEIGHTS, "x": PLAIN[kind]}, path)
    _, told, _ = run("info", path)
    assert ("refused " in told) != ("analyse it " in told)
    record = json.loads(run("info", "--json", path)[1])
    assert (record["obstacle"] is None) != (record["command"] is None)


@pytest.mark.parametrize("kind", PLAIN)
def test_advice_that_is_given_is_then_taken(tmp_path, same, kind):
    path = tmp_path / "x.ckpt"
    torch.save({"state_dict": WEIGHTS, "x": PLAIN[kind]}, path)
    obstacle = inspect_checkpoint(path).obstacle or ""
    words = [word.rstrip(".") for word in obstacle.split()]
    allowed = [b for a, b in itertools.pairwise(words) if a == "--allow-global"]
    same(load_checkpoint(path, allow_globals=allowed).state, WEIGHTS)


def test_what_a_call_has_made_is_called(tmp_path, run):
    path = tmp_path / "x.pt"
    made = b"cfunctools\npartial\ncmine\nCode\n\x85R"
    path.write_bytes(hostile.beside_weights(made + b")R"))
    code, told, _ = run("info", path)
    assert (code, told.splitlines()[0]) == (1, "UNSAFE: calls functools.partial.__call__")


def test_bare_pickles_and_folders(tmp_path, run):
    evil = pickle.dumps(Payload(os.system, "true"))
    (tmp_path / "evil.pkl").write_bytes(evil)
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / ".metadata").write_bytes(evil)
    for path in (tmp_path / "evil.pkl", tmp_path / "folder"):
        code, told, _ = run("info", path)
        assert (code, told.splitlines()[0]) == (1, "UNSAFE: calls posix.system")


def test_one_of_several_files(tmp_path, run):
    torch.save(WEIGHTS, tmp_path / "good.pt")
    torch.save({"x": Payload(os.system, "true")}, tmp_path / "evil.pt")
    files = [tmp_path / name for name in ("good.pt", "evil.pt", "missing.pt")]
    code, told, errors = run("info", "--json", *files)
    assert code == 1
    assert [json.loads(line)["safe"] for line in told.splitlines()] == [True, False]
    assert errors.startswith(f"Error: {files[2]}: there is no such file")


@pytest.mark.parametrize(
    ("name", "called", "expected"),
    [
        ("subprocess.Popen", True, True),
        ("nt.system", True, True),
        ("os.path.join", False, True),
        ("mine.run", True, True),
        ("mine.run", False, False),
        ("mine.Config", True, False),
        ("mine._Config", True, False),
        ("numpy.memmap", True, True),
        ("torch.float32", False, False),
        ("torch.FloatStorage", True, False),
        ("torch.load", True, True),
        ("torch._utils._rebuild_tensor_v2", True, False),
    ],
)
def test_names(name, called, expected):
    assert can_run_code(name, called=called) is expected


def test_the_listed_values_of_torch_are_all_that_there_are():
    kinds = (torch.dtype, torch.layout, torch.memory_format, torch.qscheme)
    there = {name for name, value in vars(torch).items() if isinstance(value, kinds)}
    assert len(there) > 50
    assert {name for name in there if not is_known(f"torch.{name}")} == set()


def test_names_of_files_and_in_them_stay_on_one_line(tmp_path, run):
    path = tmp_path / "a\nUNSAFE\x1b[31m\u202e.pt"
    torch.save({"w\n\x1b[2J": torch.ones(2), "k\x1b]0;x\x07": 1}, path)
    code, told, _ = run("info", path)
    assert code == 0
    assert r"a\nUNSAFE\x1b[31m\u202e.pt" in told
    assert told.replace("\n", "").isprintable()
    assert not any(line.startswith("UNSAFE") for line in told.splitlines())
    code, told, errors = run("info", tmp_path / "no\n\x1b[31m")
    assert (code, told) == (2, "")
    assert len(errors.splitlines()) == 1
    assert errors.rstrip("\n").isprintable()
