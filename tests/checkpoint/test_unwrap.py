"""Weights are found in every usual wrapper; where there is a choice, the user makes it."""

import pytest
import torch

from landscape.checkpoint.inspection import inspect_checkpoint
from landscape.checkpoint.load import load_checkpoint

WEIGHTS = {"fc.weight": torch.ones(2, 3), "fc.bias": torch.zeros(2)}
AVERAGED = {name: t + 1 for name, t in WEIGHTS.items()}


@pytest.fixture
def saved(tmp_path):
    def save(value):
        torch.save(value, tmp_path / "ck.pt")
        return tmp_path / "ck.pt"

    return save


@pytest.mark.parametrize("key", ["state_dict", "model", "net", "model_state_dict", "last"])
def test_wrappers(saved, same, key):
    path = saved({key: WEIGHTS, "epoch": 1, "optimizer": {"state": {}, "param_groups": [{}]}})
    checkpoint = load_checkpoint(path)
    same(checkpoint.state, WEIGHTS)
    assert checkpoint.notes == (f"weights found under '{key}'",)
    assert checkpoint.contents["optimizer"] == "dictionary, 2 entries"
    assert inspect_checkpoint(path).notes == checkpoint.notes


def test_wrapper_in_wrapper(saved, same):
    same(load_checkpoint(saved({"model": {"state_dict": WEIGHTS}})).state, WEIGHTS)


@pytest.mark.parametrize("key", ["ema", "state_dict_ema", "model_ema"])
def test_averaged_weights_only_when_asked(saved, same, key):
    path = saved({"model": WEIGHTS, key: AVERAGED})
    plain = load_checkpoint(path)
    same(plain.state, WEIGHTS)
    assert any(key in note and "--ema" in note for note in plain.notes)
    same(load_checkpoint(path, use_ema=True).state, AVERAGED)
    assert inspect_checkpoint(path, use_ema=True).notes == (f"weights found under '{key}'",)


def test_averaged_weights_alone_are_not_chosen_silently(saved, same, refused):
    path = saved({"model_ema": {"state_dict": AVERAGED}, "epoch": 2})
    refused(lambda: load_checkpoint(path), "averaged weights only", "--ema")
    same(load_checkpoint(path, use_ema=True).state, AVERAGED)


def test_averaged_weights_that_are_not_there(saved, refused):
    refused(lambda: load_checkpoint(saved({"model": WEIGHTS}), use_ema=True), "no averaged (EMA)")


def test_several_sets_of_weights_need_a_choice(saved, same, refused):
    path = saved({"model": WEIGHTS, "net": AVERAGED})
    refused(lambda: load_checkpoint(path), "'model', 'net'", "--state-key model")
    same(load_checkpoint(path, state_key="net").state, AVERAGED)
    refused(lambda: load_checkpoint(path, state_key="nett"), "'nett'", "'model', 'net'")


def test_one_set_under_two_names_is_no_choice(saved, same):
    same(load_checkpoint(saved({"model": WEIGHTS, "net": WEIGHTS})).state, WEIGHTS)


def test_unknown_wrapper_is_named(saved, same, refused):
    path = saved({"student": {"weights": WEIGHTS}, "teacher": AVERAGED})
    refused(lambda: load_checkpoint(path), "'teacher'", "--state-key teacher")
    same(load_checkpoint(path, state_key="student.weights").state, WEIGHTS)


def test_values_among_weights_are_noted(saved, same):
    checkpoint = load_checkpoint(saved(WEIGHTS | {"epoch": 3, "_extra_state": None}))
    same(checkpoint.state, WEIGHTS)
    assert "entries that are not tensors ignored: 'epoch', '_extra_state'" in checkpoint.notes


def test_prefix_shared_by_some_names_stays(saved, same):
    state = {"model.weight": torch.ones(2), "head.weight": torch.ones(2)}
    same(load_checkpoint(saved(state)).state, state)


@pytest.mark.parametrize(
    ("value", "fragment"),
    [
        (torch.ones(3), "single tensor"),
        ([torch.ones(3)], "list"),
        ({"epoch": 3, "lr": 0.1}, "holds no weights; it has 'epoch', 'lr'"),
        ({}, "holds no weights; it has nothing"),
        (7, "int"),
    ],
)
def test_files_without_weights(saved, refused, value, fragment):
    path = saved(value)
    refused(lambda: load_checkpoint(path), fragment)
    refused(lambda: inspect_checkpoint(path), fragment)


def test_text_from_the_file_cannot_drive_the_terminal(saved):
    title = "\x1b]0;owned\x07<script>"
    path = saved({"model": {title: torch.ones(2)}, "title": title, "k\x1b[2J": 1, "n": 10**99})
    info = inspect_checkpoint(path)
    for found in (load_checkpoint(path), info):
        assert "".join([*found.contents, *found.contents.values(), *found.notes]).isprintable()
        assert found.contents["n"] == "integer of 329 bits"
    assert info.tensors[0].name == r"\x1b]0;owned\x07<script>"


def test_one_set_of_weights_is_found_wherever_it_is(saved, same):
    path = saved({"model": {"encoder": WEIGHTS}, "optimizer": {"state": {"m": AVERAGED}}})
    checkpoint = load_checkpoint(path)
    same(checkpoint.state, WEIGHTS)
    assert checkpoint.notes == ("weights found under 'model.encoder'",)
    assert inspect_checkpoint(path).notes == checkpoint.notes


def test_each_of_several_sets_is_named_by_a_key_that_works(saved, same, refused):
    path = saved({"model": {"encoder": WEIGHTS, "decoder": AVERAGED}})
    message = refused(lambda: load_checkpoint(path), "several sets of weights")
    assert message.endswith("--state-key model.encoder or --state-key model.decoder.")
    same(load_checkpoint(path, state_key="model.decoder").state, AVERAGED)


def test_moments_of_an_optimiser_are_no_weights(saved, refused):
    path = saved({"optimizer": {"state": {"exp_avg": WEIGHTS}}, "optim": WEIGHTS, "epoch": 3})
    refused(lambda: load_checkpoint(path), "holds no weights")
