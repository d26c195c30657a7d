"""Batches of any nest of tensors: tuples, dicts, dataclasses, outputs of Hugging Face, graphs.

A batch is passed on exactly as the user's data give it; what has to be known of it (its tensors,
whether they share a first dimension) and done to it (cast, cut) is asked of these functions.
"""

import copy
import dataclasses
import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, MutableMapping, Sequence
from itertools import islice
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence

_SHOWN = 4  # values that are described

Nest = Any
_Change = Callable[[Tensor], Tensor]


def tensors_in(nest: Nest) -> list[Tensor]:
    """All tensors in ``nest``, in a fixed order; other values are passed over."""
    return list(_walk(nest))


def map_tensors(change: _Change, nest: Nest) -> Nest:
    """The same nest with ``change`` of each tensor in its place; ``nest`` stays as it is.

    Lists, dictionaries and objects that hold themselves do so afterwards too.
    """
    made: dict[int, Any] = {}

    def mapped(value: Nest) -> Nest:
        if isinstance(value, Tensor):
            return change(value)
        if isinstance(value, PackedSequence):  # its sizes belong to the CPU, and to these rows
            return value._replace(data=change(value.data))
        if is_graph(value):
            return copy.copy(value).apply(change)
        return made[id(value)] if id(value) in made else _rebuilt(value, mapped, made)

    return mapped(nest)


def _rebuilt(nest: Nest, change: Callable[[Any], Any], made: dict[int, Any] | None = None) -> Nest:
    """The same container with ``change`` of each value; what is none, as it is.

    ``made`` takes down what can hold itself by the id of what it stands for, before it is filled.
    """
    made = {} if made is None else made
    if type(nest) is list:
        filled: list[Any] = []
        made[id(nest)] = filled
        filled.extend(change(value) for value in nest)
        return filled
    if isinstance(nest, tuple | list):
        values = [change(value) for value in nest]
        return type(nest)(*values) if hasattr(nest, "_fields") else type(nest)(values)
    if isinstance(nest, MutableMapping):
        made[id(nest)] = changed = copy.copy(nest)
        for key, value in nest.items():
            changed[key] = change(value)
        return changed
    if isinstance(nest, Mapping):
        return {key: change(value) for key, value in nest.items()}
    if _is_record(nest):
        made[id(nest)] = changed = copy.copy(nest)
        for name, value in _held(nest).items():
            object.__setattr__(changed, name, change(value))
        return changed
    return nest


def as_tensors(nest: Nest) -> Nest:
    """The same nest with tensors in the place of arrays: NumPy's, pandas', JAX's."""
    if is_array(nest):
        return tensor_of(np.asarray(nest))
    if isinstance(nest, PackedSequence) or is_graph(nest) or not _holds_arrays(nest):
        return nest
    return _rebuilt(nest, as_tensors)


def is_array(value: object) -> bool:
    """NumPy's arrays, and others that turn into them: pandas', JAX's."""
    if isinstance(value, Tensor | np.generic | type):
        return False
    return hasattr(value, "__array__") and hasattr(value, "shape")


def _holds_arrays(nest: Nest) -> bool:
    if is_array(nest):
        return True
    values = nest.values() if isinstance(nest, Mapping) else nest
    return isinstance(nest, Mapping | tuple | list) and any(map(_holds_arrays, values))


def tensor_of(array: npt.NDArray[Any]) -> Tensor:
    """A tensor of the array's numbers, in native byte order; wide unsigned integers as int64.

    Raises
    ------
    ValueError
        If it does not hold numbers.
    """
    if array.dtype.kind not in "fiubc":
        raise ValueError(f"an array must hold numbers; its type is {array.dtype}.")
    if array.dtype.kind == "u" and array.dtype.itemsize > 1:
        array = array.astype(np.int64)  # PyTorch computes little with the others
    # Memory that PyTorch may write to.
    return torch.from_numpy(np.array(array, dtype=array.dtype.newbyteorder("=")))


def num_rows(nest: Nest) -> int | None:
    """The first dimension, where all tensors share it; None where they do not, or there are none.

    Graphs and packed sequences have none: their first dimension counts nodes, or steps. Nor have
    sparse and nested tensors, which cannot be sliced.
    """
    sizes = set(_first_dimensions(nest))
    return None if len(sizes) != 1 or None in sizes else sizes.pop()


def take_rows(nest: Nest, rows: Tensor | slice) -> Nest:
    """The examples at ``rows`` of a nest whose tensors share the first dimension.

    A list or tuple of as many texts has one an example too, such as their names.
    """
    count = num_rows(nest)

    def taken(value: Nest) -> Nest:
        if isinstance(value, Tensor):
            return value[rows if isinstance(rows, slice) else rows.to(value.device)]
        if is_graph(value) or isinstance(value, PackedSequence):
            return map_tensors(taken, value)
        if _is_column(value, count):
            if isinstance(rows, slice):
                return value[rows]
            return type(value)(value[k] for k in rows.tolist())
        return _rebuilt(value, taken)

    return taken(nest)


def concatenated(nests: Sequence[Nest]) -> Nest:
    """Nests of one structure joined along the first dimension.

    Raises
    ------
    RuntimeError, ValueError
        If their tensors differ in number or in another dimension.
    """
    columns = list(zip(*(_columns_in(nest, num_rows(nest)) for nest in nests), strict=True))
    parts, count = iter(columns), num_rows(nests[0])

    def joined(value: Nest) -> Nest:
        if isinstance(value, Tensor):
            return torch.cat(next(parts))
        if _is_column(value, count):
            return type(value)(item for part in next(parts) for item in part)
        return _rebuilt(value, joined)

    return joined(nests[0])


