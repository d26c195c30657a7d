"""NumPy's arrays in a pickle are read from their bytes, whatever their order, and never rebuilt."""

import argparse
import collections

import numpy as np
import pytest
import torch

from landscape.checkpoint.inspection import inspect_checkpoint
from landscape.checkpoint.load import load_checkpoint

NUMBERS = ["f2", "f4", "f8", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "c8", "c16", "?"]


@pytest.fixture(params=[2, 4])
def saved(request, tmp_path):
    def save(value, **options):
        torch.save(value, tmp_path / "x.pt", pickle_protocol=request.param, **options)
        return tmp_path / "x.pt"

    return save


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("code", NUMBERS)
def test_plain_numbers_come_back(saved, same, code, order):
    array = np.arange(6).reshape(2, 3).astype(code).astype(np.dtype(code).newbyteorder(order))
    path = saved({"w": array, "t": np.asfortranarray(array), "s": array[1, 1:2].reshape(())})
    native = torch.from_numpy(array.astype(np.dtype(code)))
    expected = {"w": native, "t": native, "s": native[1, 1]}
    checkpoint = load_checkpoint(path)
    same(checkpoint.state, expected)
    info = inspect_checkpoint(path)
    assert info.obstacle is None
    shown = {t.name: (t.shape, f"torch.{t.dtype}") for t in info.tensors}
    assert shown == {n: (tuple(t.shape), str(t.dtype)) for n, t in checkpoint.state.items()}


@pytest.mark.parametrize("zipped", [True, False])
def test_empty_arrays_and_the_legacy_format(tmp_path, same, zipped):
    state = {"none": np.zeros((0, 3), "f4"), "w": np.ones(2, "f4")}
    torch.save({"model": state}, tmp_path / "x.pt", _use_new_zipfile_serialization=zipped)
    expected = {n: torch.from_numpy(a) for n, a in state.items()}
    same(load_checkpoint(tmp_path / "x.pt").state, expected)


def test_arrays_and_dictionaries_beside_weights(saved, same):
    weights = {"w": torch.ones(2)}
    path = saved(
        {
            "model": weights,
            "history": np.ones((3, 2)),
            "names": np.array(["a", "b"]),
            "best": np.float32(0.5),
            "counts": collections.defaultdict(int, a=1, b=2),
            "args": argparse.Namespace(seeds=np.arange(3)),
        }
    )
    checkpoint = load_checkpoint(path)
    same(checkpoint.state, weights)
    assert checkpoint.contents == {
        "history": "array float64 (3, 2)",
        "names": "NumPy array of other things than numbers",
        "best": "0.5",
        "counts": "dictionary, 2 entries",
        "args": "Namespace(seeds=array int64 (3,))",
    }
    assert inspect_checkpoint(path).contents == checkpoint.contents


def test_weights_in_a_defaultdict(saved, same):
    weights = {"w": torch.ones(2)}
    same(load_checkpoint(saved(collections.defaultdict(dict, model=weights))).state, weights)
    same(load_checkpoint(saved(collections.defaultdict(list, weights))).state, weights)


def test_an_array_is_a_copy(saved):
    """Not a view of the file's bytes, which may not be written to."""
    (tensor,) = load_checkpoint(saved({"w": np.ones(2, "f4")})).state.values()
    tensor += 1
    assert tensor.tolist() == [2, 2]
