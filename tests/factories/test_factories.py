"""Specs lead to the function they name, or to one sentence on why not."""

import pytest

from landscape.factories import DATASETS, LOSSES, FactoryError, load_factory


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
