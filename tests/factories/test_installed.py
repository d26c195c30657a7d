"""Plug-ins and libraries are found where they are installed; files here never stand in for them."""

import importlib.metadata
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

import landscape
from landscape.factories import DATASETS, LOSSES, MODELS, FactoryError


@pytest.mark.parametrize("group", [MODELS, DATASETS, LOSSES])
def test_plugin_by_entry_point(load, monkeypatch, group):
    point = SimpleNamespace(name="their-thing", load=lambda: lambda size=1: size)
    asked = []

    def entry_points(*, group):
        asked.append(group)
        return [point]

    monkeypatch.setattr(importlib.metadata, "entry_points", entry_points)
    assert load("their-thing?size=5", group)() == 5
    assert asked == [group]
    with pytest.raises(FactoryError, match="Did you mean 'their-thing'"):
        load("their-thin", group)


def test_plugin_that_fails_on_import(load, monkeypatch):
    def fail():
        raise RuntimeError("needs a newer library")

    points = [SimpleNamespace(name="theirs", load=fail)]
    monkeypatch.setattr(importlib.metadata, "entry_points", lambda group: points)
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
    assert str(Path(landscape.__file__).parent) not in str(caught.value)
    assert "in _network" in str(caught.value)


def test_library_that_is_not_installed(load, monkeypatch):
    monkeypatch.setattr(sys, "path", [])
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


def test_part_of_a_library_that_is_a_file_here_does_not_run_the_file(load, folder):
    (folder / "their_library.py").write_text("raise SystemExit('it ran')\n")
    with pytest.raises(FactoryError, match=r"their_library\.py, which has no module 'their_lib.*'"):
        load("their_library.models:net")


def test_installed_module_of_the_same_name_is_told_apart(load, folder):
    (folder / "queue.py").write_text("def make(): return 3\n")
    with pytest.raises(FactoryError, match=r"installed library; .* give 'queue\.py'"):
        load("queue:make")
    assert load("queue.py:make")() == 3


def in_folder(folder, script):
    """Run ``script`` as the command does: with the current folder not on the import path."""
    command = [sys.executable, "-P", "-c", script]
    env = os.environ | {"PYTHONPATH": str(Path(landscape.__file__).parents[1])}
    return subprocess.run(command, check=False, cwd=folder, env=env, capture_output=True, text=True)
