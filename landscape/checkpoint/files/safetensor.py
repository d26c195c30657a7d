"""Read safetensors files: single, or in shards with an index."""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, TypeVar

from safetensors import safe_open

from landscape.checkpoint.errors import CheckpointError, printable, refuse
from landscape.checkpoint.files.archive import COPY_AGAIN
from landscape.checkpoint.files.outline import MAX_TENSORS, TensorOutline
from landscape.checkpoint.formats import identity

MAX_INDEX_BYTES = 32 * 2**20
_VALUES = 15  # in a header for each tensor, braces and commas counted
_SPLIT = "Store weights in fewer tensors, or in several files with an index"
_SHARD_NAME = re.compile(r"[\w.\-]+\.(safetensors|bin)")
_DTYPES = {
    "BOOL": "bool",
    "BF16": "bfloat16",
    "C64": "complex64",
    "F8_E4M3": "float8_e4m3fn",
    "F8_E5M2": "float8_e5m2",
}
_T = TypeVar("_T")
_PREFIXES = {"F": "float", "I": "int", "U": "uint"}


def outline_safetensors(path: Path) -> tuple[dict[str, TensorOutline], dict[str, str]]:
    """Names, shapes and dtypes from the header, and its metadata; no weight is read."""
    with opened_safetensors(path, framework="np") as file:
        slices = {name: file.get_slice(name) for name in file.keys()}  # noqa: SIM118
        tensors = {
            name: TensorOutline(_dtype(part.get_dtype()), tuple(part.get_shape()))
            for name, part in slices.items()
        }
        return tensors, dict(file.metadata() or {})


def shards_of(index: Path) -> dict[str, list[str]]:
    """The files that ``index`` (``*.index.json``) names, each with the tensors it must hold.

    Raises
    ------
    CheckpointError
        If it is no index, names a file outside its own folder, or names one that is not there.
    """
    if index.stat().st_size > MAX_INDEX_BYTES:
        raise refuse(index, f"it is larger than {MAX_INDEX_BYTES >> 20} MiB", COPY_AGAIN)
    data = index.read_bytes()
    if values_in(data) > 3 * MAX_TENSORS:
        raise refuse(index, f"it names more than {MAX_TENSORS} tensors", COPY_AGAIN)
    try:
        weight_map = json.loads(data.decode("utf-8"))["weight_map"]
        pairs = [(str(name), str(file)) for name, file in weight_map.items()]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise refuse(
            index,
            "it is JSON, but no index of a sharded checkpoint (no 'weight_map')",
            "Pass the file that holds the weights",
        ) from None
    shards: dict[str, list[str]] = {}
    for name, file in pairs:
        if not _SHARD_NAME.fullmatch(file):
            raise refuse(
                index,
                f"it names '{printable(file)}', which is not a .safetensors file in its folder",
                "Shards must lie beside their index, as .safetensors or .bin files",
            )
        shards.setdefault(file, []).append(name)
    missing = sorted(file for file in shards if not (index.parent / file).is_file())
    if not missing and len({identity(index.parent / file) for file in shards}) < len(shards):
        raise refuse(index, "two of the files that it names are one", COPY_AGAIN)
    if missing or not shards:
        what = f"file '{missing[0]}' is not beside it" if missing else "it names no files"
        raise refuse(index, what, "Download all parts of the checkpoint")
    return shards


def of_all_shards(
    index: Path, read: Callable[[Path], tuple[Mapping[str, _T], object]]
) -> dict[str, _T]:
    """What ``read`` finds in each shard of ``index``, by tensor.

    Raises
    ------
    CheckpointError
        If a shard lacks tensors that the index promises, or cannot be read.
    """
    found: dict[str, _T] = {}
    for file, wanted in shards_of(index).items():
        shard, _ = read(index.parent / file)
        missing = sorted(set(wanted) - set(shard))
        if missing:
            raise refuse(
                index.parent / file,
                f"tensor '{printable(missing[0])}' should be in it by its index",
                COPY_AGAIN,
            )
        found |= {name: shard[name] for name in wanted}
    return found


def values_in(text: bytes) -> int:
    """No fewer than the values of the JSON in ``text``: each but the first follows one of these."""
    return sum(map(text.count, (b",", b"[", b"{", b":")))


@contextmanager
def opened_safetensors(path: Path, *, framework: Literal["np", "pt"]) -> Iterator[Any]:
    """The file as the library opens it, for arrays of NumPy or tensors of PyTorch.

    Raises
    ------
    CheckpointError
        If it is damaged, or lists more tensors than files are made of.
    """
    with path.open("rb") as raw:
        header = raw.read(int.from_bytes(raw.read(8), "little"))
    # What a tensor costs has little to do with its size: the header is a list of them.
    if header.count(b"{") > MAX_TENSORS + 2 or values_in(header) > _VALUES * MAX_TENSORS:
        raise refuse(path, f"its header lists more than {MAX_TENSORS} tensors", _SPLIT)
    del header
    try:
        with safe_open(path, framework=framework, device="cpu") as file:
            yield file
    except CheckpointError:
        raise
    # The library raises its own SafetensorError, and others from Rust on odd bytes.
    except Exception as error:
        reason = printable(str(error).partition("\n")[0])
        raise refuse(path, f"it is not a whole safetensors file ({reason})", COPY_AGAIN) from None


def _dtype(name: str) -> str:
    if name in _DTYPES:
        return _DTYPES[name]
    prefix, bits = name[:1], name[1:]
    return f"{_PREFIXES[prefix]}{bits}" if prefix in _PREFIXES and bits.isdigit() else name
