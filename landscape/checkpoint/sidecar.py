"""The JSON file beside a checkpoint: what was trained, on what, how, and how well it does."""

import dataclasses
import json
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from landscape.checkpoint.errors import CheckpointError, printable, refuse
from landscape.values import read_finite

SCHEMA_VERSION = 1
EMBEDDED_SIDECAR = "landscape.sidecar"  # key in a safetensors file's own metadata
_MAX_TEXT = 10_000
MAX_SIDECAR_BYTES = 2**20
_MAX_DIGITS = 20  # of a whole number: 64 bits and a sign
_MAX_DEPTH = 40  # of nesting; deeper ones cannot be written again
_COUNT = 2**53  # up to here a float counts exactly
# What a number may be, ends included. All of these are printed, drawn or calculated with.
_RANGES: dict[str, tuple[float, float]] = {
    "num_examples": (0, _COUNT),
    "seed": (0, 2**64 - 1),
    "gain": (0, 1e6),
    "learning_rate": (1e-30, 1e6),
    "last_learning_rate": (0, 1e6),
    "momentum": (0, 1),
    "weight_decay": (0, 1e6),
    "batch_size": (1, _COUNT),
    "epoch": (0, _COUNT),
    "epochs": (0, _COUNT),
    "train_loss": (-1e30, 1e30),
    "train_accuracy": (0, 1),
    "test_loss": (-1e30, 1e30),
    "test_accuracy": (0, 1),
    "schema_version": (1, _COUNT),
}


@dataclass(frozen=True, kw_only=True)
class DataSpec:
    """The examples that a network was trained on."""

    name: str  # "fashion-mnist", or the module:factory that made them
    source: str = ""  # where they were found: a folder, "embedded subset", …
    split: str = "train"
    num_examples: int | None = None
    seed: int | None = None  # of the random subset; None: all examples, or the first ones
    sha256: str = ""  # of the examples' indices


@dataclass(frozen=True, kw_only=True)
class TrainingSpec:
    """How the weights came about."""

    init: str
    gain: float = 1.0
    optimizer: str
    learning_rate: float  # of the first epoch
    last_learning_rate: float | None = None  # of the last finished epoch; None: not known
    momentum: float = 0.0
    weight_decay: float = 0.0
    batch_size: int
    seed: int
    epoch: int  # finished so far
    epochs: int  # planned


@dataclass(frozen=True, kw_only=True)
class Metrics:
    """Mean loss and fraction of right answers at these weights; None where not measured."""

    train_loss: float | None = None
    train_accuracy: float | None = None
    test_loss: float | None = None
    test_accuracy: float | None = None


@dataclass(frozen=True, kw_only=True)
class Sidecar:
    """All that a checkpoint's weights do not say of themselves."""

    model: str  # model spec, as ``--model`` takes it: "csnn?channels=16"
    loss: str  # as ``--loss`` takes it
    data: DataSpec
    training: TrainingSpec
    metrics: Metrics = Metrics()
    config: Mapping[str, Any] = field(default_factory=dict)  # the full training configuration
    versions: Mapping[str, str] = field(default_factory=dict)  # of python, torch, landscape, …
    weights_sha256: str = ""  # of the checkpoint that this file describes; set when saved
    schema_version: int = SCHEMA_VERSION

    def to_json(self) -> str:
        """Serialise; NaN and infinity are refused, since JSON has neither.

        Raises
        ------
        ValueError
            If a number is not finite, or a value is none of JSON's.
        """
        return json.dumps(dataclasses.asdict(self), indent=2, allow_nan=False) + "\n"

    @classmethod
    def from_json(cls, text: str, path: Path) -> "Sidecar":
        """Read a sidecar; keys that this version does not know are passed over.

        Raises
        ------
        CheckpointError
            Naming ``path``, if it is not JSON, was written by a later version, lacks a field, or
            holds a number that is not finite or is none that its field can have.
        """
        try:
            if len(text) > MAX_SIDECAR_BYTES:
                raise ValueError(f"more than {MAX_SIDECAR_BYTES >> 20} MiB")
            record = json.loads(
                text, parse_constant=read_finite, parse_float=read_finite, parse_int=_whole
            )
            _check_depth(record)
        except (ValueError, RecursionError) as error:
            wrong = f"it is not JSON with finite numbers ({printable(str(error))})"
            raise refuse(path, wrong, _REMEDY) from None
        sidecar: Sidecar = _build(cls, record, path, "the sidecar")
        return sidecar


