"""Read results back. A folder of results may be anybody's: nothing in it is taken on trust.

Each file is bounded before it is read, each value checked against its field: its type, that it is
finite, and the shapes that arrays share. What passes can be calculated with, printed and drawn.
"""

import dataclasses
import json
import math
import stat
import types
import typing
import unicodedata
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from landscape.results.arrays import Shape, StoredArrays
from landscape.results.base import SCHEMA_VERSION, TYPES, Result, ResultError, Stored
from landscape.values import LARGEST, read_finite

_MAX_BYTES = 32 * 2**20
_MAX_WHOLE = 2**64
_MAX_TEXT = 20_000
# Longer where a command names many files, shorter where a text is repeated all over a report.
_MAX_TEXT_OF = {"command": 2**20, "label": 300}
_AT_LEAST_ONE = ("num_params", "num_examples", "dof")
# By the ends of their names: what is no less than zero, and what is more.
_NOT_NEGATIVE = ("stderr", "stderrs", "residual", "residuals", "seconds", "norm", "radius")
_POSITIVE = ("bandwidth", "theta_norm")


def load_result(path: Path) -> Result:
    """Read what ``save_result`` wrote about one checkpoint; see :func:`load_stored`."""
    stored = load_stored(path)
    if not isinstance(stored, Result):
        raise ResultError(
            f"{path} holds a {type(stored).__name__}, which is about several checkpoints; expected "
            "a result about one."
        )
    return stored


def load_stored(path: Path) -> Stored:
    """Read what ``save_result`` wrote; unknown keys of newer versions are passed over.

    Raises
    ------
    ResultError
        Naming ``path``, if it is no result, its arrays are missing, or a value is none that its
        field can have.
    """
    try:
        document = json.loads(
            _text_of(path),
            parse_constant=read_finite,
            parse_float=read_finite,
            object_pairs_hook=_without_repeats,
        )
        version, kind, body = (document[k] for k in ("schema_version", "type", "result"))
        _require(type(version) is int, "schema_version", "a whole number", version)
        _require(isinstance(kind, str), "type", "text", kind)
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise ResultError(f"{path} is not a result of landscape ({_words(error)}).") from error
    if version > SCHEMA_VERSION or kind not in TYPES:
        raise ResultError(
            f"{path} holds a '{_short(kind)}' of schema {_short(version)}; this version reads up "
            f"to schema {SCHEMA_VERSION}: update landscape, or analyse the checkpoint again."
        )
    try:
        with StoredArrays(path.with_suffix(".npz")) as arrays:
            return typing.cast(Stored, _decode(TYPES[kind], body, arrays, kind))
    # RuntimeError, NotImplementedError: an archive encrypted or packed by no known method.
    except (ValueError, OSError, EOFError, RuntimeError) as error:
        raise ResultError(
            f"{path} is damaged or incomplete: {_words(error)}. Analyse the checkpoint again, or "
            "remove the file."
        ) from error


def _text_of(path: Path) -> str:
    if not stat.S_ISREG(path.stat().st_mode):  # to open a pipe would be to wait for its writer
        raise ValueError("it is no regular file")
    with path.open("rb") as file:
        raw = file.read(_MAX_BYTES + 1)
    if len(raw) > _MAX_BYTES:
        raise ValueError(f"it is larger than {_MAX_BYTES // 2**20} MiB")
    return raw.decode("utf-8")


def _words(error: Exception) -> str:
    if isinstance(error, KeyError):
        return f"it lacks {error}"
    return _short(str(error)) or type(error).__name__


def _short(value: object) -> str:
    """For a message: one line, whatever was in the file."""
    text = _printable(str(value)[:200]).replace("\n", " ")
    return text.rstrip(".")


