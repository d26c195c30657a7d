"""A result on disk: ``<analysis>.json`` for what a person reads, ``<analysis>.npz`` for arrays.

Every result is a frozen dataclass of str, int, float, bool, None, tuples of these, nested
dataclasses, and NumPy arrays. JSON holds neither NaN nor infinity, so an absent scalar is None;
arrays may hold NaN (a grid point that diverged is data).
"""

import dataclasses
import io
import json
import math
import types
import typing
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, TypeVar
from zipfile import BadZipFile

import numpy as np

from landscape.files import write_atomic
from landscape.results.subject import Provenance, Subject

SCHEMA_VERSION = 1

_TYPES: dict[str, type["Stored"]] = {}
_T = TypeVar("_T")


class ResultError(ValueError):
    """A result file that cannot be read, in words."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Stored:
    """Base of all that is kept in a report's folder: how its numbers were made."""

    provenance: Provenance

    def __init_subclass__(cls) -> None:
        _TYPES[cls.__name__] = cls

    def record(self) -> dict[str, object]:
        """One flat JSON object for scripts: the subject's fields beside the result's own.

        Arrays become lists, with None where they hold NaN or infinity.
        """
        encoded = typing.cast(dict[str, Any], _encode(self, arrays=None))
        subject: dict[str, object] = encoded.pop("subject", {})
        provenance = encoded.pop("provenance")
        spec = encoded.pop("operator", None)
        named = {} if spec is None else {"operator": spec["name"], "operator_settings": spec}
        return (
            {"type": type(self).__name__} | encoded | named | subject | {"provenance": provenance}
        )


@dataclass(frozen=True, kw_only=True, eq=False)
class Result(Stored):
    """Base of results about one checkpoint: whose numbers these are."""

    subject: Subject


def save_result(result: Stored, path: Path) -> None:
    """Write ``path`` (ending in .json) and, where the result holds arrays, the .npz beside it."""
    arrays: dict[str, np.ndarray] = {}
    body = _encode(result, arrays=arrays)
    document = {"schema_version": SCHEMA_VERSION, "type": type(result).__name__, "result": body}
    if arrays:
        buffer = io.BytesIO()
        np.savez_compressed(buffer, **arrays)  # type: ignore[arg-type]
        write_atomic(path.with_suffix(".npz"), buffer.getvalue())
    write_atomic(path, json.dumps(document, indent=1, allow_nan=False, ensure_ascii=False) + "\n")


def in_order(files: Iterable[Path]) -> list[Path]:
    """Files of results by folder, then stem: the plain operator before its scaled versions."""
    return sorted(files, key=lambda path: (path.parent, path.stem))


def load_result(path: Path) -> Result:
    """Read what :func:`save_result` wrote about one checkpoint; see :func:`load_stored`."""
    stored = load_stored(path)
    if not isinstance(stored, Result):
        raise ResultError(
            f"{path} holds a {type(stored).__name__}, which is about several checkpoints; expected "
            "a result about one."
        )
    return stored


def load_stored(path: Path) -> Stored:
    """Read what :func:`save_result` wrote; unknown keys of newer versions are passed over.

    Raises
    ------
    ResultError
        If the file is no result, or its arrays are missing.
    """
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        version, kind, body = (document[k] for k in ("schema_version", "type", "result"))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ResultError(f"{path} is not a result of landscape ({error}).") from error
    if version > SCHEMA_VERSION or kind not in _TYPES:
        raise ResultError(
            f"{path} holds a {kind!r} of schema {version}; this version reads up to schema "
            f"{SCHEMA_VERSION}: update landscape, or analyse the checkpoint again."
        )
    npz = path.with_suffix(".npz")
    arrays: dict[str, np.ndarray] = {}
    try:
        if npz.exists():
            with np.load(npz, allow_pickle=False) as stored:
                arrays = {name: stored[name] for name in stored.files}
        return typing.cast(Stored, _decode(_TYPES[kind], body, arrays))
    except (KeyError, TypeError, ValueError, OSError, EOFError, BadZipFile, zlib.error) as error:
        raise ResultError(f"{path} is damaged or incomplete: {error}.") from error


def _encode(value: object, *, arrays: dict[str, np.ndarray] | None, at: str = "") -> object:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {
            f.name: _encode(getattr(value, f.name), arrays=arrays, at=f"{at}.{f.name}".lstrip("."))
            for f in dataclasses.fields(value)
        }
    if isinstance(value, np.ndarray):
        if arrays is None:
            return _listed(value)
        arrays[at] = value
        return {"npz": at}
    if isinstance(value, tuple | list):
        # Measured where a loss may overflow, unlike single numbers: null, read again as NaN.
        return [
            None
            if isinstance(v, float) and not math.isfinite(v)
            else _encode(v, arrays=arrays, at=f"{at}.{i}")
            for i, v in enumerate(value)
        ]
    if isinstance(value, Mapping):
        return {str(k): _encode(v, arrays=arrays, at=f"{at}.{k}") for k, v in value.items()}
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, str | int | float | bool):
        return value
    raise TypeError(f"field {at!r} holds a {type(value).__name__}, which JSON cannot.")


def _listed(array: np.ndarray) -> object:
    if array.ndim:
        return [_listed(row) for row in array]
    scalar = array.item()
    return None if isinstance(scalar, float) and not np.isfinite(scalar) else scalar


def _decode(hint: Any, value: Any, arrays: Mapping[str, np.ndarray]) -> object:
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        if value is None:
            return None
        (hint,) = [a for a in args if a is not type(None)]
        return _decode(hint, value, arrays)
    if dataclasses.is_dataclass(hint):
        hints = _field_hints(typing.cast(type, hint))
        known = {k: _decode(hints[k], v, arrays) for k, v in value.items() if k in hints}
        return typing.cast(type, hint)(**known)
    if origin is np.ndarray:
        return arrays[value["npz"]]
    if origin is tuple:
        element = args[0] if len(args) == 2 and args[1] is Ellipsis else None
        hints_of = [element] * len(value) if element is not None else args
        return tuple(
            math.nan if v is None and h is float else _decode(h, v, arrays)
            for h, v in zip(hints_of, value, strict=True)
        )
    if origin is dict:
        return {k: _decode(args[1], v, arrays) for k, v in value.items()}
    return float(value) if hint is float else value


@cache
def _field_hints(cls: type) -> dict[str, Any]:
    hints = typing.get_type_hints(cls)
    return {f.name: hints[f.name] for f in dataclasses.fields(cls)}
