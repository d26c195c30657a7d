"""A checkpoint and its sidecar are of one moment, whole, and come back as they were."""

import json
import math

import pytest
import safetensors
import torch

from landscape.checkpoint import save as save_module
from landscape.checkpoint.inspection import inspect_checkpoint
from landscape.checkpoint.load import load_checkpoint
from landscape.checkpoint.save import save_checkpoint
from landscape.checkpoint.sidecar import Metrics
from landscape.files import OutputError, sha256_of_file


@pytest.fixture
def path(tmp_path):
    return tmp_path / "run" / "last.safetensors"


def test_round_trip(path, net, sidecar, same, replace):
    save_checkpoint(path, net.state_dict(), sidecar)
    checkpoint = load_checkpoint(path)
    same(checkpoint.state, net.state_dict())
    assert checkpoint.sidecar == replace(sidecar, weights_sha256=sha256_of_file(path))
    assert checkpoint.notes == ()
    assert inspect_checkpoint(path).sidecar == checkpoint.sidecar
    assert sorted(p.name for p in path.parent.iterdir()) == ["last.json", "last.safetensors"]


def test_saving_twice_gives_the_same_bytes(path, net, sidecar):
    save_checkpoint(path, net.state_dict(), sidecar)
    first = path.read_bytes(), path.with_suffix(".json").read_bytes()
    save_checkpoint(path, net.state_dict(), sidecar)
    assert (path.read_bytes(), path.with_suffix(".json").read_bytes()) == first


def test_shared_memory_views_and_odd_shapes(path, sidecar, same):
    whole = torch.arange(12.0)
    state = {
        "a": whole,
        "tied": whole,
        "transposed": whole.view(3, 4).t(),
        "scalar": torch.tensor(1.0),
        "empty": torch.zeros(0, 3),
        "half": torch.ones(2, dtype=torch.bfloat16),
    }
    save_checkpoint(path, state, sidecar)
    same(load_checkpoint(path).state, state)


def test_kill_between_the_two_writes_leaves_a_consistent_checkpoint(
    path, net, sidecar, replace, monkeypatch
):
    save_checkpoint(path, net.state_dict(), sidecar)
    later = replace(sidecar, training=replace(sidecar.training, epoch=4))
    write = save_module.write_atomic

    def killed(target, data):
        if target.suffix == ".json":
            raise KeyboardInterrupt
        write(target, data)

    monkeypatch.setattr(save_module, "write_atomic", killed)
    with pytest.raises(KeyboardInterrupt):
        save_checkpoint(path, {n: t + 1 for n, t in net.state_dict().items()}, later)
    checkpoint = load_checkpoint(path)
    assert checkpoint.sidecar == later
    assert any("describes other weights" in note for note in checkpoint.notes)


def test_lost_sidecar_is_read_from_within(path, net, sidecar):
    save_checkpoint(path, net.state_dict(), sidecar)
    path.with_suffix(".json").unlink()
    assert load_checkpoint(path).sidecar == sidecar


def test_sidecar_of_other_weights_is_not_believed(path, net, sidecar, tmp_path):
    save_checkpoint(path, net.state_dict(), sidecar)
    foreign = path.with_name("foreign.safetensors")
    safetensors.torch.save_file(net.state_dict(), foreign)
    path.with_suffix(".json").rename(foreign.with_suffix(".json"))
    checkpoint = load_checkpoint(foreign)
    assert checkpoint.sidecar is None
    assert checkpoint.notes == ("foreign.json describes other weights and was ignored",)


def test_foreign_json_beside_a_checkpoint_is_no_sidecar(path, net):
    path.parent.mkdir()
    safetensors.torch.save_file(net.state_dict(), path)
    path.with_suffix(".json").write_text('{"architectures": ["Bert"]}')
    assert load_checkpoint(path).sidecar is None


def nested(depth):
    return {"a": nested(depth - 1)} if depth else {}


