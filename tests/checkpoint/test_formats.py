"""Each format, in a file made by the library that writes it, gives the weights that went in."""

import argparse
import json

import numpy as np
import pytest
import safetensors.torch
import torch
from torch import nn

from landscape.checkpoint.inspection import inspect_checkpoint
from landscape.checkpoint.load import load_checkpoint


def shapes(state):
    return {name: tuple(t.shape) for name, t in state.items()}


@pytest.fixture(params=["zip", "legacy"])
def torch_save(request, tmp_path):
    """torch.save in either format, with a file name that says nothing."""

    def save(value):
        path = tmp_path / "file.bin"
        torch.save(value, path, _use_new_zipfile_serialization=request.param == "zip")
        return path

    return save


def agree(path, state, same, **options):
    """Loading gives ``state``; inspecting gives its shapes and dtypes without loading."""
    checkpoint = load_checkpoint(path, **options)
    same(checkpoint.state, state)
    info = inspect_checkpoint(path, **options)
    assert {t.name: t.shape for t in info.tensors} == shapes(checkpoint.state)
    assert {t.name: f"torch.{t.dtype}" for t in info.tensors} == {
        name: str(t.dtype) for name, t in checkpoint.state.items()
    }
    assert info.format == checkpoint.format
    assert info.sha256 == checkpoint.sha256
    assert info.obstacle is None
    return checkpoint


def test_state_dict_by_torch_save(torch_save, net, same):
    checkpoint = agree(torch_save(net.state_dict()), net.state_dict(), same)
    assert checkpoint.format.startswith("torch.save")
    assert not any(t.requires_grad for t in checkpoint.state.values())


def test_parameters_and_views_of_one_storage(torch_save, same):
    whole = torch.arange(12.0)
    state = {"a": whole[:4], "b": whole[4:].view(2, 4).t(), "p": nn.Parameter(torch.ones(2))}
    agree(torch_save(state), state, same)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float16, torch.bfloat16, torch.int8])
def test_dtypes_and_odd_shapes(torch_save, same, dtype):
    state = {
        "scalar": torch.tensor(3, dtype=dtype),
        "empty": torch.zeros(0, 5, dtype=dtype),
        "one": torch.ones(1, 1, 1, dtype=dtype),
    }
    agree(torch_save(state), state, same)


def test_spikingjelly_training_script(torch_save, same):
    """The dictionary that SpikingJelly's examples save, of a network of its layers."""
    layer = pytest.importorskip("spikingjelly.activation_based.layer")
    neuron = pytest.importorskip("spikingjelly.activation_based.neuron")
    net = nn.Sequential(layer.Conv2d(1, 2, 3), layer.BatchNorm2d(2), neuron.IFNode())
    optimizer = torch.optim.Adam(net.parameters())
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 4)
    path = torch_save(
        {
            "net": net.state_dict(),
            "optimizer": optimizer.state_dict(),
            "lr_scheduler": scheduler.state_dict(),
            "epoch": 7,
            "max_test_acc": np.float64(0.25),
            "args": argparse.Namespace(channels=2, lr=0.1, path="a b"),
        }
    )
    checkpoint = agree(path, net.state_dict(), same)
    assert checkpoint.contents["epoch"] == "7"
    assert checkpoint.contents["max_test_acc"] == "0.25"
    assert checkpoint.contents["args"] == "Namespace(channels=2, lr=0.1, path='a b')"
    assert inspect_checkpoint(path).contents == checkpoint.contents
    assert checkpoint.notes == ("weights found under 'net'",)


def test_snntorch_network(torch_save, same):
    snntorch = pytest.importorskip("snntorch")
    net = nn.Sequential(nn.Linear(3, 2), snntorch.Leaky(beta=0.5, init_hidden=True))
    net(torch.ones(4, 3))
    agree(torch_save(net.state_dict()), net.state_dict(), same)


def test_lightning(torch_save, net, same):
    """The layout of a Lightning .ckpt, whose names carry the attribute of the network."""
    path = torch_save(
        {
            "pytorch-lightning_version": "2.6.6",
            "epoch": 3,
            "global_step": 120,
            "state_dict": {f"model.{name}": t for name, t in net.state_dict().items()},
            "optimizer_states": [{"state": {}, "param_groups": []}],
            "hyper_parameters": {"lr": 0.1},
            "callbacks": {"ModelCheckpoint{'monitor': None}": {"best_model_score": None}},
        }
    )
    checkpoint = agree(path, net.state_dict(), same)
    assert checkpoint.format.endswith("(Lightning)")
    assert checkpoint.prefix == "model."
    assert "prefix 'model.' taken off every name" in checkpoint.notes


def test_safetensors(tmp_path, net, same):
    path = tmp_path / "weights"
    safetensors.torch.save_file(net.state_dict(), path, metadata={"format": "pt"})
    assert agree(path, net.state_dict(), same).format == "safetensors"


