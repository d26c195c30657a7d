"""Checkpoint files for the fuzzer: mutated ones, and ones made up, each by its seed."""

import argparse
import io
import json
import pickle
import re
import tempfile
import warnings
import zipfile
from collections import defaultdict
from pathlib import Path
from random import Random

import numpy as np
import safetensors.torch
import torch
import torch.distributed.checkpoint as dcp
from hostile import Payload, around, saved, text


class Folder(bytes):
    """The ``.metadata`` of a folder by torch.distributed.checkpoint, whose data are ``PART``."""


def _folder() -> tuple[Folder, bytes]:
    state = {"model": {"a.weight": torch.ones(2, 3), "a.bias": torch.zeros(2)}, "epoch": 3}
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about running in one process
        dcp.save(state, checkpoint_id=folder, no_dist=True)
        return (
            Folder((Path(folder) / ".metadata").read_bytes()),
            (Path(folder) / "__0_0.distcp").read_bytes(),
        )


METADATA, PART = _folder()


def _corpus() -> list[bytes]:
    state = {"a.weight": torch.ones(2, 3), "a.bias": torch.zeros(2), "n": torch.tensor(1)}
    wrapped = {
        "net": state,
        "args": argparse.Namespace(lr=0.1),
        "best": np.float64(0.5),
        "tags": {"x", "y"},
        "when": complex(1, 2),
    }
    files = [safetensors.torch.save(state, metadata={"format": "pt"})]
    arrays = {name: tensor.numpy() for name, tensor in state.items()}
    arrays |= {"t": np.asfortranarray(np.ones((2, 3), ">f8")), "d": defaultdict(int, a=1)}
    payload = {"x": Payload(eval, "print('the payload ran')")}
    for value in (state, wrapped, arrays, torch.nn.Linear(2, 2), payload):
        files += [saved(value), saved(value, _use_new_zipfile_serialization=False)]
    files += [pickle.dumps(state), json.dumps({"weight_map": {"a": "b.safetensors"}}).encode()]
    return files


CORPUS = _corpus()
_OPCODES = [bytes([b]) for b in b"(.)0NRbtu}]ease\x81\x85\x86\x87\x88\x89Q"]
_NAMES = [
    b"ccollections\nOrderedDict\n",
    b"ctorch._utils\n_rebuild_tensor_v2\n",
    b"ctorch._utils\n_rebuild_parameter\n",
    b"ctorch._utils\n_rebuild_sparse_tensor\n",
    b"ctorch._tensor\n_rebuild_from_type_v2\n",
    b"ctorch\nFloatStorage\n",
    b"ctorch\nSize\n",
    b"ctorch\nfloat32\n",
    b"cargparse\nNamespace\n",
    b"cbuiltins\nset\n",
    b"cbuiltins\nbytearray\n",
    b"c_codecs\nencode\n",
    b"cos\nsystem\n",
    b"cbuiltins\neval\n",
    b"cnumpy\ndtype\n",
    b"cnumpy._core.multiarray\nscalar\n",
    b"cnumpy._core.multiarray\n_reconstruct\n",
    b"cnumpy\nndarray\n",
    b"ccollections\ndefaultdict\n",
]


def _instruction(rng: Random) -> bytes:
    """One instruction of a pickle, or noise in its place."""
    kind = rng.randrange(8)
    if kind == 0:
        return rng.choice(_NAMES)
    if kind == 1:
        return text(rng.choice(["storage", "0", "cpu", "state_dict", "latin1", "f8"]))
    if kind == 2:
        return rng.choice(b"Khq").to_bytes() + rng.randrange(12).to_bytes()
    if kind == 3:
        return b"J" + rng.randbytes(4)
    return rng.randbytes(rng.randint(1, 3)) if kind == 4 else rng.choice(_OPCODES)