_REMEDY = "Restore it, or move it away and name the model with --model"
_PARTS = {"data": DataSpec, "training": TrainingSpec, "metrics": Metrics}


def sidecar_path(path: Path) -> Path:
    """Where the sidecar of the checkpoint at ``path`` lies: the same name, ending in ``.json``."""
    return path.with_suffix(".json")


def read_sidecar(path: Path) -> Sidecar | None:
    """Read the sidecar of the checkpoint at ``path``, or None if there is no such file.

    A JSON file beside a foreign checkpoint that is plainly something else (a ``config.json``, a
    training log) is not a sidecar and gives None too.

    Raises
    ------
    CheckpointError
        If it is a sidecar, but a damaged one.
    """
    beside = sidecar_path(path)
    if beside == path or not beside.is_file():
        return None
    if beside.stat().st_size > MAX_SIDECAR_BYTES:
        return None
    text = beside.read_text(encoding="utf-8", errors="replace")
    if '"schema_version"' not in text or '"training"' not in text:
        if path.suffix == ".safetensors" and not text.strip():
            raise refuse(beside, "it is empty", _REMEDY)
        return None
    return Sidecar.from_json(text, beside)


def _whole(text: str) -> int:
    if len(text) > _MAX_DIGITS:
        raise ValueError(f"{text[:_MAX_DIGITS]}… has more than {_MAX_DIGITS} digits")
    return int(text)


def _check_depth(record: object) -> None:
    level = [record]
    for _ in range(_MAX_DEPTH):
        level = [inner for value in level for inner in _inside(value)]
    if level:
        raise ValueError(f"nested more than {_MAX_DEPTH} levels deep")


def _inside(value: object) -> list[object]:
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else []


def _build(cls: Any, record: object, path: Path, what: str) -> Any:
    if not isinstance(record, dict):
        raise refuse(path, f"{what} must be a JSON object, not {type(record).__name__}", _REMEDY)
    version = record.get("schema_version", SCHEMA_VERSION)
    if not isinstance(version, int) or version > SCHEMA_VERSION:
        raise CheckpointError(
            f"{printable(str(path))}: it follows schema version {printable(str(version))}; this "
            f"version of landscape reads up to {SCHEMA_VERSION}. Upgrade landscape."
        )
    values = {}
    for entry in dataclasses.fields(cls):
        if entry.name in record:
            values[entry.name] = _value(entry, record[entry.name], path)
        elif entry.default is entry.default_factory is dataclasses.MISSING:
            raise refuse(path, f"{what} lacks '{entry.name}'", _REMEDY)
    return cls(**values)


def _value(entry: dataclasses.Field[Any], value: object, path: Path) -> Any:
    if entry.name in _PARTS:
        return _build(_PARTS[entry.name], value, path, f"'{entry.name}'")
    if not _fits(entry.type, value):
        expected = getattr(entry.type, "__name__", str(entry.type))
        raise refuse(
            path, f"'{entry.name}' must be {expected}, not {type(value).__name__}", _REMEDY
        )
    if entry.name in _RANGES and isinstance(value, int | float):
        low, high = _RANGES[entry.name]
        if not low <= value <= high:
            raise refuse(
                path, f"'{entry.name}' must lie in [{low:g}, {high:g}], not be {value:g}", _REMEDY
            )
    # These get printed; nothing in a file may steer a terminal.
    return printable(value, _MAX_TEXT) if isinstance(value, str) else value


def _fits(kind: Any, value: object) -> bool:
    options = typing.get_args(kind) if isinstance(kind, types.UnionType) else (kind,)
    classes = [typing.get_origin(option) or option for option in options]
    if float in classes:
        classes.append(int)  # JSON writes 1.0 as it likes
    return isinstance(value, tuple(classes)) and not isinstance(value, bool)
