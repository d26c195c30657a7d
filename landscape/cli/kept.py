"""Results of finished checkpoints, kept until the command has finished all of them."""

import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

from safetensors import SafetensorError

from landscape.files import write_atomic
from landscape.results.identity import refuse_other_code, same_settings

R = TypeVar("R")


def kept(path: Path, settings: Mapping[str, Any], load: Callable[[Path], R]) -> R | None:
    """What :func:`keep` left at ``path`` under the same settings; None: nothing, or not whole.

    Raises
    ------
    ValueError
        If network, loss or data have changed since.
    """
    try:
        before = json.loads(_record(path).read_text(encoding="utf-8"))
        result = load(path) if same_settings(before, settings) else None
    except (OSError, ValueError, SafetensorError):
        return None  # torn by a failing disk: computing anew loses time, nothing else
    if result is not None:
        refuse_other_code(before, settings, f"{path} holds a finished checkpoint")
    return result


def keep(path: Path, settings: Mapping[str, Any], save: Callable[[Path], None]) -> None:
    """Let ``save`` write a result to ``path``, then note what it was made with."""
    _record(path).unlink(missing_ok=True)  # it is of the result before, if any
    save(path)
    write_atomic(_record(path), json.dumps(settings, indent=1) + "\n")


def forget(path: Path) -> None:
    """Remove what was kept at ``path``, and the folders that are then empty."""
    for file in (_record(path), *path.parent.glob(f"{path.stem}.*")):
        file.unlink(missing_ok=True)
    for folder in (path.parent, path.parent.parent):
        with suppress(OSError):
            folder.rmdir()


def _record(path: Path) -> Path:
    return path.with_suffix(".settings.json")
