"""Inert descriptions of what a pickle holds: names, calls, storages and tensors, not the things."""

import dataclasses
import math
from dataclasses import dataclass, field
from typing import Any

from landscape.checkpoint.errors import printable

_REBUILD = "torch._utils._rebuild_"
# ``torch.<X>Storage`` as written in files; the rest carry their dtype in the tensor's record.
_STORAGE_DTYPES = {
    "DoubleStorage": "float64",
    "FloatStorage": "float32",
    "HalfStorage": "float16",
    "BFloat16Storage": "bfloat16",
    "LongStorage": "int64",
    "IntStorage": "int32",
    "ShortStorage": "int16",
    "CharStorage": "int8",
    "ByteStorage": "uint8",
    "BoolStorage": "bool",
    "ComplexFloatStorage": "complex64",
    "ComplexDoubleStorage": "complex128",
    "QInt8Storage": "qint8",
    "QUInt8Storage": "quint8",
    "QInt32Storage": "qint32",
    "UntypedStorage": "uint8",
}
_ITEM_SIZES = {
    **dict.fromkeys(("bool", "int8", "uint8", "qint8", "quint8"), 1),
    **dict.fromkeys(("float8_e4m3fn", "float8_e5m2", "float8_e8m0fnu"), 1),
    **dict.fromkeys(("float8_e4m3fnuz", "float8_e5m2fnuz"), 1),
    **dict.fromkeys(("float16", "bfloat16", "int16", "uint16"), 2),
    **dict.fromkeys(("float32", "int32", "uint32", "qint32", "complex32"), 4),
    **dict.fromkeys(("float64", "int64", "uint64", "complex64"), 8),
    "complex128": 16,
}
MAX_TENSORS = 100_000  # in one file; each costs about a kilobyte as an object, however empty


class OutlineError(Exception):
    """A pickle that cannot be followed; the message completes "the file is damaged: …"."""


@dataclass(frozen=True, slots=True)
class Name:
    """A class or function that the pickle names, as ``module.qualname``."""

    path: str


@dataclass(eq=False, repr=False, slots=True)
class Call:
    """What the pickle would call, with which arguments, and what it would do to the result."""

    name: str
    arguments: tuple[Any, ...]
    state: Any = None
    added: list[Any] = field(default_factory=list)  # items, or keys and values in turn

    def __repr__(self) -> str:
        return f"{self.name}(…)"  # a few lists of twice the next would be written out 2^n times


@dataclass(frozen=True, slots=True)
class StorageOutline:
    """Raw numbers somewhere in the file: ``num_items`` of ``dtype`` under ``key``."""

    key: str
    dtype: str
    num_items: int

    @property
    def num_bytes(self) -> int:
        return self.num_items * item_size(self.dtype)


@dataclass(frozen=True, slots=True)
class TensorOutline:
    """A tensor as described, not read."""

    dtype: str
    shape: tuple[int, ...]
    storage: StorageOutline | None = None  # None where the container says where the numbers are
    offset: int = 0  # into the storage, in numbers
    steps: tuple[int, ...] = ()  # from number to number along each axis
    layout: str = "strided"  # or the name of PyTorch's function that would rebuild it

    @property
    def num_elements(self) -> int:
        return math.prod(self.shape)


@dataclass(frozen=True, slots=True)
class Place:
    """Where in the file a storage lies, and the checksum of its bytes; 0: written without one."""

    start: int
    checksum: int = 0


@dataclass
class Outline:
    """One pickle: its value in inert form, the names it uses, the storages it refers to."""

    value: Any = None
    names: set[str] = field(default_factory=set)
    layouts: set[str] = field(default_factory=set)  # of its tensors
    calls: list[Call] = field(default_factory=list)
    storages: dict[str, StorageOutline] = field(default_factory=dict)
    places: dict[str, Place] = field(default_factory=dict)  # of the storages, by key
    big_endian: bool = False


def rebuilds_tensor(path: str) -> bool:
    """Whether ``path`` names one of PyTorch's functions that rebuild tensors."""
    return path.startswith(_REBUILD) or path == "torch._tensor._rebuild_from_type_v2"


