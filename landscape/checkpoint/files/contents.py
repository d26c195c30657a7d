"""Say in a few words what a checkpoint holds, of values that were loaded and of outlines alike."""

import argparse
import itertools
import sys
from collections.abc import Mapping
from typing import Any

import numpy as np

from landscape.checkpoint.errors import printable
from landscape.checkpoint.files.arrays import SCALAR_PATHS, ArrayOutline, scalar_text
from landscape.checkpoint.files.outline import Call, Name, TensorOutline

_MAX_DESCRIBED = 1000


def is_tensor(value: Any) -> bool:
    """Tell a tensor or an array of numbers, loaded or outlined, from everything else."""
    if isinstance(value, ArrayOutline):
        return bool(value.dtype)
    # Where torch was never imported nothing can have been loaded.
    torch = sys.modules.get("torch")
    return isinstance(value, TensorOutline) or (
        torch is not None and isinstance(value, torch.Tensor)
    )


def describe_all(entries: Mapping[Any, Any], without: Any = None) -> dict[str, str]:
    """Describe each entry but ``without``; of very many, the first ones."""
    others = ((key, value) for key, value in entries.items() if value is not without)
    first = itertools.islice(others, _MAX_DESCRIBED)
    return {printable(str(key)): describe(value) for key, value in first}


def describe(value: Any) -> str:
    """Say in a few words what an entry is; nothing of a foreign class is called."""
    if isinstance(value, Mapping):
        return f"dictionary, {len(value)} entries"
    if isinstance(value, list | tuple | set):
        return f"{type(value).__name__}, {len(value)} items"
    if is_tensor(value):
        kind = "array" if isinstance(value, ArrayOutline) else "tensor"
        return f"{kind} {str(value.dtype).removeprefix('torch.')} {tuple(value.shape)}"
    if isinstance(value, argparse.Namespace):
        return _namespace(vars(value))
    if isinstance(value, ArrayOutline):
        return "NumPy array of other things than numbers"
    return printable(_outlined(value) if isinstance(value, Call | Name) else _plain(value), 200)


def _plain(value: Any) -> str:
    if isinstance(value, int) and value.bit_length() > 64:  # too long to write out
        return f"integer of {value.bit_length()} bits"
    if isinstance(value, str):
        return repr(value[:80])
    known = value is None or isinstance(value, int | float | np.generic)
    return str(value) if known else type(value).__name__


def _outlined(value: Call | Name) -> str:
    match value:
        case Call(name="argparse.Namespace", state=dict() as fields):
            return _namespace(fields)
        case Call(name=name) if name in SCALAR_PATHS:
            return scalar_text(value)
        case Call(name="builtins.set" | "builtins.frozenset" as name, arguments=arguments):
            listed = arguments[0] if arguments and isinstance(arguments[0], list) else value.added
            return f"{name.removeprefix('builtins.')}, {len(listed)} items"
        case Call(name="builtins.complex", arguments=(float() as a, float() as b)):
            return str(complex(a, b))
        case Call(name=name):
            return name.rpartition(".")[2]
        case _:
            return value.path.rpartition(".")[2]


def _namespace(fields: Mapping[Any, Any]) -> str:
    inner = (
        f"{name}={describe(value) if not isinstance(value, argparse.Namespace | Call) else '…'}"
        for name, value in itertools.islice(fields.items(), 12)
        if isinstance(name, str)
    )
    return printable(f"Namespace({', '.join(inner)})", 200)
