"""Stored work and the code that it belongs to."""

from dataclasses import asdict, replace

import pytest
import torch

from landscape.analysis.opening import target_in_memory
from landscape.analysis.target_settings import TargetSettings
from landscape.objective.named import objective_of
from landscape.results.fingerprint import Fingerprint
from landscape.store.identity import (
    KEY,
    code_difference,
    difference,
    environment_note,
    identity_of,
    with_fingerprint,
)
from landscape.store.states import StateFile

BEFORE = Fingerprint(
    loss=0.766,
    gradient_norm=1e-3,  # at a minimum gradients cancel: the first examples' sets the scale
    projection=2e-3,
    first_loss=0.7,
    first_gradient_norm=0.1,
    first_projection=-0.2,
    environment={"device": "cpu", "threads": "1"},
)
SETTINGS = {"seed": 0, "nested": {"tol": 1e-3}}


def _stored(found):
    return with_fingerprint(SETTINGS, found)


@pytest.mark.parametrize(
    ("now", "told"),
    [
        (BEFORE, ""),
        (replace(BEFORE, loss=0.766 * (1 + 5e-7), gradient_norm=1.0005e-3), ""),
        (replace(BEFORE, loss=7.66), "the loss was 0.766, now 7.66"),
        (replace(BEFORE, projection=2.1e-3), "projection was 0.002, now 0.0021"),
        (replace(BEFORE, first_gradient_norm=0.11), "their gradient's norm was 0.1, now 0.11"),
    ],
)
def test_code_is_compared_as_closely_as_it_repeats_itself(now, told):
    found = code_difference(_stored(BEFORE), _stored(now))
    assert (told in found) if told else not found
    assert difference(_stored(BEFORE), _stored(now)).endswith(found)


def test_on_another_machine_a_difference_is_a_note():
    moved = replace(BEFORE, loss=0.77, environment={"device": "cuda", "threads": "1"})
    assert not difference(_stored(BEFORE), _stored(moved))
    note = environment_note(_stored(BEFORE), _stored(moved))
    assert "the loss was 0.766, now 0.77" in note
    assert "device was cpu, now cuda" in note
    assert not environment_note(_stored(BEFORE), _stored(BEFORE))


def test_work_of_a_version_without_fingerprints_is_gone_on_with():
    assert not difference(SETTINGS, _stored(BEFORE))


def test_settings_are_told_by_dotted_names():
    changed = {"seed": 0, "nested": {"tol": 1e-4}}
    assert difference(SETTINGS, changed) == "nested.tol was 0.001, now 0.0001"


def test_digests_are_shortened_and_those_that_follow_from_a_setting_left_out():
    moved = replace(BEFORE, loss=0.9)
    before = with_fingerprint({"seed": 0, "examples": 64 * "a"}, BEFORE)
    of_seed = with_fingerprint({"seed": 1, "examples": 64 * "b"}, moved)
    assert difference(before, of_seed) == "seed was 0, now 1"
    of_data = with_fingerprint({"seed": 0, "examples": 64 * "b"}, moved)
    assert difference(before, of_data) == "examples was 'aaaaaaaaaaaa', now 'bbbbbbbbbbbb'"


def test_an_unfinished_state_of_other_code_is_refused(tmp_path):
    path = tmp_path / "run.state"
    state = {"basis": torch.arange(6.0).view(2, 3), "step": 2}
    StateFile(path, _stored(BEFORE)).save(state, now=True)
    found = StateFile(path, _stored(BEFORE)).load()
    assert torch.equal(found["basis"], state["basis"])
    with pytest.raises(ValueError, match=r"unfinished run of other code.*was 0\.766, now 7\.66"):
        StateFile(path, _stored(replace(BEFORE, loss=7.66))).load()
    assert StateFile(path, {**_stored(BEFORE), "seed": 1}).load() is None


def test_a_fingerprint_survives_its_file():
    assert Fingerprint(**asdict(BEFORE)) == BEFORE


def _target(**settings):
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4))
    data = torch.randn(20, 3), torch.arange(20) % 2
    return target_in_memory(
        model, objective_of("cross-entropy", None), data, TargetSettings(**settings)
    )


@pytest.mark.parametrize(
    ("changed", "coupled", "told"),
    [
        ({"batch_size": 7}, {}, ""),  # it moves the rounding alone
        ({"batch_size": 7}, {"batch_norm": "train"}, "batch_size was 250, now 7"),
        ({"device": "cpu:0"}, {}, ""),
        ({"dtype": "float64"}, {}, "dtype was 'float32', now 'float64'"),
        ({"seed": 3}, {}, "seed was 0, now 3"),
        ({"use_ema": True}, {}, "use_ema was False, now True"),
    ],
)
def test_settings_that_move_numbers_are_part_of_the_identity(changed, coupled, told):
    before, now = (
        identity_of(_target(**settings), {"radii": (0.1, 0.2)})
        for settings in (coupled, coupled | changed)
    )
    for found in (before, now):
        # Of θ, which is a checkpoint's in a file, and of what it computes.
        del found[KEY], found["checkpoint"]
    assert difference(before, now) == told


def test_recalibrated_statistics_depend_on_batches():
    before, now = (
        identity_of(_target(batch_size=size), {}, batch_norm="recalibrated") for size in (5, 10)
    )
    assert difference(before, now) == "batch_size was 5, now 10"
