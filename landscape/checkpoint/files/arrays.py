"""NumPy's arrays and numbers in a pickle, read from their bytes: nothing of NumPy is called.

A pickle makes them by calls that take any dtype, and so any memory, or objects of any kind. Here a
dtype is one of a list, and the bytes must be as many as the shape needs.
"""

import math
import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np

from landscape.checkpoint.files.outline import Call, Name, OutlineError, checked_shape

RECONSTRUCT_PATHS = tuple(f"numpy.{core}.multiarray._reconstruct" for core in ("_core", "core"))
SCALAR_PATHS = tuple(f"numpy.{core}.multiarray.scalar" for core in ("_core", "core"))
# What NumPy's dtypes of plain numbers are called in pickles, and in PyTorch.
_TORCH_NAMES = {
    "b1": "bool",
    "c8": "complex64",
    "c16": "complex128",
    **{f"f{n}": f"float{8 * n}" for n in (2, 4, 8)},
    **{
        f"{kind}{n}": f"{name}{8 * n}"
        for kind, name in (("i", "int"), ("u", "uint"))
        for n in (1, 2, 4, 8)
    },
}
# Beside plain numbers: objects, short texts and times, which are named but not read.
_HARMLESS = re.compile(r"O8|[SU]\d{1,4}|[mM]8(\[(Y|M|W|D|h|m|s|ms|us|ns)\])?")


@dataclass(eq=False, slots=True)
class ArrayOutline:
    """An array whose bytes stand in the pickle; ``state`` is what the pickle sets, once it has."""

    state: Any = None
    dtype: str = ""  # PyTorch's name; empty: not an array of plain numbers
    shape: tuple[int, ...] = ()

    @property
    def num_elements(self) -> int:
        return math.prod(self.shape)

    def set_state(self, state: Any, take_bytes: Callable[[int], None]) -> None:
        """Take what ``ndarray.__setstate__`` would be given: version, shape, dtype, order, bytes.

        ``take_bytes`` is told how many bytes there are before they are looked at: many arrays can
        name the same ones.

        Raises
        ------
        OutlineError
            If the shape is impossible or needs another number of bytes than there are.
        """
        match state:
            case (1, tuple() as shape, Call() as dtype, bool(), data) if torch_dtype(dtype):
                size = np.dtype(dtype.arguments[0]).itemsize
                num_bytes = math.prod(checked_shape(shape)) * size
                take_bytes(num_bytes)
                if not _holds(data, num_bytes):
                    raise OutlineError("it describes a NumPy array with another number of bytes")
                self.state, self.dtype, self.shape = state, torch_dtype(dtype), shape


def is_plain_dtype(call: Call) -> bool:
    """Whether ``numpy.dtype(…)`` as called makes a dtype of plain numbers, text or times."""
    match call.arguments:
        case (str() as code, False | 0, True | 1):  # a copy: the state set is not NumPy's own
            known = code in _TORCH_NAMES or _HARMLESS.fullmatch(code)
            return bool(known) and _is_plain_state(call.state, 63 if code == "O8" else 8)
    return False


def torch_dtype(call: Call) -> str:
    """PyTorch's name of the dtype that ``call`` makes; empty where it has none."""
    plain = call.name == "numpy.dtype" and is_plain_dtype(call)
    return _TORCH_NAMES.get(call.arguments[0], "") if plain else ""


def is_plain_scalar(call: Call) -> bool:
    """Whether the call makes one number, text or time from as many bytes as it needs."""
    match call.arguments:
        case (Call(name="numpy.dtype") as dtype, data) if is_plain_dtype(dtype):
            if dtype.arguments[0] == "O8":  # the bytes would be taken for an address
                return False
            return _holds(data, np.dtype(dtype.arguments[0]).itemsize)
    return False


def scalar_text(call: Call) -> str:
    """The number that ``call`` makes, in digits; a word where it is none."""
    if not is_plain_scalar(call) or not torch_dtype(call.arguments[0]):
        return "NumPy value"
    dtype, data = call.arguments
    return str(np.frombuffer(bytes_of(data), order_of(dtype) + dtype.arguments[0])[0])


def is_array_call(path: str, arguments: tuple[Any, ...]) -> bool:
    """Whether the call makes the empty ``numpy.ndarray`` that every pickled array begins as."""
    match arguments:
        case (Name(path="numpy.ndarray"), (0,), _):
            return path in RECONSTRUCT_PATHS
    return False


def _holds(data: Any, num_bytes: int) -> bool:
    """Whether ``data`` stands for so many bytes, in one of the ways in which pickles write them."""
    match data:
        case bytes():
            return len(data) == num_bytes
        case Call(name="builtins.bytes", arguments=()):
            return num_bytes == 0
        case Call(name="_codecs.encode", arguments=(str() as text, "latin1")):
            with suppress(UnicodeEncodeError):
                return len(text) == num_bytes == len(text.encode("latin1"))
    return False


def bytes_of(data: Any) -> bytes:
    """The bytes that ``data`` of a checked array or number stands for."""
    if isinstance(data, bytes):
        return data
    return data.arguments[0].encode("latin1") if data.arguments else b""


def order_of(dtype: Call) -> str:
    """The byte order that the dtype made by ``dtype`` has."""
    return ">" if dtype.state is not None and dtype.state[1] == ">" else "<"


def _is_plain_state(state: Any, most_flags: int) -> bool:
    """Whether it says no more than the byte order, and of times their unit."""
    match state:
        case None:
            return True
        case (3 | 4, "<" | ">" | "|", None, None, None, int(), int(), int() as flags, *rest):
            return 0 <= flags <= most_flags and len(rest) <= 1  # the rest: the unit of a time
    return False
