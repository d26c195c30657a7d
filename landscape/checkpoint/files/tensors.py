"""Make tensors of checked outlines: from the bytes of the file at the places that were checked.

No unpickler has a part in it, PyTorch's own included, so there is no second reading of the file
that could find other weights in it, and none of the calls that its pickle asks for is made.
"""

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from landscape.checkpoint.errors import refuse
from landscape.checkpoint.files.archive import COPY_AGAIN, check_sum
from landscape.checkpoint.files.arrays import ArrayOutline, bytes_of, order_of
from landscape.checkpoint.files.outline import Outline, StorageOutline, TensorOutline, item_size


def read_tensors(
    path: Path,
    source: io.BufferedIOBase,
    contents: Outline,
    wanted: Mapping[str, TensorOutline | ArrayOutline],
) -> dict[str, Tensor]:
    """The tensors that ``wanted`` outlines, of the file ``source`` with these ``contents``.

    Tensors that share numbers in the file share memory. Storages of which no tensor is wanted are
    not read.

    Raises
    ------
    CheckpointError
        If the bytes are not those that the file's checksums are of, or no longer there.
    """
    storages: dict[str, Tensor] = {}
    made: dict[int, Tensor] = {}  # by outline: one that has two names is one tensor
    for outline in wanted.values():
        if isinstance(outline, ArrayOutline):
            made[id(outline)] = _array(outline)
            continue
        if id(outline) in made:
            continue
        storage = outline.storage
        assert storage is not None  # pickles always say where the numbers are
        if storage.key not in storages:
            storages[storage.key] = _storage(path, source, contents, storage)
        made[id(outline)] = _tensor(outline, storages[storage.key])
    return {name: made[id(outline)] for name, outline in wanted.items()}


def _storage(
    path: Path, source: io.BufferedIOBase, contents: Outline, storage: StorageOutline
) -> Tensor:
    place = contents.places[storage.key]
    numbers = torch.empty(storage.num_bytes, dtype=torch.uint8)
    view = numbers.numpy().data
    source.seek(place.start)
    if source.readinto(view) != storage.num_bytes:
        raise refuse(path, "it has become shorter while it was read", COPY_AGAIN)
    check_sum(path, view, f"data/{storage.key}", place.checksum)
    if contents.big_endian:
        _swap_bytes(numbers.numpy(), storage.dtype)
    return numbers


def _swap_bytes(numbers: "np.ndarray[Any, Any]", dtype: str) -> None:
    size = item_size(dtype) // (2 if dtype.startswith("complex") else 1)
    numbers.view(f"u{size}").byteswap(inplace=True)


def _tensor(outline: TensorOutline, storage: Tensor) -> Tensor:
    dtype = getattr(torch, outline.dtype)
    if not outline.num_elements:
        return torch.empty(outline.shape, dtype=dtype)
    made = torch.empty(0, dtype=dtype)
    return made.set_(storage.untyped_storage(), outline.offset, outline.shape, outline.steps)


def _array(outline: ArrayOutline) -> Tensor:
    """The array as a tensor, in memory of its own."""
    _, shape, dtype, by_columns, data = outline.state
    flat = np.frombuffer(bytes_of(data), order_of(dtype) + dtype.arguments[0])
    array = flat.reshape(shape, order="F" if by_columns else "C")
    native = array.astype(array.dtype.newbyteorder("="), order="C")  # always a copy
    return torch.from_numpy(native)
