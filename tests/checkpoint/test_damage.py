"""A damaged file is refused with the one error, wherever the damage is."""

import random

import pytest
import safetensors.torch
import torch
from hostile import saved

from landscape.checkpoint.errors import CheckpointError
from landscape.checkpoint.inspection import inspect_checkpoint
from landscape.checkpoint.load import load_checkpoint


@pytest.fixture(params=["zip", "legacy", "safetensors"])
def container(request, net):
    """A whole file's bytes, and whether the format carries checksums of its data."""
    if request.param == "safetensors":
        return safetensors.torch.save(net.state_dict()), False
    zipped = request.param == "zip"
    value = {"net": net.state_dict(), "epoch": 3}
    return saved(value, _use_new_zipfile_serialization=zipped), zipped


def test_cut_off_at_every_percent(tmp_path, container, refused):
    data, _ = container
    path = tmp_path / "x.pt"
    for percent in range(100):
        path.write_bytes(data[: len(data) * percent // 100])
        refused(lambda: load_checkpoint(path))
        refused(lambda: inspect_checkpoint(path))


def test_flipped_bits(tmp_path, container, net):
    """No flip crashes; where there are checksums, none that changes a weight goes unnoticed."""
    data, has_checksums = container
    rng = random.Random(0)
    path = tmp_path / "x.pt"
    for _ in range(300):
        position = rng.randrange(len(data))
        flipped = bytearray(data)
        flipped[position] ^= 1 << rng.randrange(8)
        path.write_bytes(flipped)
        try:
            inspect_checkpoint(path)
            state = load_checkpoint(path).state
        except CheckpointError:
            continue
        if has_checksums and set(state) == set(net.state_dict()):
            for name, tensor in net.state_dict().items():
                torch.testing.assert_close(state[name], tensor, rtol=0, atol=0)


def test_flipped_bit_in_the_weights_is_found_by_its_checksum(tmp_path, net, refused):
    data = saved(net.state_dict())
    weights = net.state_dict()["0.weight"].numpy().tobytes()
    position = data.index(weights)
    path = tmp_path / "x.pt"
    path.write_bytes(data[:position] + bytes([data[position] ^ 1]) + data[position + 1 :])
    refused(lambda: load_checkpoint(path), "checksum", "data/0")


def test_file_written_without_checksums_loads(tmp_path, net, same):
    torch.serialization.set_crc32_options(False)
    try:
        torch.save(net.state_dict(), tmp_path / "x.pt")
    finally:
        torch.serialization.set_crc32_options(True)
    same(load_checkpoint(tmp_path / "x.pt").state, net.state_dict())


def test_bytes_after_the_end(tmp_path, net, refused, same):
    path = tmp_path / "x.pt"
    path.write_bytes(safetensors.torch.save(net.state_dict()) + b"more")
    refused(lambda: load_checkpoint(path), "safetensors")
    legacy = saved(net.state_dict(), _use_new_zipfile_serialization=False)
    path.write_bytes(legacy + b"more")
    same(load_checkpoint(path).state, net.state_dict())
