"""A hostile file does nothing but be refused: no code, no memory, no path of its choosing."""

import contextlib
import json
import os
import pickle
import struct
import subprocess
import zipfile

import pytest
import safetensors.torch
import torch
from hostile import Payload

from landscape.checkpoint.errors import CheckpointError
from landscape.checkpoint.inspection import inspect_checkpoint
from landscape.checkpoint.load import load_checkpoint

WEIGHTS = {"fc.weight": torch.ones(2, 3)}


def payloads(canary):
    command = f"touch {canary}"
    return {
        "os.system": Payload(os.system, command),
        "subprocess": Payload(subprocess.check_output, ["touch", str(canary)]),
        "eval": Payload(eval, f"open({str(canary)!r}, 'w')"),
        "nested pickle": Payload(pickle.loads, pickle.dumps(Payload(os.system, command))),
        "open": Payload(open, str(canary), "w"),
        "among weights": WEIGHTS | {"x": Payload(os.system, command)},
        "deep in the optimiser": {
            "model": WEIGHTS,
            "optimizer": [{"a": (Payload(os.mkdir, str(canary)),)}],
        },
        "torch.load": Payload(torch.load, str(canary)),
    }


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("kind", payloads(""))
def test_malicious_pickles_are_refused_and_not_run(tmp_path, refused, kind, zipped):
    canary, path = tmp_path / "canary", tmp_path / "weights.pt"
    torch.save(payloads(canary)[kind], path, _use_new_zipfile_serialization=zipped)
    refused(lambda: load_checkpoint(path), "which safe loading does not allow")
    with contextlib.suppress(CheckpointError):
        assert "does not allow" in inspect_checkpoint(path).obstacle
    assert not canary.exists()


def test_bare_pickle_is_refused_and_not_run(tmp_path, refused):
    path = tmp_path / "weights.pkl"
    path.write_bytes(pickle.dumps(Payload(os.system, f"touch {tmp_path / 'canary'}")))
    refused(lambda: load_checkpoint(path), "bare pickle")
    assert not (tmp_path / "canary").exists()


def test_obstacle_is_shown_by_inspection(tmp_path):
    path = tmp_path / "weights.pt"
    torch.save({"model": WEIGHTS, "where": tmp_path}, path)
    info = inspect_checkpoint(path)
    assert [t.name for t in info.tensors] == ["fc.weight"]
    assert "--allow-global pathlib.PosixPath" in info.obstacle


def test_one_class_can_be_allowed(tmp_path, refused, same):
    path = tmp_path / "weights.pt"
    torch.save({"model": WEIGHTS, "where": tmp_path}, path)
    refused(lambda: load_checkpoint(path), "--allow-global pathlib.PosixPath")
    same(load_checkpoint(path, allow_globals=["pathlib.PosixPath"]).state, WEIGHTS)
    refused(lambda: load_checkpoint(path), "--allow-global")  # the permission does not linger


@pytest.mark.parametrize("name", ["os.system", "builtins.eval", "nothing", "no.such", "json.loads"])
def test_only_classes_can_be_allowed(tmp_path, refused, name):
    path = tmp_path / "weights.pt"
    torch.save(WEIGHTS, path)
    refused(lambda: load_checkpoint(path, allow_globals=[name]), "--allow-global")


def test_functions_stay_refused_though_allowed(tmp_path, refused):
    path = tmp_path / "weights.pt"
    torch.save(Payload(os.system, f"touch {tmp_path / 'canary'}"), path)
    refused(lambda: load_checkpoint(path, allow_globals=["posix.system"]), "is not one")
    assert not (tmp_path / "canary").exists()


def test_deflate_bomb_is_refused(tmp_path, refused, rezip):
    torch.save({"w": torch.zeros(10**6)}, tmp_path / "plain.pt")
    rezip(tmp_path / "plain.pt", tmp_path / "bomb.pt", lambda _, d: d, zipfile.ZIP_DEFLATED)
    assert (tmp_path / "bomb.pt").stat().st_size < 20_000
    for call in (load_checkpoint, inspect_checkpoint):
        refused(lambda call=call: call(tmp_path / "bomb.pt"), "compressed or encrypted")