def item_size(dtype: str) -> int:
    """Bytes per element of a dtype known by its name in torch.

    Raises
    ------
    OutlineError
        If there is none of that name, or it packs several numbers into a byte.
    """
    if dtype not in _ITEM_SIZES:
        raise OutlineError(f"it holds numbers of an unknown type, '{printable(dtype)}'")
    return _ITEM_SIZES[dtype]


def storage_outline(reference: Any) -> StorageOutline:
    """Interpret a pickle's persistent id as PyTorch writes them for storages."""
    match reference:
        case ("storage", Name(path=path), str() | int() as key, _, int() as num_items, *view):
            dtype = _STORAGE_DTYPES.get(path.rpartition(".")[2])
            if dtype is not None and num_items >= 0 and view in ([], [None]):
                return StorageOutline(str(key), dtype, num_items)
    raise OutlineError("it refers to data in a way that PyTorch's own files do not")


def tensor_outline(path: str, arguments: tuple[Any, ...]) -> TensorOutline:
    """Interpret a call of one of PyTorch's functions that rebuild tensors.

    Raises
    ------
    OutlineError
        If the tensor would be larger than the numbers stored for it, or its shape is impossible.
    """
    kind = path.removeprefix(_REBUILD)
    match kind, arguments:
        case "parameter" | "parameter_with_state", (TensorOutline() as tensor, *_):
            return tensor
        case "torch._tensor._rebuild_from_type_v2", (Name(path=inner), _, tuple() as rest, _):
            return tensor_outline(inner, rest)
        case (
            "tensor" | "tensor_v2" | "tensor_v3",
            (
                StorageOutline() as storage,
                int() as offset,
                tuple() as shape,
                tuple() as steps,
                *more,
            ),
        ):
            dtype = storage.dtype
            if kind == "tensor_v3" and isinstance(more[2], Name):
                dtype = more[2].path.removeprefix("torch.")
            tensor = _strided(storage, dtype, offset, shape, steps)
            if dtype.startswith(("qint", "quint")):
                return dataclasses.replace(tensor, layout="qtensor")
            lazy = [flags for flags in more if isinstance(flags, dict) and any(flags.values())]
            return dataclasses.replace(tensor, layout="lazily negated") if lazy else tensor
    if kind in ("tensor", "tensor_v2", "tensor_v3"):
        raise OutlineError("it describes a tensor in a way that PyTorch's own files do not")
    return TensorOutline("unknown", (), layout=kind)


def _strided(
    storage: StorageOutline,
    dtype: str,
    offset: int,
    shape: tuple[Any, ...],
    stride: tuple[Any, ...],
) -> TensorOutline:
    sizes, steps = checked_shape(shape), stride
    if not all(type(n) is int and 0 <= n < 2**62 for n in steps):
        raise OutlineError("it describes a tensor with impossible strides")
    if len(sizes) != len(steps) or offset < 0:
        raise OutlineError("it describes a tensor whose shape and strides do not belong together")
    tensor = TensorOutline(dtype, sizes, storage, offset, steps)
    last = offset + sum((n - 1) * step for n, step in zip(sizes, steps, strict=True))
    # A few bytes can claim to be a tensor of any size (stride 0): no weights are stored so.
    room = storage.num_bytes // item_size(dtype)
    if tensor.num_elements and (last >= room or tensor.num_elements > room):
        raise OutlineError(
            f"it describes a tensor of shape {sizes} over only {room} stored numbers"
        )
    return tensor


def checked_shape(values: tuple[Any, ...]) -> tuple[int, ...]:
    """``values``, if they are a shape that a tensor can have.

    Raises
    ------
    OutlineError
        If they are not.
    """
    possible = len(values) <= 64 and all(type(n) is int and 0 <= n < 2**62 for n in values)
    # PyTorch multiplies all of them, though one of them be 0.
    if not possible or math.prod(max(n, 1) for n in values) >= 2**62:
        raise OutlineError("it describes a tensor with an impossible shape")
    return values
