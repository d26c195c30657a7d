"""Specs lead to the function they name, or to one sentence on why not."""

import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from landscape import factories
from landscape.factories import (
    DATASETS,
    LOSSES,
    MODELS,
    FactoryError,
    load_factory,
    parse_arguments,
)

SOURCE = """
import sibling

CONSTANT = 3

class Net:
    def __init__(self, width=2, name="x"):
        self.width, self.name = width, name

    @classmethod
    def wide(cls):
        return cls(100)

def make(width: int, deep: bool = False):
    return width, deep, sibling.VALUE

def broken(width=1):
    table = {}
    return table["missing"]

def any_keyword(**settings):
    return settings
"""


def builtin_net(channels, bias=True):
    return channels, bias


BUILTIN = {"csnn": builtin_net, "mlp": builtin_net}


@pytest.fixture
def load():
    return lambda spec, group=MODELS: load_factory(spec, group=group, builtin=BUILTIN)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A working folder with the user's code; imports are forgotten afterwards."""
    (tmp_path / "my_nets.py").write_text(SOURCE)
    (tmp_path / "sibling.py").write_text("VALUE = 'sibling'\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [p for p in sys.path if p not in ("", ".")])
    before = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - before:
        del sys.modules[name]


def test_builtin_with_arguments(load):
    factory = load("csnn?channels=16&bias=false")
    assert factory() == (16, False)
    assert factory.spec == "csnn?channels=16&bias=false"


def test_arguments_in_the_spec_override_defaults(load):
    assert load("csnn?channels=16")(channels=3, bias=False) == (16, False)


@pytest.mark.parametrize("place", ["my_nets", "./my_nets.py", "{folder}/my_nets.py"])
def test_module_and_file(load, folder, place):
    place = place.format(folder=folder)
    assert load(f"{place}:make?width=3&deep=true")() == (3, True, "sibling")
    assert load(f"{place}:Net?name=a%26b")().name == "a&b"
    assert load(f"{place}:Net.wide")().width == 100


def test_two_files_of_one_name_do_not_meet(load, folder):
    for name in ("a", "b"):
        (folder / name).mkdir()
        (folder / name / "net.py").write_text(f"def make():\n    return {name!r}\n")
    assert [load(f"{name}/net.py:make")() for name in ("a", "b", "a")] == ["a", "b", "a"]


def test_dataclass_in_a_file(load, folder):
    (folder / "d.py").write_text(
        "from __future__ import annotations\nfrom dataclasses import dataclass\n"
        "@dataclass\nclass D:\n    x: int = 1\n"
    )
    assert load("d.py:D?x=4")().x == 4


def test_ready_made_network_is_returned_not_run(load, folder):
    (folder / "ready.py").write_text(
        "class Net:\n    def state_dict(self): return {}\n"
        "    def __call__(self): raise AssertionError('it was run')\nnet = Net()\n"
    )
    assert load("ready.py:net")().state_dict() == {}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("3", 3),
        ("-3", -3),
        ("1e-3", 1e-3),
        ("0.5", 0.5),
        ("true", True),
        ("False", False),
        ("none", None),
        ("relu", "relu"),
        ("784-100-10", "784-100-10"),
        ("a%20b%3Dc", "a b=c"),
        ("", ""),
    ],
)
def test_values_have_the_type_they_look_like(text, value):
    (parsed,) = parse_arguments(f"x={text}").values()
    assert parsed == value
    assert type(parsed) is type(value)


@given(
    st.dictionaries(st.from_regex(r"[a-z_]{1,8}", fullmatch=True), st.integers() | st.booleans())
)
def test_arguments_round_trip(arguments):
    query = "&".join(f"{name}={value}" for name, value in arguments.items())
    assert parse_arguments(query) == arguments


@pytest.mark.parametrize("query", ["x", "x=1&", "=1", "x=1&x=2", "a-b=1", "x=1&&y=2"])
def test_malformed_arguments(load, query):
    with pytest.raises(FactoryError, match=r"name=value|given twice"):
        load(f"csnn?{query}")