@pytest.mark.parametrize("name", ["../escape", "/etc/cron.d/x", "a/../../x", "a\\..\\x", "C:/x"])
def test_names_that_leave_the_archive_are_refused(tmp_path, refused, rezip, name):
    torch.save(WEIGHTS, tmp_path / "plain.pt")
    rezip(tmp_path / "plain.pt", tmp_path / "x.pt", lambda _, d: d, extra=[(name, b"data")])
    refused(lambda: load_checkpoint(tmp_path / "x.pt"), "point outside it")
    assert {p.name for p in tmp_path.iterdir()} == {"plain.pt", "x.pt"}


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_two_entries_of_one_name_are_refused(tmp_path, refused, rezip):
    torch.save(WEIGHTS, tmp_path / "plain.pt")
    extra = [("plain/data.pkl", b"\x80\x02}.")]
    rezip(tmp_path / "plain.pt", tmp_path / "x.pt", lambda _, d: d, extra=extra)
    refused(lambda: load_checkpoint(tmp_path / "x.pt"), "two entries of one name")


def test_oversized_pickle_is_refused(tmp_path, refused, rezip):
    torch.save(WEIGHTS, tmp_path / "plain.pt")

    def edit(name, data):
        return data + b"\0" * (33 << 20) if name.endswith("data.pkl") else data

    rezip(tmp_path / "plain.pt", tmp_path / "x.pt", edit)
    refused(lambda: load_checkpoint(tmp_path / "x.pt"), "more than 32 MiB")


def hostile(tmp_path, rezip, data):
    """A torch.save archive whose pickle is ``data``."""
    torch.save(WEIGHTS, tmp_path / "plain.pt")
    edit = lambda name, old: data if name.endswith("data.pkl") else old  # noqa: E731
    rezip(tmp_path / "plain.pt", tmp_path / "hostile.pt", edit)
    return tmp_path / "hostile.pt"


DEEP = {
    "tuples": b"\x80\x02N" + b"\x85" * 100_000 + b".",
    # Hashing the innermost of nested tuples recurses in C: in a set, as a key, and dropped again.
    "tuples in a set": b"\x80\x02cbuiltins\nset\n](N" + b"\x85" * 100_000 + b"e\x85R.",
    "tuple as key": b"\x80\x02}N" + b"\x85" * 100_000 + b"Ns.",
    "overwritten": b"\x80\x02}K\x01cbuiltins\nset\n](N" + b"\x85" * 100_000 + b"e\x85RsK\x01Ns.",
    "lists": b"\x80\x02" + b"]" * 100_000 + b"a" * 99_999 + b".",
}


@pytest.mark.parametrize("kind", DEEP)
def test_deep_nesting_does_not_end_the_process(tmp_path, refused, rezip, kind):
    path = hostile(tmp_path, rezip, DEEP[kind])
    for call in (load_checkpoint, inspect_checkpoint):
        refused(lambda call=call: call(path), "cannot be read")


def test_shared_contents_are_walked_once(tmp_path, refused, rezip):
    """Sixty lists, each twice in the next: 2^60 paths through 60 objects."""
    doubling = (b"](h%ch%ceq%c" % (i, i, i + 1) for i in range(60))
    data = b"\x80\x02]q\x00" + b"".join(doubling)
    refused(lambda: load_checkpoint(hostile(tmp_path, rezip, data + b".")), "holds a list")


@pytest.mark.parametrize(
    "data",
    [
        b"\x80\x02cbuiltins\nbytearray\nJ\xff\xff\xff\x7f\x85R.",
        b"\x80\x02ctorch\nTensor\n\x8a\x06\0\0\0\0\0\x10\x85R.",
        b"\x80\x02ctorch\nFloatStorage\nJ\xff\xff\xff\x7f\x85R.",
    ],
    ids=["bytearray", "tensor", "storage"],
)
def test_constructors_of_any_size_are_not_called(tmp_path, refused, rezip, data):
    refused(lambda: load_checkpoint(hostile(tmp_path, rezip, data)), "it ", "call")


@pytest.mark.parametrize("zipped", [True, False])
def test_few_numbers_cannot_pose_as_many(tmp_path, refused, zipped):
    """A stride of 0 makes four bytes a tensor of 4 TB as soon as it is copied."""
    path = tmp_path / "x.pt"
    expanded = torch.ones(1).expand(10**6, 10**6)
    torch.save({"w": expanded}, path, _use_new_zipfile_serialization=zipped)
    refused(lambda: load_checkpoint(path), "over only 1 stored numbers")