def _without_repeats(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("an object has one key twice")
    return found


def _decode(hint: Any, value: Any, arrays: StoredArrays, at: str) -> object:
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        if value is None:
            return None
        (hint,) = [a for a in args if a is not type(None)]
        return _decode(hint, value, arrays, at)
    if dataclasses.is_dataclass(hint):
        return _decode_fields(typing.cast(type, hint), value, arrays, at)
    if origin is typing.Annotated:
        return _decode_array(args[1], value, arrays, at)
    if origin is tuple:
        _require(isinstance(value, list), at, "a list", value)
        if len(args) == 2 and args[1] is Ellipsis:
            args = args[:1] * len(value)
        _require(len(value) == len(args), at, f"a list of {len(args)}", value)
        return tuple(
            math.nan if v is None and h is float else _decode(h, v, arrays, at)
            for h, v in zip(args, value, strict=True)
        )
    if origin is dict:
        _require(isinstance(value, dict), at, "an object", value)
        return {
            _text(k, at, _MAX_TEXT): _decode(args[1], v, arrays, f"{at}.{_short(k)}")
            for k, v in value.items()
        }
    return _SCALARS[hint](value, at)


def _decode_fields(cls: type, value: Any, arrays: StoredArrays, at: str) -> object:
    _require(isinstance(value, dict), at, "an object", value)
    hints = _field_hints(cls)
    known: dict[str, Any] = {}
    for field in dataclasses.fields(cls):
        if field.name in value:
            known[field.name] = _decode(
                hints[field.name], value[field.name], arrays, f"{at}.{field.name}"
            )
        elif field.default is field.default_factory is dataclasses.MISSING:
            raise ValueError(f"{at} lacks '{field.name}'")
    _check_shapes(hints, known, at)
    return cls(**known)


def _decode_array(shape: Shape, value: Any, arrays: StoredArrays, at: str) -> np.ndarray:
    named = isinstance(value, dict) and isinstance(value.get("npz"), str)
    _require(named, at, "the name of an array", value)
    try:
        return shape.checked(arrays.read(value["npz"]))
    except ValueError as error:
        raise ValueError(f"{at}: {error}") from error


def _check_shapes(hints: Mapping[str, Any], values: Mapping[str, Any], at: str) -> None:
    """Sizes of one letter are one size, throughout the arrays of an object."""
    sizes: dict[str, int] = {}
    for name, value in values.items():
        for shape, array in _arrays_in(hints[name], value):
            for letter, size in zip(shape.sizes, array.shape, strict=True):
                if isinstance(letter, str) and sizes.setdefault(letter, size) != size:
                    raise ValueError(f"{at}.{name} has shape {array.shape}, unlike its fellows")


def _arrays_in(hint: Any, value: Any) -> list[tuple[Shape, np.ndarray]]:
    if isinstance(value, dict):
        hint, found = typing.get_args(hint)[1], list(value.values())
    else:
        found = [value]
    options = [hint, *typing.get_args(hint)]
    shape = next((o.__metadata__[0] for o in options if hasattr(o, "__metadata__")), None)
    return [(shape, v) for v in found if shape is not None and isinstance(v, np.ndarray)]


def _text(value: Any, at: str, limit: int | None = None) -> str:
    _require(isinstance(value, str), at, "text", value)
    limit = limit or _MAX_TEXT_OF.get(at.rpartition(".")[2], _MAX_TEXT)
    if len(value) > limit:
        raise ValueError(f"{at} has {len(value):,} characters; expected at most {limit:,}")
    return _printable(value)


def _printable(text: str) -> str:
    """``text`` with escapes in place of what steers a terminal, turns letters or is no letter."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(
        c.encode("unicode_escape", "backslashreplace").decode()
        if unicodedata.category(c) in ("Cc", "Cf", "Cs") and c not in "\n\t"
        else c
        for c in text
    )


def _number(value: Any, at: str) -> float:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    least = (
        1
        if at.endswith(_AT_LEAST_ONE)
        else 1 / LARGEST
        if at.endswith(_POSITIVE)
        else 0
        if at.endswith(_NOT_NEGATIVE)
        else -LARGEST
    )
    fits = is_number and least <= value <= LARGEST
    _require(fits, at, f"a number from {least:g} to {LARGEST:g}", value)
    return float(value)


def _whole(value: Any, at: str) -> int:
    least = int(at.rpartition(".")[2] in _AT_LEAST_ONE)
    fits = isinstance(value, int) and not isinstance(value, bool) and least <= value <= _MAX_WHOLE
    _require(fits, at, f"a whole number from {least} on", value)
    return int(value)


def _flag(value: Any, at: str) -> bool:
    _require(isinstance(value, bool), at, "true or false", value)
    return bool(value)


_SCALARS: dict[Any, Callable[[Any, str], object]] = {
    str: _text,
    float: _number,
    int: _whole,
    bool: _flag,
}


def _require(fits: bool, at: str, expected: str, value: object) -> None:
    if not fits:
        raise ValueError(f"{at} must be {expected}, not {_short(json.dumps(value)[:40])}")


@cache
def _field_hints(cls: type) -> dict[str, Any]:
    return typing.get_type_hints(cls, include_extras=True)