def _columns_in(nest: Nest, count: int | None) -> Iterator[Any]:
    """Tensors, and texts of one an example, in a fixed order."""
    if isinstance(nest, Tensor) or _is_column(nest, count):
        yield nest
    else:
        for value in _children(nest):
            yield from _columns_in(value, count)


def _is_column(value: object, count: int | None) -> bool:
    """Whether it is a text for each of ``count`` examples."""
    return (
        isinstance(value, list | tuple)
        and not hasattr(value, "_fields")
        and len(value) == count
        and all(isinstance(item, str | bytes) for item in value)
    )


def cast(nest: Nest, dtype: torch.dtype, device: torch.device) -> Nest:
    """Real floats as ``dtype``, complex ones as its complex twin, all on ``device``."""
    return map_tensors(lambda t: cast_tensor(t, dtype, device), nest)


def cast_tensor(tensor: Tensor, dtype: torch.dtype, device: torch.device) -> Tensor:
    """One tensor, cast as :func:`cast` does."""
    if tensor.is_complex():
        return tensor.to(device=device, dtype=dtype.to_complex())
    return tensor.to(device=device, dtype=dtype if tensor.is_floating_point() else None)


def digest(nest: Nest) -> str:
    """SHA-256 of all tensors: type, shape and bytes of each, in order."""
    found = hashlib.sha256()
    for tensor in _walk(nest):
        for part in tensor.detach().unbind() if tensor.is_nested else [tensor.detach()]:
            dense = part.cpu()
            dense = (dense if is_dense(dense) else dense.to_dense()).contiguous()
            found.update(f"{dense.dtype} {tuple(dense.shape)};".encode())
            found.update(dense.reshape(-1).view(torch.uint8).numpy().data)
    return found.hexdigest()


def describe(nest: Nest) -> str:
    """What a nest holds, in a few words: for messages."""
    if isinstance(nest, Tensor):
        return "a nested tensor" if nest.is_nested else f"a tensor {tuple(nest.shape)}"
    if isinstance(nest, np.ndarray):
        return f"an array {nest.shape}"
    if isinstance(nest, Mapping):
        keys = ", ".join(map(repr, islice(nest, _SHOWN)))
        return f"{_named(nest)} with {keys}{', …' if len(nest) > _SHOWN else ''}"
    if isinstance(nest, tuple | list):
        held = ", ".join(describe(value) for value in nest[:_SHOWN])
        return f"{_named(nest)} of {held}{', …' if len(nest) > _SHOWN else ''}"
    return _named(nest)


def is_dense(tensor: Tensor) -> bool:
    """Whether it is neither sparse nor nested."""
    return tensor.layout == torch.strided and not tensor.is_nested


def _named(value: object) -> str:
    if value is None:
        return "None"
    name = type(value).__name__
    return f"{'an' if name[:1].lower() in 'aeiou' else 'a'} {name}"


def _walk(nest: Nest, above: frozenset[int] = frozenset()) -> Iterator[Tensor]:
    """``above``: ids of the containers that it lies in, which it may hold in turn."""
    if isinstance(nest, Tensor):
        yield nest
    elif isinstance(nest, PackedSequence):
        yield nest.data
    elif is_graph(nest):
        found: list[Tensor] = []

        def note(tensor: Tensor) -> Tensor:
            found.append(tensor)
            return tensor

        copy.copy(nest).apply(note)
        yield from found
    elif id(nest) not in above:
        for value in _children(nest):
            yield from _walk(value, above | {id(nest)})


def _children(nest: Nest) -> Iterable[Any]:
    if isinstance(nest, Mapping):
        return nest.values()
    if isinstance(nest, tuple | list):
        return nest
    return _held(nest).values() if _is_record(nest) else ()


def _held(record: Any) -> dict[str, Any]:
    """What a record holds by name; one with slots has no ``__dict__``."""
    if hasattr(record, "__dict__"):
        held: dict[str, Any] = vars(record)
        return held
    names = (field.name for field in dataclasses.fields(record))
    return {name: getattr(record, name) for name in names if hasattr(record, name)}


def _first_dimensions(nest: Nest) -> Iterator[int | None]:
    if isinstance(nest, Tensor):
        yield nest.shape[0] if is_dense(nest) and nest.ndim else None
    elif isinstance(nest, PackedSequence) or is_graph(nest):
        yield None
    else:
        for value in _children(nest):
            yield from _first_dimensions(value)


def is_graph(value: object) -> bool:
    """torch_geometric's Data and Batch, DGL-like objects: ``apply`` maps over their tensors."""
    return not isinstance(value, type | torch.nn.Module) and all(
        callable(getattr(value, name, None)) for name in ("apply", "to", "keys")
    )


def _is_record(value: object) -> bool:
    """A dataclass, or a plain object of a class of its own that holds tensors."""
    if isinstance(value, type | torch.nn.Module | torch.Generator) or callable(value):
        return False
    if dataclasses.is_dataclass(value):
        return True
    return any(isinstance(v, Tensor) for v in getattr(value, "__dict__", {}).values())