def test_storage_larger_than_its_entry_is_refused(tmp_path, refused, rezip):
    torch.save({"w": torch.ones(100)}, tmp_path / "plain.pt")
    edit = lambda name, data: data[:40] if name.endswith("data/0") else data  # noqa: E731
    rezip(tmp_path / "plain.pt", tmp_path / "x.pt", edit)
    refused(lambda: load_checkpoint(tmp_path / "x.pt"), "400 bytes", "40 are there")


@pytest.mark.filterwarnings("ignore::UserWarning", "ignore::DeprecationWarning")
def test_quantised_and_sparse_tensors_are_refused(tmp_path, refused):
    quantised = torch.quantize_per_tensor(torch.eye(3), 0.1, 0, torch.qint8)
    torch.save({"w": quantised}, tmp_path / "quantised.pt")
    refused(lambda: load_checkpoint(tmp_path / "quantised.pt"), "quantised", "dense floating")
    torch.save({"w": torch.eye(3).to_sparse()}, tmp_path / "sparse.pt")
    refused(lambda: load_checkpoint(tmp_path / "sparse.pt"), "not dense")
    torch.save({"w": torch.ones(3, device="meta")}, tmp_path / "meta.pt")
    refused(lambda: load_checkpoint(tmp_path / "meta.pt"), "not dense")


def safetensors_file(path, header, data=b"\0" * 24):
    raw = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(raw)) + raw + data)
    return path


GOOD = {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}


@pytest.mark.parametrize(
    "header",
    [
        {"w": GOOD | {"shape": [2, 4]}},
        {"w": GOOD | {"data_offsets": [0, 20]}},
        {"w": GOOD | {"data_offsets": [4, 28]}},
        {"w": GOOD | {"data_offsets": [24, 0]}},
        {"w": GOOD | {"data_offsets": [-1, 24]}},
        {"w": GOOD | {"shape": [2**62, 2**62]}},
        {"w": GOOD | {"dtype": "F99"}},
        {"w": GOOD, "v": GOOD},
        {"w": {}},
        b"{" * 50_000,
        b'{"w": [',
    ],
)
def test_safetensors_headers_that_lie(tmp_path, refused, header):
    path = safetensors_file(tmp_path / "x.safetensors", header)
    for call in (load_checkpoint, inspect_checkpoint):
        refused(lambda call=call: call(path), "not a whole safetensors file")


@pytest.mark.parametrize("length", [0, 1, 7, 2**20, 10**8, 10**8 + 1, 2**40, 2**63, 2**64 - 1])
def test_safetensors_header_of_wrong_length(tmp_path, refused, length):
    data = safetensors.torch.save(WEIGHTS)
    path = tmp_path / "x.safetensors"
    path.write_bytes(struct.pack("<Q", length) + data[8:])
    refused(lambda: load_checkpoint(path))


@pytest.mark.parametrize("shard", ["../x.safetensors", "/x.safetensors", "a/b.safetensors", "x.pt"])
def test_index_names_files_beside_it_only(tmp_path, refused, shard):
    index = tmp_path / "model.safetensors.index.json"
    index.write_text(json.dumps({"weight_map": {"w": shard}}))
    refused(lambda: load_checkpoint(index), "not a .safetensors file in its folder")


def test_special_files_and_broken_links(tmp_path, refused):
    os.mkfifo(tmp_path / "pipe.pt")
    refused(lambda: load_checkpoint(tmp_path / "pipe.pt"), "neither a file nor a folder")
    refused(lambda: load_checkpoint("/dev/zero"), "neither a file nor a folder")
    (tmp_path / "loop.pt").symlink_to("loop.pt")
    refused(lambda: load_checkpoint(tmp_path / "loop.pt"), "cannot be read")
    (tmp_path / "dangling.pt").symlink_to("nowhere.pt")
    refused(lambda: load_checkpoint(tmp_path / "dangling.pt"), "no such file")
    refused(lambda: load_checkpoint("a\0b"), "cannot be read")
    refused(lambda: load_checkpoint("x" * 5000), "cannot be read")


@pytest.mark.parametrize("protocol", [3, 4, 5])
def test_later_pickle_protocols(tmp_path, same, protocol):
    path = tmp_path / "x.pt"
    torch.save(WEIGHTS | {"tags": frozenset("ab")}, path, pickle_protocol=protocol)
    same(load_checkpoint(path).state, WEIGHTS)
    assert inspect_checkpoint(path).obstacle is None