@pytest.mark.parametrize(
    ("spec", "fragments"),
    [
        ("csn", ["'csn' is not a known name", "Did you mean 'csnn'", "module:name"]),
        ("", ["not a known name", "csnn, mlp"]),
        ("my_nets.py", ["'my_nets.py:factory'"]),
        ("my_nets:", ["not complete"]),
        (":make", ["not complete"]),
        ("my_nets:mak", ["has no 'mak'", "Did you mean 'make'"]),
        ("my_nets:Net.narrow", ["has no 'Net.narrow'"]),
        ("my_nets:CONSTANT", ["is of type int", "function or class"]),
        ("my_net.py:make", ["there is no file", "Did you mean 'my_nets.py'"]),
        ("no_such_module:make", ["no module 'no_such_module'"]),
        ("no_such.inner:make", ["no module 'no_such'"]),
    ],
)
def test_specs_that_lead_nowhere(load, folder, spec, fragments):
    with pytest.raises(FactoryError) as caught:
        load(spec)
    for fragment in fragments:
        assert fragment in str(caught.value)


def test_arguments_that_do_not_fit(load, folder):
    with pytest.raises(FactoryError) as caught:
        load("my_nets:make?widht=3")()
    message = str(caught.value)
    assert "widht" in message
    assert "Did you mean 'width'" in message
    assert "(width: int, deep: bool = False)" in message
    with pytest.raises(FactoryError, match="missing a required argument: 'width'"):
        load("my_nets:make")()
    assert load("my_nets:any_keyword?whatever=1")() == {"whatever": 1}


def test_error_in_the_users_function_shows_the_users_line(load, folder):
    with pytest.raises(FactoryError) as caught:
        load("my_nets.py:broken")()
    message = str(caught.value)
    assert "KeyError: 'missing'" in message
    assert "my_nets.py, line 19, in broken" in message
    assert 'return table["missing"]' in message
    assert isinstance(caught.value.__cause__, KeyError)


@pytest.mark.parametrize(
    ("source", "fragments"),
    [
        ("x = 1\ny = x / 0\n", ["ZeroDivisionError", "line 2", "y = x / 0"]),
        ("def make(:\n    pass\n", ["SyntaxError", "line 1", "def make(:"]),
        ("import not_installed_anywhere\n", ["not_installed_anywhere", "line 1"]),
    ],
)
@pytest.mark.parametrize("form", ["bad.py:make", "bad:make"])
def test_error_on_import_shows_the_users_line(load, folder, source, fragments, form):
    (folder / "bad.py").write_text(source)
    with pytest.raises(FactoryError) as caught:
        load(form)
    for fragment in ["cannot be imported", *fragments]:
        assert fragment in str(caught.value)
    (folder / "bad.py").write_text("def make():\n    return 1\n")  # mended: it can be tried again


@pytest.mark.parametrize("group", [MODELS, DATASETS, LOSSES])
def test_plugin_by_entry_point(load, monkeypatch, group):
    point = SimpleNamespace(name="their-thing", load=lambda: lambda size=1: size)
    asked = []

    def entry_points(*, group):
        asked.append(group)
        return [point]

    monkeypatch.setattr(factories.importlib.metadata, "entry_points", entry_points)
    assert load("their-thing?size=5", group)() == 5
    assert asked == [group]
    with pytest.raises(FactoryError, match="Did you mean 'their-thing'"):
        load("their-thin", group)


def test_plugin_that_fails_on_import(load, monkeypatch):
    def fail():
        raise RuntimeError("needs a newer library")

    points = [SimpleNamespace(name="theirs", load=fail)]
    monkeypatch.setattr(factories.importlib.metadata, "entry_points", lambda group: points)
    with pytest.raises(FactoryError, match=r"plug-in 'theirs' cannot be imported.*newer library"):
        load("theirs")


def _network(name, weights="none given", **config):
    if name == "resnet81":
        raise ValueError("Unknown model resnet81")
    if "width" in config:
        raise TypeError("ResNet() got an unexpected keyword argument 'width'")
    return name, config


@pytest.fixture
def torchvision(monkeypatch):
    """Stands in for the library, of which no build fits every PyTorch."""
    library, models = ModuleType("torchvision"), ModuleType("torchvision.models")
    library.__spec__ = models.__spec__ = SimpleNamespace(name="torchvision", parent="")
    models.get_model = _network
    models.list_models = lambda: ["resnet18", "vgg11"]
    monkeypatch.setitem(sys.modules, "torchvision", library)
    monkeypatch.setitem(sys.modules, "torchvision.models", models)


