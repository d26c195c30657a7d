"""Find the weights inside what people save: wrappers, prefixes, EMA copies, other contents.

Works alike on loaded values and on outlines, so that what ``info`` shows is what gets loaded.
"""

import argparse
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from landscape.checkpoint.errors import CheckpointError, listing, printable, refuse
from landscape.checkpoint.outline import Call, Name, TensorOutline

STATE_KEYS = ("state_dict", "model_state_dict", "model", "net", "network", "last", "module")
EMA_KEYS = ("state_dict_ema", "model_ema", "ema", "ema_state_dict", "model_ema_state_dict")
_PREFIXES = ("module.", "_orig_mod.", "model.")
_AVERAGED = "n_averaged"  # torch.optim.swa_utils.AveragedModel's counter, beside "module.*"
_MAX_WRAPPERS = 4


@dataclass(frozen=True)
class Unwrapped:
    """Named tensors (or their outlines), what lay beside them, and what was done to get there."""

    tensors: dict[str, Any]
    contents: dict[str, str]  # other entries of the file, described in a few words each
    notes: tuple[str, ...]
    prefix: str  # taken off every name


def unwrap(path: Path, value: Any, *, use_ema: bool, state_key: str | None) -> Unwrapped:
    """Find the one state dict in ``value``.

    Raises
    ------
    CheckpointError
        If there is none, or several to choose from, or the EMA copy asked for is not there.
    """
    if is_tensor(value):
        raise refuse(path, "it holds a single tensor, not named weights", _SAVE)
    if not isinstance(value, Mapping):
        kind = value.name if isinstance(value, Call) else type(value).__name__
        raise refuse(path, f"it holds a {printable(kind)}, not a dictionary of weights", _SAVE)
    notes: list[str] = []
    contents: dict[str, str] = {}
    state = value
    if state_key is not None:
        state = _chosen(path, value, state_key)
        contents |= _beside(value, state)
        notes.append(f"weights taken from '{printable(state_key)}', as asked")
    for _ in range(_MAX_WRAPPERS):
        key = _wrapper_key(path, state, use_ema=use_ema)
        if key is None:
            break
        contents |= _beside(state, state[key])
        notes.append(f"weights found under '{key}'")
        unused = [k for k in EMA_KEYS if k in state and k != key]
        if unused:
            notes.append(f"averaged weights under {listing(unused)} not used; --ema uses them")
        use_ema = use_ema and key not in EMA_KEYS
        state = state[key]
    tensors = {name: t for name, t in state.items() if isinstance(name, str) and is_tensor(t)}
    if not tensors:
        raise _nothing_found(path, state)
    if use_ema:
        raise refuse(
            path, "it has no averaged (EMA) weights", "Leave --ema out to use the weights it has"
        )
    others = {printable(str(name)): v for name, v in state.items() if name not in tensors}
    contents |= {name: describe(v) for name, v in others.items()}
    if others:
        notes.append(f"entries that are not tensors ignored: {listing(list(others))}")
    stripped, prefix = _strip_prefixes(tensors, notes)
    return Unwrapped(stripped, contents, tuple(notes), prefix)


def is_tensor(value: Any) -> bool:
    """Tell a tensor, loaded or outlined, from everything else."""
    return isinstance(value, Tensor | TensorOutline)


def describe(value: Any) -> str:
    """Say in a few words what an entry is; nothing of a foreign class is called."""
    if isinstance(value, Mapping):
        return f"dictionary, {len(value)} entries"
    if isinstance(value, list | tuple | set):
        return f"{type(value).__name__}, {len(value)} items"
    if is_tensor(value):
        return f"tensor {str(value.dtype).removeprefix('torch.')} {tuple(value.shape)}"
    if isinstance(value, argparse.Namespace):
        return _namespace(vars(value))
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
        case Call(name=name) if name.endswith(".multiarray.scalar"):
            return _scalar(value)
        case Call(name=name):
            return name.rpartition(".")[2]
        case _:
            return value.path.rpartition(".")[2]


_SAVE = "Save the weights as torch.save(model.state_dict(), 'weights.pt')"


