"""A user's working folder, and specs that are looked up in it."""

import sys

import pytest

from landscape.factories import MODELS, load_factory

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
