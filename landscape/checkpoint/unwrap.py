"""Find the weights inside what people save: wrappers, prefixes, EMA copies, other contents.

Works alike on loaded values and on outlines, so that what ``info`` shows is what gets loaded.
"""

import itertools
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from landscape.checkpoint.errors import CheckpointError, listing, printable, refuse
from landscape.checkpoint.files.contents import describe_all, is_tensor
from landscape.checkpoint.files.outline import Call
from landscape.checkpoint.formats import parts_of_zero

STATE_KEYS = ("state_dict", "model_state_dict", "model", "net", "network", "last", "module")
EMA_KEYS = ("state_dict_ema", "model_ema", "ema", "ema_state_dict", "model_ema_state_dict")
_PREFIXES = ("module.", "_orig_mod.", "_fsdp_wrapped_module.", "model.")
_AVERAGED = "n_averaged"  # torch.optim.swa_utils.AveragedModel's counter, beside "module.*"
_SHAPES = "param_shapes"  # of the whole weights, beside what DeepSpeed's engine saves of them
OPTIMIZER = "optim"  # names that begin so hold tensors, but no weights
# What a part of the network that was wrapped leaves in the middle of names.
_MARKS = {
    "_orig_mod.": "torch.compile",
    "_fsdp_wrapped_module.": "FSDP",
    "_checkpoint_wrapped_module.": "activation checkpointing",
}
_MAX_WRAPPERS = 4
_MAX_PREFIXES = 10
_MAX_SETS = 20


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
    state: Any = value
    if state_key is not None:
        state = _follow(value, state_key)
        if state is None:
            return _part(path, value, state_key, use_ema=use_ema)
        contents |= describe_all(value, state)
        notes.append(f"weights taken from '{printable(state_key)}', as asked")
    for _ in range(_MAX_WRAPPERS):
        key = _wrapper_key(path, state, use_ema=use_ema)
        if key is None:
            break
        inner = _follow(state, key)
        contents |= describe_all(state, inner)
        notes.append(f"weights found under '{printable(key)}'")
        unused = [k for k in EMA_KEYS if k in state and k != key]
        if unused:
            notes.append(f"averaged weights under {listing(unused)} not used; --ema uses them")
        use_ema = use_ema and key not in EMA_KEYS
        state = inner
    if use_ema:
        raise refuse(
            path, "it has no averaged (EMA) weights", "Leave --ema out to use the weights it has"
        )
    found = named_tensors(path, state)
    if _SHAPES in value and any(0 in t.shape for t in found.tensors.values()):
        raise parts_of_zero(path)
    notes += found.notes
    stripped, prefix = _strip_prefixes(found.tensors, notes)
    return Unwrapped(stripped, contents | found.contents, tuple(notes), prefix)


def named_tensors(path: Path, state: Any) -> Unwrapped:
    """The tensors of the dictionary ``state`` itself, under the names that they have in it.

    Raises
    ------
    CheckpointError
        If it has none.
    """
    entries: Mapping[Any, Any] = state if isinstance(state, Mapping) else {}
    tensors = {name: t for name, t in entries.items() if isinstance(name, str) and is_tensor(t)}
    if not tensors:
        names = listing([str(key) for key in entries]) or "nothing"
        raise refuse(path, f"it holds no weights; it has {names}", _SAVE)
    others = [str(name) for name in entries if name not in tensors]
    notes = (f"entries that are not tensors ignored: {listing(others)}",) if others else ()
    beside = {name: entries[name] for name in entries if name not in tensors} if others else {}
    return Unwrapped(tensors, describe_all(beside), notes, "")


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
    if any(map(is_tensor, state.values())):
        return None
    sets = list(itertools.islice(_sets_of_tensors(state, set()), _MAX_SETS))
    if len(sets) > 1:
        keys = [key for key, _ in sets]
        raise refuse(
            path,
            f"it holds several sets of weights: {listing(keys)}",
            "Choose one: " + " or ".join(f"--state-key {printable(key)}" for key in keys[:8]),
        )
    if sets and _follow(state, sets[0][0]) is sets[0][1]:
        return sets[0][0]
    if averaged:
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


