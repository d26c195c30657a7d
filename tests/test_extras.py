"""A library that is missing, and one that is there and broken, are told apart."""

import sys

import pytest

from landscape.extras import broken, library
from landscape.factories import FactoryError, load_factory

NMS = "operator torchvision::nms does not exist"


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    return tmp_path


def test_a_missing_library_names_its_extra():
    with pytest.raises(
        ValueError, match=r"a probe needs no_such: pip install 'landscape-snn\[x\]'"
    ):
        library("no_such.part", "a probe", extra="x")


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("import no_such_thing", "ModuleNotFoundError: No module named 'no_such_thing'"),
        ("raise ImportError('libcudart.so')", "ImportError: libcudart.so"),
        (f"raise RuntimeError({NMS!r})", f"RuntimeError: {NMS}.*built for another PyTorch"),
    ],
)
def test_a_broken_library_says_why(code, said, place):
    name = f"broken_{abs(hash(code))}"
    (place / f"{name}.py").write_text(code, encoding="utf-8")
    with pytest.raises(ValueError, match=f"{name} is installed, but cannot be imported: {said}"):
        library(name, "a probe")


def fails():
    try:
        raise RuntimeError(NMS)
    except RuntimeError as error:
        raise ModuleNotFoundError("Could not import module 'Bert'.") from error


def test_the_first_cause_is_told():
    with pytest.raises(ModuleNotFoundError) as caught:
        fails()
    assert NMS in broken("transformers", caught.value)


def test_user_code_that_needs_it_says_so_too(place):
    (place / "zoo.py").write_text(f"raise RuntimeError({NMS!r})", encoding="utf-8")
    with pytest.raises(FactoryError, match="built for another PyTorch"):
        load_factory(f"{place / 'zoo.py'}:make", group="landscape.models", builtin={})