def mutated(rng: Random) -> bytes:
    """A file of the corpus with some bytes changed, cut out, put in, or taken from another."""
    data = bytearray(rng.choice(CORPUS))
    for _ in range(rng.randint(1, 3)):
        position = rng.randrange(len(data) + 1)
        kind = rng.choice(["flip", "flip", "set", "cut", "insert", "splice", "truncate"])
        if kind == "flip" and position < len(data):
            data[position] ^= 1 << rng.randrange(8)
        elif kind == "set":
            data[position : position + 4] = rng.randbytes(4)
        elif kind == "cut":
            del data[position : position + rng.randint(1, 64)]
        elif kind == "insert":
            data[position:position] = rng.randbytes(rng.randint(1, 16))
        elif kind == "splice":
            other = rng.choice(CORPUS)
            data[position:] = other[rng.randrange(len(other)) :]
        elif kind == "truncate":
            del data[position:]
    return bytes(data)


def zip_with_mutated_pickle(rng: Random) -> bytes:
    """An archive that is whole, whose pickle is damaged: past the checksums, into the reader."""
    source = rng.choice([f for f in CORPUS if f.startswith(b"PK")])
    with zipfile.ZipFile(io.BytesIO(source)) as archive:
        contents = bytearray(archive.read("archive/data.pkl"))
    position = rng.randrange(len(contents))
    patch = _instruction(rng)
    contents[position : position + rng.choice([len(patch), 0, 1])] = patch
    return around(bytes(contents), source)


def zip_with_random_pickle(rng: Random) -> bytes:
    """An archive that is whole around a pickle of random instructions."""
    instructions = (_instruction(rng) for _ in range(rng.randrange(30)))
    return around(b"\x80\x02" + b"".join(instructions) + b".", CORPUS[1])


def zip_with_mutated_tables(rng: Random) -> bytes:
    """An archive whose contents are whole, and whose tables and headers are damaged."""
    data = bytearray(rng.choice([f for f in CORPUS if f.startswith(b"PK")]))
    for _ in range(rng.randint(1, 3)):
        headers = [found.start() for found in re.finditer(rb"PK[\1\3\5\6][\2\4\6\7]", data)]
        position = rng.choice(headers) + rng.randrange(56) if headers else 0
        size = rng.choice([1, 2, 4, 8])
        value = rng.choice([0, 1, 2**16 - 1, 2**32 - 1, len(data), rng.randrange(len(data))])
        data[position : position + size] = (value % 256**size).to_bytes(size, "little")
        if rng.randrange(4) == 0:  # another archive's table and end, after or in place of these
            other = rng.choice([f for f in CORPUS if f.startswith(b"PK")])
            start = max(other.find(b"PK\1\2"), 0)
            data[rng.choice([len(data), max(data.find(b"PK\5\6"), 0)]) :] = other[start:]
    return bytes(data)


def folder_with_mutated_metadata(rng: Random) -> Folder:
    """A folder whose data are whole, described otherwise."""
    data = bytearray(METADATA)
    for _ in range(rng.randint(1, 3)):
        position = rng.randrange(2, len(data))
        if rng.randrange(2):
            data[position] = rng.choice([0, 1, 2, 3, rng.randrange(256)])
        else:
            patch = _instruction(rng)
            data[position : position + rng.choice([len(patch), 0, 1])] = patch
    return Folder(data)


def safetensors_like(rng: Random) -> bytes:
    """A file with a header of the right length that says anything."""
    header = b"{" + json.dumps({"w": _json(rng, 3), "v": _json(rng, 3)}).encode()[1:]
    return len(header).to_bytes(8, "little") + header + rng.randbytes(rng.randrange(32))


def _json(rng: Random, depth: int) -> object:
    kind = rng.randrange(7 if depth else 4)
    if kind < 4:
        return rng.choice([None, rng.randint(-(2**63), 2**64), rng.randrange(25), "F32"])
    if kind == 4:
        return [_json(rng, depth - 1) for _ in range(rng.randrange(3))]
    good = {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}
    return good | {rng.choice(list(good)): _json(rng, depth - 1)}


_KINDS = (
    mutated,
    mutated,
    zip_with_mutated_pickle,
    zip_with_random_pickle,
    zip_with_mutated_tables,
    folder_with_mutated_metadata,
    safetensors_like,
)


def make_input(seed: int) -> bytes:
    """The file that ``seed`` stands for, of one of the kinds above."""
    rng = Random(seed)
    return rng.choice(_KINDS)(rng)
