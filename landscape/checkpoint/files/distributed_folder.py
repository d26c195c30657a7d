"""Outline a folder that ``torch.distributed.checkpoint`` wrote.

PyTorch's own reader runs the folder's ``.metadata`` as an unrestricted pickle. Here it is only
outlined.
"""

import io
import itertools
import math
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from landscape.checkpoint.errors import CheckpointError, printable, refuse
from landscape.checkpoint.files.allowance import Allowance
from landscape.checkpoint.files.archive import (
    MAX_PICKLE_BYTES,
    outlined,
)
from landscape.checkpoint.files.boxes import cover_once
from landscape.checkpoint.files.outline import (
    MAX_TENSORS,
    Call,
    Name,
    Outline,
    OutlineError,
    TensorOutline,
    item_size,
)
from landscape.checkpoint.files.pickle_reader import MAX_DEPTH
from landscape.checkpoint.files.pickled import refuse_code
from landscape.checkpoint.formats import identity
from landscape.checkpoint.names import running_code

_CLASSES = "torch.distributed.checkpoint."
_OPTIMIZERS = ("optimizer", "optimizers", "optim", "optimizer_states")
_FILE_NAME = re.compile(r"[\w.\-]+\.distcp")
_CONVERT = (
    "Where it was made: torch.distributed.checkpoint.format_utils.dcp_to_torch_save(folder, "
    "'weights.pt')"
)
_NOT_WRITTEN = "No program that saves weights writes such a folder: do not trust it"
_OTHER = Name("saved object")


@dataclass(frozen=True)
class Chunk:
    """A box of a tensor, and the bytes of one ``.distcp`` file that hold it."""

    offsets: tuple[int, ...]
    sizes: tuple[int, ...]
    file: str
    start: int
    length: int


@dataclass(frozen=True)
class Entry:
    """A tensor of the checkpoint; ``path`` is its place in the nested dictionary saved."""

    path: tuple[Any, ...]
    tensor: TensorOutline
    chunks: tuple[Chunk, ...]

    @property
    def of_optimizer(self) -> bool:
        return str(self.path[0]).partition(".")[0] in _OPTIMIZERS

    @property
    def dotted(self) -> str:
        """The path, to be shown."""
        return printable(".".join(map(str, self.path)))


def outline_folder(folder: Path) -> Outline:
    """The nested dictionary that was saved, with outlines in place of tensors."""
    with _understood(folder):
        contents = _outline(folder)
        if running_code(contents):
            return contents  # which is all that there is to say of it
        _check_written(folder, contents)
        tensors = ((e.path, e.tensor) for e in _entries(folder, contents))
        contents.value = _nested(tensors) | _objects(contents)
        return contents


def folder_of(folder: Path, tensor_of: Callable[[Entry], Any]) -> dict[Any, Any]:
    """The nested dictionary that was saved, with what ``tensor_of`` makes of each tensor.

    The optimiser's tensors are left out.

    Raises
    ------
    CheckpointError
        If the folder is damaged, incomplete, or written by a version that stores it otherwise.
    """
    with _understood(folder):
        contents = _outline(folder)
        _check_written(folder, contents)
        entries = _entries(folder, contents)
        tensors = ((e.path, tensor_of(e)) for e in entries if not e.of_optimizer)
        return _nested(tensors) | _objects(contents)


@contextmanager
def _understood(folder: Path) -> Iterator[None]:
    """Turn what goes wrong in following a foreign ``.metadata`` into the one error."""
    try:
        yield
    except CheckpointError:
        raise
    # Whatever is missing from it or of another type, the answer is the same.
    except (
        LookupError,
        AttributeError,
        TypeError,
        ValueError,
        RuntimeError,
        OSError,
        OutlineError,
    ):
        raise refuse(
            folder / ".metadata", "it does not describe a checkpoint in a known way", _CONVERT
        ) from None


def _entries(folder: Path, contents: Outline) -> list[Entry]:
    """The tensors, whose chunks lie apart in the folder's files and fill each tensor once."""
    entries = list(_described(folder, contents.value.state))
    names = {chunk.file for entry in entries for chunk in entry.chunks}
    real = {name: identity(folder / name) for name in names}
    chunks = (chunk for entry in entries for chunk in entry.chunks)
    spans = sorted((real[c.file], c.start, c.start + c.length, c.file) for c in chunks)
    for (file, _, end, name), (next_file, start, _, _) in itertools.pairwise(spans):
        if file == next_file and start < end:
            raise refuse(
                folder / ".metadata",
                f"it names bytes from {start} on of '{name}' for two parts of tensors",
                _NOT_WRITTEN,
            )
    return entries