@pytest.mark.parametrize(
    ("edit", "fragment"),
    [
        (lambda r: r["training"].pop("seed"), "'training' lacks 'seed'"),
        (lambda r: r.pop("model"), "the sidecar lacks 'model'"),
        (lambda r: r["training"].update(epoch="three"), "'epoch' must be int, not str"),
        (lambda r: r["training"].update(epoch=True), "'epoch' must be int, not bool"),
        (lambda r: r["metrics"].update(test_loss=[]), "'test_loss' must be float | None"),
        (lambda r: r.update(config=[1]), "'config' must be"),
        (lambda r: r.update(data=None), "'data' must be a JSON object"),
        (lambda r: r.update(schema_version=99), "reads up to 1"),
        (lambda r: r["metrics"].update(test_loss=math.nan), "not JSON"),
        (lambda r: r["metrics"].update(test_loss=10**400), "has more than 20 digits"),
        (lambda r: r.update(config=nested(50)), "nested more than 40 levels deep"),
    ],
)
def test_damaged_sidecars_are_refused(path, net, sidecar, refused, edit, fragment):
    save_checkpoint(path, net.state_dict(), sidecar)
    beside = path.with_suffix(".json")
    record = json.loads(beside.read_text())
    edit(record)
    beside.write_text(json.dumps(record))
    refused(lambda: load_checkpoint(path), fragment, "last.json")


OUTSIDE = {
    "data": {"num_examples": -1, "seed": -1},
    "training": {
        "gain": -1.0,
        "learning_rate": 0,
        "momentum": 1.5,
        "weight_decay": -1e-4,
        "batch_size": 0,
        "seed": 2**64,
        "epoch": -1,
        "epochs": 2**60,
    },
    "metrics": {
        "train_loss": 1e300,
        "train_accuracy": 1.5,
        "test_loss": -1e300,
        "test_accuracy": -0.5,
    },
}


@pytest.mark.parametrize(("part", "name"), [(part, n) for part in OUTSIDE for n in OUTSIDE[part]])
def test_every_number_in_a_sidecar_has_its_range(path, net, sidecar, refused, part, name):
    save_checkpoint(path, net.state_dict(), sidecar)
    beside = path.with_suffix(".json")
    record = json.loads(beside.read_text())
    record[part][name] = OUTSIDE[part][name]
    beside.write_text(json.dumps(record))
    refused(lambda: load_checkpoint(path), f"'{name}' must lie in [", "last.json")


@pytest.mark.parametrize(
    ("number", "fragment"),
    [("1e400", "no finite number"), ("-1e400", "no finite number"), ("1" * 4300, "20 digits")],
)
def test_numbers_beyond_a_floats_or_64_bits_are_refused(
    path, net, sidecar, refused, number, fragment
):
    save_checkpoint(path, net.state_dict(), sidecar)
    beside = path.with_suffix(".json")
    text = beside.read_text()
    for old in ('"gain": 1.0', "2.5"):  # a field's, and one deep in the configuration
        assert old in text
        beside.write_text(text.replace(old, old[:-3] + number))
        refused(lambda: load_checkpoint(path), fragment, "last.json")


@pytest.mark.parametrize("text", ['{"schema_version": 1, "training"', "", " "])
def test_sidecar_that_is_cut_off(path, net, sidecar, refused, text):
    save_checkpoint(path, net.state_dict(), sidecar)
    path.with_suffix(".json").write_text(text)
    refused(lambda: load_checkpoint(path), "last.json", "Restore it")


def test_unknown_keys_of_a_later_version_are_passed_over(path, net, sidecar):
    save_checkpoint(path, net.state_dict(), sidecar)
    beside = path.with_suffix(".json")
    record = json.loads(beside.read_text()) | {"mood": "good"}
    beside.write_text(json.dumps(record))
    assert load_checkpoint(path).sidecar.training == sidecar.training


def test_text_in_a_sidecar_cannot_drive_the_terminal(path, net, sidecar, replace):
    hostile = replace(sidecar, model="\x1b[2Jmlp", data=replace(sidecar.data, source="\x07"))
    save_checkpoint(path, net.state_dict(), hostile)
    read = load_checkpoint(path).sidecar
    assert (read.model, read.data.source) == (r"\x1b[2Jmlp", r"\x07")


def test_nan_is_not_written(path, net, sidecar, replace):
    bad = replace(sidecar, metrics=Metrics(train_loss=math.nan))
    with pytest.raises(ValueError, match="JSON"):
        save_checkpoint(path, net.state_dict(), bad)
    assert not path.parent.exists()


def test_wrong_suffix_and_unwritable_folder(tmp_path, net, sidecar):
    with pytest.raises(ValueError, match=r"must end in \.safetensors"):
        save_checkpoint(tmp_path / "x.pt", net.state_dict(), sidecar)
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot write"):
        save_checkpoint(tmp_path / "file" / "x.safetensors", net.state_dict(), sidecar)