def _wrapper_key(path: Path, state: Any, *, use_ema: bool) -> str | None:
    """Name the entry of ``state`` that holds the weights; None if ``state`` holds them itself."""
    if not isinstance(state, Mapping):
        return None
    averaged = [key for key in EMA_KEYS if _holds_tensors(state.get(key))]
    plain = [key for key in STATE_KEYS if _holds_tensors(state.get(key))]
    if use_ema and averaged:
        return averaged[0]
    distinct = {id(state[key]): key for key in reversed(plain)}
    if len(distinct) > 1:
        raise refuse(
            path,
            f"it holds several sets of weights: {listing(plain)}",
            f"Choose one: --state-key {plain[0]}",
        )
    if plain:
        return plain[0]
    if averaged and not any(map(is_tensor, state.values())):
        raise refuse(
            path, f"it holds averaged weights only, under {listing(averaged)}", "Pass --ema"
        )
    return None


def _holds_tensors(value: Any) -> bool:
    for _ in range(_MAX_WRAPPERS):
        if not isinstance(value, Mapping):
            return False
        if any(map(is_tensor, value.values())):
            return True
        inner = [value[key] for key in (*STATE_KEYS, *EMA_KEYS) if key in value]
        value = inner[0] if inner else None
    return False


def _chosen(path: Path, value: Mapping[Any, Any], state_key: str) -> Mapping[Any, Any]:
    found: Any = value.get(state_key)
    if found is None:
        found = value
        for part in state_key.split("."):
            found = found.get(part) if isinstance(found, Mapping) else None
    if not isinstance(found, Mapping):
        options = [str(key) for key, entry in value.items() if isinstance(entry, Mapping)]
        raise refuse(
            path,
            f"it has no set of weights under '{printable(state_key)}'",
            f"It has: {listing(options)}" if options else "It has no dictionaries inside",
        )
    return found


def _beside(wrapper: Mapping[Any, Any], state: Any) -> dict[str, str]:
    return {
        printable(str(k)): describe(entry) for k, entry in wrapper.items() if entry is not state
    }


def _nothing_found(path: Path, state: Any) -> CheckpointError:
    entries = list(state.items()) if isinstance(state, Mapping) else []
    options = [str(key) for key, entry in entries if _holds_tensors(entry)]
    if options:
        remedy = f"Choose one of the sets in it: --state-key {printable(options[0])}"
        return refuse(path, f"it holds weights under {listing(options)}", remedy)
    names = listing([str(key) for key, _ in entries]) or "nothing"
    return refuse(path, f"it holds no weights; it has {names}", _SAVE)


def _strip_prefixes(tensors: dict[str, Any], notes: list[str]) -> tuple[dict[str, Any], str]:
    if _AVERAGED in tensors and all(n == _AVERAGED or n.startswith("module.") for n in tensors):
        notes.append(f"'{_AVERAGED}', the counter of an averaged model, ignored")
        tensors = {name: t for name, t in tensors.items() if name != _AVERAGED}
    taken = ""
    while prefix := next((p for p in _PREFIXES if all(n.startswith(p) for n in tensors)), ""):
        tensors = {name.removeprefix(prefix): t for name, t in tensors.items()}
        taken += prefix
        notes.append(f"prefix '{prefix}' taken off every name")
    # torch.compile of a part leaves its mark in the middle of the names.
    plain = {name.replace("._orig_mod.", "."): t for name, t in tensors.items()}
    if list(plain) != list(tensors) and len(plain) == len(tensors):
        notes.append("'_orig_mod.' (torch.compile) taken out of the names")
        tensors = plain
    return tensors, taken


def _namespace(fields: Mapping[str, Any]) -> str:
    inner = (
        f"{name}={describe(value) if not isinstance(value, argparse.Namespace | Call) else '…'}"
        for name, value in list(fields.items())[:12]
    )
    return printable(f"Namespace({', '.join(inner)})", 200)


def _scalar(call: Call) -> str:
    """Decode a NumPy number from its outline: scalar(dtype(code, …), encode(text, "latin1"))."""
    match call.arguments:
        case (
            Call(name="numpy.dtype", arguments=(str() as code, *_)),
            Call(name="_codecs.encode", arguments=(str() as text, "latin1")),
        ) if code[:1] in "fiub" and len(text) <= 16:
            try:
                return str(np.frombuffer(text.encode("latin1"), code)[0])
            except (TypeError, ValueError, IndexError):
                pass
    return "NumPy number"