def _described(folder: Path, metadata: Mapping[str, Any]) -> Iterator[Entry]:
    records = {
        (where.state["fqn"], _size(where.state["offset"])): what.state
        for where, what in metadata["storage_data"].items()
        if where.state.get("offset") is not None
    }
    paths = metadata.get("planner_data") or {}
    num_chunks = 0  # and not how many there are in the pickle, which can name one again and again
    for name, record in metadata["state_dict_metadata"].items():
        if record.name == f"{_CLASSES}metadata.TensorStorageMetadata":
            num_chunks += max(len(record.state["chunks"]), 1)
            if num_chunks > MAX_TENSORS:
                raise ValueError("more parts of tensors than files are made of")
            chunks = tuple(_chunk(name, box.state, records) for box in record.state["chunks"])
            dtype = record.state["properties"].state[0].path.removeprefix("torch.")
            item_size(dtype)  # or there is none of that name
            tensor = TensorOutline(dtype, _size(record.state["size"]))
            path = tuple(paths.get(name) or (name,))
            if len(path) > MAX_DEPTH or not all(isinstance(part, str | int) for part in path):
                raise ValueError("tensors that are not nested in dictionaries as anybody writes")
            entry = Entry(path, tensor, chunks)
            _check(folder, entry)
            yield entry


def _chunk(name: str, box: Mapping[str, Any], records: Mapping[Any, Any]) -> Chunk:
    offsets, sizes = _size(box["offsets"]), _size(box["sizes"])
    record = records[name, offsets]
    if record.get("transform_descriptors"):
        raise ValueError("chunks that are compressed or otherwise transformed")
    start, length = int(record["offset"]), int(record["length"])
    return Chunk(offsets, sizes, str(record["relative_path"]), start, length)


def _check(folder: Path, entry: Entry) -> None:
    """Refuse an entry whose chunks do not fill it or do not lie inside their files."""
    shape = entry.tensor.shape
    for chunk in entry.chunks:
        if not _FILE_NAME.fullmatch(chunk.file):
            raise refuse(
                folder / ".metadata",
                f"it names '{printable(chunk.file)}', which is not a .distcp file in its folder",
                "Such folders name their own files only: do not trust this one",
            )
        file = folder / chunk.file
        size = file.stat().st_size if file.is_file() else 0
        needed = math.prod(chunk.sizes) * item_size(entry.tensor.dtype)
        inside = 0 <= chunk.start <= chunk.start + chunk.length <= size
        if not inside or needed > chunk.length:
            raise refuse(
                file,
                f"it should hold {chunk.length} bytes of '{entry.dotted}' from byte "
                f"{chunk.start} on, but has {size} in all",
                "Copy all files of the folder",
            )
        ends = [o + n for o, n in zip(chunk.offsets, chunk.sizes, strict=True)]
        if any(end > n for end, n in zip(ends, shape, strict=True)):
            raise ValueError("a chunk beyond its tensor")
    covered = sum(math.prod(chunk.sizes) for chunk in entry.chunks)
    if covered != math.prod(shape):
        raise refuse(
            folder,
            f"the parts of '{entry.dotted}' hold {covered} of its {math.prod(shape)} numbers",
            "Copy all files of the folder",
        )
    if not cover_once(shape, [(chunk.offsets, chunk.sizes) for chunk in entry.chunks]):
        raise refuse(
            folder / ".metadata",
            f"the parts of '{entry.dotted}' overlap, and leave others of its numbers out",
            _NOT_WRITTEN,
        )


def _outline(folder: Path) -> Outline:
    file = folder / ".metadata"
    size = file.stat().st_size
    if size > MAX_PICKLE_BYTES:
        raise refuse(file, f"it is larger than {MAX_PICKLE_BYTES >> 20} MiB", _CONVERT)
    with file.open("rb") as stream:
        return outlined(file, io.BytesIO(stream.read(size)), Allowance(size))


def _check_written(folder: Path, contents: Outline) -> None:
    """Refuse metadata that PyTorch did not write, or that name what can run code."""
    file, value = folder / ".metadata", contents.value
    if not isinstance(value, Call) or value.name != f"{_CLASSES}metadata.Metadata":
        raise refuse(file, "it was not written by torch.distributed.checkpoint", _CONVERT)
    if not isinstance(value.state, dict):
        raise ValueError("metadata without a state")
    refuse_code(file, contents)


def _objects(contents: Outline) -> dict[Any, Any]:
    """Entries at the top that are not tensors; they are pickles, and are not opened."""
    described = contents.value.state["state_dict_metadata"]
    kind = f"{_CLASSES}metadata.BytesStorageMetadata"
    names = (name for name, record in described.items() if getattr(record, "name", "") == kind)
    return {name: _OTHER for name in names if "." not in name}


def _nested(entries: Iterator[tuple[tuple[Any, ...], Any]]) -> dict[Any, Any]:
    tree: dict[Any, Any] = {}
    for path, value in entries:
        branch = tree
        for part in path[:-1]:
            inner = branch.setdefault(part, {})
            if not isinstance(inner, dict):
                raise ValueError("a tensor that contains tensors")
            branch = inner
        branch[path[-1]] = value
    return tree


def _size(size: Any) -> tuple[int, ...]:
    """The numbers of an outlined ``torch.Size``."""
    (numbers,) = size.arguments
    if not all(type(n) is int and 0 <= n < 2**62 for n in numbers):
        raise ValueError("a size that is not made of whole numbers")
    return tuple(numbers)
