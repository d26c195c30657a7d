"""Inspection says what is in a file, what would analyse it, and reads no weight."""

import argparse

import pytest
import safetensors.torch
import torch

from landscape.checkpoint.inspection import inspect_checkpoint
from landscape.checkpoint.save import save_checkpoint
from landscape.cli import main


@pytest.fixture
def no_loading(monkeypatch):
    """Any attempt to read a tensor fails."""

    def fail(*_, **__):
        raise AssertionError("a weight was read")

    monkeypatch.setattr(torch, "load", fail)
    monkeypatch.setattr(torch, "empty", fail)
    monkeypatch.setattr(torch, "frombuffer", fail)


@pytest.mark.parametrize("zipped", [True, False])
def test_pickled_file_is_described_without_loading(tmp_path, no_loading, zipped):
    path = tmp_path / "net.pt"
    value = {
        "model": {"w": torch.ones(2, 3), "n": torch.tensor(1), "bn.running_var": torch.ones(2)},
        "args": argparse.Namespace(lr=0.1),
        "optimizer": {"state": {}},
        "history": [1.0, 2.0],
    }
    torch.save(value, path, _use_new_zipfile_serialization=zipped)
    info = inspect_checkpoint(path)
    assert [(t.name, t.shape, t.dtype) for t in info.tensors] == [
        ("w", (2, 3), "float32"),
        ("n", (), "int64"),
        ("bn.running_var", (2,), "float32"),
    ]
    assert info.num_params == 6
    assert info.size_bytes == path.stat().st_size
    assert info.contents == {
        "args": "Namespace(lr=0.1)",
        "optimizer": "dictionary, 1 entries",
        "history": "list, 2 items",
    }
    assert (info.model, info.obstacle, info.sidecar) == (None, None, None)


def test_safetensors_are_described_from_the_header(tmp_path, no_loading):
    path = tmp_path / "net.safetensors"
    dtypes = [torch.float64, torch.bfloat16, torch.int8, torch.bool, torch.uint16]
    state = {str(dtype): torch.zeros(2, dtype=dtype) for dtype in dtypes}
    safetensors.torch.save_file(state, path)
    info = inspect_checkpoint(path)
    assert all(t.name == f"torch.{t.dtype}" for t in info.tensors)
    assert len(info.tensors) == len(dtypes)
    assert info.num_params == 4


def test_newest_dtypes_in_a_pickle(tmp_path, no_loading):
    path = tmp_path / "net.pt"
    torch.save({"a": torch.ones(3, dtype=torch.uint16), "b": torch.ones(3).half()}, path)
    torch.save({"f8": torch.ones(3).to(torch.float8_e4m3fn)}, tmp_path / "f8.pt")
    assert [t.dtype for t in inspect_checkpoint(path).tensors] == ["uint16", "float16"]
    (tensor,) = inspect_checkpoint(tmp_path / "f8.pt").tensors
    assert (tensor.dtype, tensor.shape) == ("float8_e4m3fn", (3,))


@pytest.mark.parametrize(
    ("name", "quoted"),
    [("a b;rm -rf x.pt", "'{}' -o reports/'a b;rm -rf x'"), ("ok.pt", "{} -o reports/ok")],
)
def test_command_is_safe_to_paste(tmp_path, name, quoted):
    path = tmp_path / name
    torch.save({"w": torch.ones(2)}, path)
    command = inspect_checkpoint(path).command
    assert command == (
        f"landscape analyze {quoted.format(path)} --model MODULE:FACTORY --data MODULE:FACTORY "
        "--loss cross-entropy"
    )


def test_a_name_like_an_option_is_no_option_of_the_command(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    torch.save({"w": torch.ones(2)}, "-net.pt")
    assert inspect_checkpoint("./-net.pt").command.startswith("landscape analyze ./-net.pt ")


def test_command_for_a_described_checkpoint_needs_no_flags(tmp_path, net, sidecar):
    path = tmp_path / "mlp.safetensors"
    save_checkpoint(path, net.state_dict(), sidecar)
    info = inspect_checkpoint(path)
    assert info.model == sidecar.model
    assert info.command == f"landscape analyze {path} -o reports/mlp"


def test_neuron_state_is_pointed_out(tmp_path):
    torch.save({"lif.mem": torch.ones(2), "fc.weight": torch.ones(2)}, tmp_path / "x.pt")
    notes = inspect_checkpoint(tmp_path / "x.pt").notes
    assert "neuron state, not loaded into a network: lif.mem" in notes


@pytest.mark.parametrize("json_flag", [[], ["--json"]])
def test_files_that_cannot_be_read_hide_none_of_the_others(
    tmp_path, monkeypatch, capsys, json_flag
):
    names = ["bad.pt", "good.pt", "missing.pt", "fine.pt"]
    for name in (names[1], names[3]):
        torch.save({f"weight_of_{name}": torch.ones(2)}, tmp_path / name)
    (tmp_path / "bad.pt").write_bytes(b"nothing of the kind")
    files = [str(tmp_path / name) for name in names]
    monkeypatch.setattr("sys.argv", ["landscape", "info", *files, *json_flag])
    with pytest.raises(SystemExit) as end:
        main()
    assert end.value.code == 2
    told, errors = capsys.readouterr()
    assert told.index("weight_of_good.pt") < told.index("weight_of_fine.pt")
    (bad, missing) = errors.splitlines()
    assert bad.startswith(f"Error: {files[0]}: ")
    assert files[2] in missing