@pytest.mark.usefixtures("torchvision")
def test_library_model(load):
    """torchvision:NAME asks the library for that network, with random weights."""
    assert load("torchvision:resnet18?num_classes=10")() == ("resnet18", {"num_classes": 10})
    assert load("torchvision:unlisted")() == ("unlisted", {})


@pytest.mark.usefixtures("torchvision")
def test_library_models_mistakes_are_the_users_not_ours(load):
    with pytest.raises(FactoryError, match=r"torchvision has no 'resnet81'.* mean 'resnet18'"):
        load("torchvision:resnet81")()
    with pytest.raises(FactoryError, match="unexpected keyword argument 'width'") as caught:
        load("torchvision:resnet18?width=2")()
    assert "factories.py, line" not in str(caught.value).replace(__file__, "")
    assert "in _network" in str(caught.value)


def test_library_that_is_not_installed(load, monkeypatch):
    monkeypatch.setattr(factories.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(FactoryError, match=r"needs timm\. Install it: pip install timm"):
        load("timm:resnet18")


DECOY = "raise SystemExit('the file in the current folder ran')\n"
LATER = """
import sys
from landscape.factories import DATASETS, LOSSES, MODELS, load_factory
{load}
import jinja2, matplotlib, markupsafe  # as late as a report imports them
print(jinja2.__file__, matplotlib.__file__)
"""


@pytest.mark.parametrize("spec", ["nets:make", "nets.py:make", "{folder}/nets.py:make"])
def test_files_here_never_stand_in_for_installed_libraries(tmp_path, spec):
    for name in ("jinja2", "matplotlib", "numpy", "torch", "click"):
        (tmp_path / f"{name}.py").write_text(DECOY)
    (tmp_path / "nets.py").write_text("import sibling\ndef make(): return sibling.VALUE\n")
    (tmp_path / "sibling.py").write_text("VALUE = 3\n")
    spec = spec.format(folder=tmp_path)
    load = f"assert load_factory({spec!r}, group=MODELS, builtin={{}})() == 3"
    ran = in_folder(tmp_path, LATER.format(load=load))
    assert ran.returncode == 0, ran.stderr
    assert str(tmp_path) not in ran.stdout


def test_prefix_of_a_library_means_the_library(tmp_path):
    """Whether it is installed or not, and also where the current folder is on the path already."""
    (tmp_path / "timm.py").write_text(DECOY)
    (tmp_path / "nets.py").write_text("def make(): return 3\n")
    load = "load_factory('nets:make', group=MODELS, builtin={})\n"
    load += "try: load_factory('timm:resnet18', group=MODELS, builtin={})\n"
    load += "except ValueError as error: assert 'needs timm' in str(error), error\n"
    ran = in_folder(tmp_path, LATER.format(load=load))
    assert ran.returncode == 0, ran.stderr


def test_installed_module_of_the_same_name_is_told_apart(load, folder):
    (folder / "queue.py").write_text("def make(): return 3\n")
    with pytest.raises(FactoryError, match=r"installed library; .* give 'queue\.py'"):
        load("queue:make")
    assert load("queue.py:make")() == 3


def in_folder(folder, script):
    """Run ``script`` as the command does: with the current folder not on the import path."""
    command = [sys.executable, "-P", "-c", script]
    env = os.environ | {"PYTHONPATH": str(Path(factories.__file__).parents[1])}
    return subprocess.run(command, check=False, cwd=folder, env=env, capture_output=True, text=True)


@pytest.mark.parametrize(
    ("group", "name", "fragment"),
    [
        (LOSSES, "ce", "mean 'cross-entropy'"),
        (LOSSES, "CrossEntropyLoss", "mean 'cross-entropy'"),
        (LOSSES, "cross_entropy", "mean 'cross-entropy'"),
        (LOSSES, "MSE", "mean 'mse'"),
        (LOSSES, "NLLLoss", "mean 'nll'"),
        (LOSSES, "l2", "mean 'mse'"),
        (DATASETS, "xy.npy", "np.savez('xy.npz', x=inputs, y=targets)"),
        (DATASETS, "folder/table.csv", "np.savez('folder/table.npz', x=inputs, y=targets)"),
    ],
)
def test_other_names_lead_to_ours(group, name, fragment):
    known = {"cross-entropy": print, "mse": print, "nll": print} if group == LOSSES else {}
    with pytest.raises(FactoryError) as caught:
        load_factory(name, group=group, builtin=known)
    assert fragment in str(caught.value)