@pytest.mark.parametrize("given", ["model.safetensors.index.json", "."])
def test_sharded_safetensors(tmp_path, net, same, given):
    state = net.state_dict()
    names = list(state)
    parts = {"model-1-of-2.safetensors": names[:3], "model-2-of-2.safetensors": names[3:]}
    for file, members in parts.items():
        safetensors.torch.save_file({n: state[n] for n in members}, tmp_path / file)
    weight_map = {name: file for file, members in parts.items() for name in members}
    index = {"metadata": {}, "weight_map": weight_map}
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps(index))
    checkpoint = agree(tmp_path / given, state, same)
    assert checkpoint.format == "safetensors in shards"
    (tmp_path / "model-1-of-2.safetensors").write_bytes(
        (tmp_path / "model-2-of-2.safetensors").read_bytes()
    )
    with pytest.raises(ValueError, match="should be in it by its index"):
        load_checkpoint(tmp_path / given)


@pytest.mark.parametrize("compiled", [False, True])
def test_data_parallel_and_compiled_names(torch_save, net, same, compiled):
    prefix = "module._orig_mod." if compiled else "module."
    path = torch_save({prefix + name: t for name, t in net.state_dict().items()})
    assert agree(path, net.state_dict(), same).prefix == prefix


def test_averaged_model_of_torch(torch_save, net, same):
    averaged = torch.optim.swa_utils.AveragedModel(net)
    agree(torch_save(averaged.state_dict()), net.state_dict(), same)


def test_compiled_part(torch_save, same):
    state = {"encoder._orig_mod.weight": torch.ones(2), "head.weight": torch.zeros(2)}
    expected = {"encoder.weight": torch.ones(2), "head.weight": torch.zeros(2)}
    agree(torch_save(state), expected, same)


def test_whole_module_is_refused_with_the_way_out(torch_save, net, refused):
    path = torch_save(net)
    message = refused(lambda: load_checkpoint(path), "whole pickled module", "state_dict()")
    assert "--unsafe-pickle" in message


def test_whole_module_by_explicit_request(torch_save, net, same):
    path = torch_save(net)
    with pytest.warns(UserWarning, match="can run any code with your rights"):
        checkpoint = load_checkpoint(path, unsafe_pickle=True)
    same(checkpoint.state, net.state_dict())
    assert "loaded as an unrestricted pickle, on request" in checkpoint.notes


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
def test_torchscript_is_refused_with_the_way_out(tmp_path, net, refused):
    torch.jit.trace(net.eval(), torch.ones(1, 3)).save(tmp_path / "net.pt")
    refused(lambda: load_checkpoint(tmp_path / "net.pt"), "TorchScript", "torch.jit.load")
    refused(lambda: inspect_checkpoint(tmp_path / "net.pt"), "TorchScript")


@pytest.mark.parametrize(
    ("content", "fragment"),
    [
        (b"", "empty"),
        (b"\x89HDF\r\n\x1a\n" + b"\0" * 100, "HDF5"),
        (b"\x1f\x8b\x08" + b"\0" * 100, "gzip"),
        (b"<!DOCTYPE html><html>404</html>", "web page"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "Git LFS"),
        (b"\x80\x04\x95\0\0\0\0\0\0\0\0.", "bare pickle"),
        (b"PK\x03\x04rest", "damaged or cut off"),
        (b'{"a": 1}', "weight_map"),
        (b"\x07\x07\x07\x07\x07\x07\x07\x07\x07", "no known format"),
    ],
)
def test_foreign_files_are_named(tmp_path, refused, content, fragment):
    path = tmp_path / "weights.pt"
    path.write_bytes(content)
    for call in (load_checkpoint, inspect_checkpoint):
        refused(lambda call=call: call(path), fragment, str(path))


def test_numpy_archive_is_refused(tmp_path, refused):
    np.savez(tmp_path / "x.npz", x=np.ones(3))
    refused(lambda: load_checkpoint(tmp_path / "x.npz"), ".npz", "--data")


def test_missing_file_shows_close_names(tmp_path, refused):
    (tmp_path / "kaiming.safetensors").write_bytes(b"")
    refused(lambda: load_checkpoint(tmp_path / "kaimin.safetensors"), "'kaiming.safetensors'?")


@pytest.mark.parametrize("given", ["pytorch_model.bin.index.json", "."])
def test_shards_by_torch_save(tmp_path, net, same, given):
    state = net.state_dict()
    names = list(state)
    parts = {"model-1-of-2.bin": names[:3], "model-2-of-2.bin": names[3:]}
    for file, members in parts.items():
        torch.save({n: state[n] for n in members}, tmp_path / file)
    weight_map = {name: file for file, members in parts.items() for name in members}
    index = tmp_path / "pytorch_model.bin.index.json"
    index.write_text(json.dumps({"weight_map": weight_map}))
    assert agree(tmp_path / given, state, same).format == "torch.save in shards"


def test_folder_with_one_file_by_torch_save(tmp_path, net, same):
    torch.save(net.state_dict(), tmp_path / "pytorch_model.bin")
    agree(tmp_path, net.state_dict(), same)


def test_one_shard_under_two_names_is_refused(tmp_path, refused):
    """Links would let one file be read any number of times."""
    safetensors.torch.save_file(
        {"a": torch.ones(2), "b": torch.ones(2)}, tmp_path / "1.safetensors"
    )
    (tmp_path / "2.safetensors").symlink_to("1.safetensors")
    index = tmp_path / "model.safetensors.index.json"
    index.write_text(json.dumps({"weight_map": {"a": "1.safetensors", "b": "2.safetensors"}}))
    refused(lambda: load_checkpoint(index), "two of the files that it names are one")
