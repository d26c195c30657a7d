"""A result on disk: ``<analysis>.json`` for what a person reads, ``<analysis>.npz`` for arrays.

Every result is a frozen dataclass of str, int, float, bool, None, tuples of these, nested
dataclasses, and NumPy arrays. JSON holds neither NaN nor infinity, so an absent scalar is None;
arrays may hold NaN (a grid point that diverged is data).
"""

import dataclasses
import io
import json
import math
import typing
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from landscape.files import OutputError, inside, write_atomic
from landscape.results.subject import Provenance, Subject

SCHEMA_VERSION = 1
RECORD = "settings.json"  # beside results: what they are made with

TYPES: dict[str, type["Stored"]] = {}


class ResultError(ValueError):
    """A result file that cannot be read, in words."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Stored:
    """Base of all that is kept in a report's folder: how its numbers were made."""

    provenance: Provenance

    def __init_subclass__(cls, *, kind: bool = True) -> None:
        if kind:
            TYPES[cls.__name__] = cls

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
class Result(Stored, kind=False):
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


def result_path(folder: Path, label: str, analysis: str) -> Path:
    """Where an analysis of a checkpoint stands in a report's folder.

    Raises
    ------
    OutputError
        No folder can be named by ``label``, or a link leads elsewhere.
    """
    if label in ("", "..") or Path(label).name != label:
        raise OutputError(f"the label {label!r} names no folder: give the checkpoint another.")
    return inside(folder, folder / "results" / label / f"{analysis}.json")


def stem_at(name: str, scale: str) -> str:
    """What the file of a result is called where its operator has this scale: ``trace-filter``."""
    return name if scale == "none" else f"{name}-{scale}"


def in_order(files: Iterable[Path]) -> list[Path]:
    """Files of results by folder, then stem: the plain operator before its scaled versions."""
    return sorted(files, key=lambda path: (path.parent, path.stem))


def _encode(value: object, *, arrays: dict[str, np.ndarray] | None, at: str = "") -> object:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {
            f.name: _encode(getattr(value, f.name), arrays=arrays, at=f"{at}.{f.name}".lstrip("."))
            for f in dataclasses.fields(value)
            if f.metadata.get("stored", True)
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