def _follow(value: Any, key: str) -> Mapping[Any, Any] | None:
    """The dictionary under ``key``, or under its parts between dots, one in another."""
    if isinstance(value, Mapping) and isinstance(value.get(key), Mapping):
        inner: Mapping[Any, Any] = value[key]
        return inner
    for part in key.split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    return value if isinstance(value, Mapping) else None


def _part(path: Path, value: Mapping[Any, Any], state_key: str, *, use_ema: bool) -> Unwrapped:
    """The tensors whose names begin with ``state_key``: one network of several in a trainer's."""
    outer, inner = state_key, None
    while inner is None and "." in outer:  # "state_dict.student": a dictionary, then a prefix
        outer = outer.rpartition(".")[0]
        inner = _follow(value, outer)
    prefix = (state_key if inner is None else state_key.removeprefix(f"{outer}.")) + "."
    whole = Unwrapped({}, {}, (), "")
    with suppress(CheckpointError):
        whole = unwrap(path, value, use_ema=use_ema, state_key=None if inner is None else outer)
    tensors = {n.removeprefix(prefix): t for n, t in whole.tensors.items() if n.startswith(prefix)}
    if not tensors:
        options = [str(key) for key, entry in value.items() if isinstance(entry, Mapping)]
        raise refuse(
            path,
            f"it has no set of weights under '{printable(state_key)}'",
            f"It has: {listing(options)}" if options else "It has no dictionaries inside",
        )
    notes = (*whole.notes, f"weights whose names begin with '{printable(prefix)}', as asked")
    return Unwrapped(tensors, whole.contents, notes, whole.prefix + prefix)


def _sets_of_tensors(
    value: Mapping[Any, Any], seen: set[int], above: str = "", depth: int = 0
) -> Iterator[tuple[str, Any]]:
    """Dictionaries in ``value`` that hold tensors, each once, by the key that --state-key takes."""
    if depth == _MAX_WRAPPERS:
        return
    for key, inner in value.items():
        if not isinstance(inner, Mapping) or not isinstance(key, str) or key in EMA_KEYS:
            continue
        if key.lower().startswith(OPTIMIZER) or id(inner) in seen:
            continue
        seen.add(id(inner))
        if any(map(is_tensor, inner.values())):
            yield above + key, inner
        else:
            yield from _sets_of_tensors(inner, seen, f"{above}{key}.", depth + 1)


def _strip_prefixes(tensors: dict[str, Any], notes: list[str]) -> tuple[dict[str, Any], str]:
    if _AVERAGED in tensors and all(n == _AVERAGED or n.startswith("module.") for n in tensors):
        notes.append(f"'{_AVERAGED}', the counter of an averaged model, ignored")
        tensors = {name: t for name, t in tensors.items() if name != _AVERAGED}
    taken = ""
    for _ in range(_MAX_PREFIXES):
        prefix = next((p for p in _PREFIXES if all(n.startswith(p) for n in tensors)), "")
        if not prefix:
            break
        tensors = {name.removeprefix(prefix): t for name, t in tensors.items()}
        taken += prefix
        notes.append(f"prefix '{prefix}' taken off every name")
    for mark, origin in _MARKS.items():
        plain = {without_marks(name, mark): t for name, t in tensors.items()}
        if len(plain) == len(tensors) and plain.keys() != tensors.keys():
            notes.append(f"'{mark}' ({origin}) taken out of the names")
            tensors = plain
    return tensors, taken


def without_marks(name: str, *marks: str) -> str:
    """``name`` without what wrappers of parts of a network put into it; by default all they do."""
    for mark in marks or _MARKS:
        name = name.removeprefix(mark).replace(f".{mark}", ".")
    return name
