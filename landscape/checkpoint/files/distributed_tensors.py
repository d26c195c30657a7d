"""Read the tensors of a folder that ``torch.distributed.checkpoint`` wrote, in one process.

Each chunk of a tensor goes through the same checks as a file of its own.
"""

import functools
import io
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from landscape.checkpoint.errors import refuse
from landscape.checkpoint.files.archive import COPY_AGAIN, outline_of_zip
from landscape.checkpoint.files.distributed_folder import Chunk, Entry, folder_of
from landscape.checkpoint.files.outline import TensorOutline
from landscape.checkpoint.files.pickled import check_names
from landscape.checkpoint.files.tensors import read_tensors


def read_folder(folder: Path) -> dict[Any, Any]:
    """The nested dictionary that was saved; errors and what is left out as of ``folder_of``."""
    return folder_of(folder, functools.partial(_read, folder))


def _read(folder: Path, entry: Entry) -> Tensor:
    dtype = getattr(torch, entry.tensor.dtype)
    tensor = torch.zeros(entry.tensor.shape, dtype=dtype)
    for chunk in entry.chunks:
        box = tuple(slice(o, o + n) for o, n in zip(chunk.offsets, chunk.sizes, strict=True))
        part = _read_chunk(folder / chunk.file, chunk)
        if not isinstance(part, Tensor) or part.shape != chunk.sizes or part.dtype != dtype:
            raise refuse(
                folder / chunk.file,
                f"its part of '{entry.dotted}' is not the tensor that .metadata describes",
                COPY_AGAIN,
            )
        tensor[box] = part
    return tensor


def _read_chunk(file: Path, chunk: Chunk) -> Any:
    with file.open("rb") as stream:
        stream.seek(chunk.start)
        part = io.BytesIO(stream.read(chunk.length))
    contents = outline_of_zip(file, part)
    check_names(file, contents, ())
    if not isinstance(contents.value, TensorOutline):
        return None
    return read_tensors(file, part, contents, {"": contents.value})[""]
