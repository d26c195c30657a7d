"""Feed mutated and made-up checkpoint files to the reader: ``python tests/checkpoint/fuzz.py N``.

Each input must load or be refused with ``CheckpointError``; anything else is a failure, as is any
attempt to write, run or connect while a file is read (watched by an audit hook). What loads must be
what inspection showed, and what PyTorch's own reader finds, where that reads the file.
"""

import argparse
import io
import json
import pickle
import re
import shutil
import sys
import tempfile
import time
import warnings
import zipfile
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from random import Random

import numpy as np
import safetensors.torch
import torch
import torch.distributed.checkpoint as dcp
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from landscape.checkpoint import CheckpointError, inspect_checkpoint, load_checkpoint
from landscape.checkpoint.unwrap import unwrap

_WATCHED = (
    "os.", "subprocess.", "socket.", "shutil.", "pty.", "ctypes.", "webbrowser.", "urllib."
)  # fmt: skip
_HARMLESS = {"os.listdir", "os.scandir", "os.walk", "os.fwalk"}
_watch: list[list[str]] = []


def _audit(event: str, arguments: tuple[object, ...]) -> None:
    if not _watch:
        return
    if event == "open":
        path, mode, flags = arguments
        writes = (isinstance(mode, str) and set(mode) & set("wax+")) or (
            isinstance(flags, int) and flags & 0o3
        )
        if writes:
            _watch[-1].append(f"open {path!r} for writing")
    elif event.startswith(_WATCHED) and event not in _HARMLESS:
        _watch[-1].append(f"{event} {arguments!r}")


sys.addaudithook(_audit)


@contextmanager
def watched() -> Iterator[list[str]]:
    """Collect what the block does to the world outside this process."""
    seen: list[str] = []
    _watch.append(seen)
    try:
        yield seen
    finally:
        _watch.pop()


def _saved(value: object, **options: object) -> bytes:
    buffer = io.BytesIO()
    torch.save(value, buffer, **options)
    return buffer.getvalue()


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


class _Payload:
    def __reduce__(self) -> tuple[object, ...]:
        return eval, ("print('the payload ran')",)


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
    for value in (state, wrapped, arrays, torch.nn.Linear(2, 2), {"x": _Payload()}):
        files += [_saved(value), _saved(value, _use_new_zipfile_serialization=False)]
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


def _text(data: bytes) -> bytes:
    return b"X" + len(data).to_bytes(4, "little") + data


def _instruction(rng: Random) -> bytes:
    """One instruction of a pickle, or noise in its place."""
    kind = rng.randrange(8)
    if kind == 0:
        return rng.choice(_NAMES)
    if kind == 1:
        return _text(rng.choice([b"storage", b"0", b"cpu", b"state_dict", b"latin1", b"f8"]))
    if kind == 2:
        return rng.choice(b"Khq").to_bytes() + rng.randrange(12).to_bytes()
    if kind == 3:
        return b"J" + rng.randbytes(4)
    return rng.randbytes(rng.randint(1, 3)) if kind == 4 else rng.choice(_OPCODES)


def _zipped(contents: bytes, source: bytes = CORPUS[1]) -> bytes:
    """The archive ``source``, whole and with right checksums, around another pickle."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(source)) as old, zipfile.ZipFile(buffer, "w") as archive:
        for name in old.namelist():
            archive.writestr(name, contents if name.endswith("data.pkl") else old.read(name))
    return buffer.getvalue()


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
    return _zipped(bytes(contents), source)


def zip_with_random_pickle(rng: Random) -> bytes:
    """An archive that is whole around a pickle of random instructions."""
    instructions = (_instruction(rng) for _ in range(rng.randrange(30)))
    return _zipped(b"\x80\x02" + b"".join(instructions) + b".")


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


SEEDS = st.integers(0, 2**63)


def read(data: bytes, folder: Path) -> str:
    """Write ``data`` as a file, read it in both ways, and say how it went.

    Raises
    ------
    AssertionError
        If reading did anything but read.
    Exception
        Whatever else than ``CheckpointError`` the reader lets through.
    """
    path = folder / "input.pt"
    shutil.rmtree(path, ignore_errors=True)
    if isinstance(data, Folder):
        path.unlink(missing_ok=True)
        path.mkdir()
        (path / ".metadata").write_bytes(data)
        (path / "__0_0.distcp").write_bytes(PART)
    else:
        path.write_bytes(data)
    outcomes, messages, found = [], [], []
    with watched() as seen, warnings.catch_warnings():
        warnings.simplefilter("error")
        for call in (inspect_checkpoint, load_checkpoint):
            try:
                found.append(call(path))
                outcomes.append("read")
            except CheckpointError as error:
                messages.append(str(error))
                outcomes.append("refused")
    assert "".join(messages).replace("\n", "").isprintable(), messages
    assert not seen, seen
    assert [p.name for p in folder.iterdir()] == ["input.pt"]
    if outcomes[1] == "read":
        shown, loaded = found
        assert [t.shape for t in shown.tensors] == [tuple(t.shape) for t in loaded.state.values()]
        assert shown.obstacle is None
        if path.is_file():
            _compare_with_pytorch(path, loaded.state)
    return f"inspection {outcomes[0]}, loading {outcomes[1]}"


def _compare_with_pytorch(path: Path, state: Mapping[str, torch.Tensor]) -> None:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            value = torch.load(path, weights_only=True)
        expected = unwrap(path, value, use_ema=False, state_key=None).tensors
    except Exception:  # it reads fewer files: those with NumPy's arrays, and safetensors
        return
    for name, tensor in expected.items():
        torch.testing.assert_close(state[name], tensor.detach(), rtol=0, atol=0, equal_nan=True)


def main(num_inputs: int) -> None:
    """Run ``num_inputs`` inputs and print how many were read and refused."""
    outcomes: Counter[str] = Counter()
    start = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:

        @settings(
            max_examples=num_inputs,
            deadline=None,
            database=None,
            derandomize=True,
            phases=[Phase.generate, Phase.shrink],
            suppress_health_check=list(HealthCheck),
        )
        @given(SEEDS)
        def run(seed: int) -> None:
            outcomes[read(make_input(seed), Path(folder))] += 1

        run()
    for outcome, count in outcomes.most_common():
        print(f"{count:>8}  {outcome}")
    print(f"{sum(outcomes.values())} inputs in {time.monotonic() - start:.0f} s, no crash")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000)
