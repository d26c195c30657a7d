"""Folders of networks and adapters by Hugging Face's libraries, known by their configs.

Read without these libraries, and without torch.
"""

import json
from pathlib import Path
from typing import Any

from landscape.checkpoint.errors import CheckpointError, printable, refuse

PREFIX = "hf:"
CONFIG = "config.json"
ADAPTER_CONFIG = "adapter_config.json"

_LARGEST = 10_000_000  # bytes of a config


def is_model_folder(path: Path) -> bool:
    """Whether ``path`` is a folder with the config of a network by transformers."""
    try:
        return (path / CONFIG).is_file() and "model_type" in read_config(path)
    except CheckpointError:
        return False


def folder_of(spec: str | None) -> Path | None:
    """The folder that a model's spec names as ``hf:FOLDER``; None: it names another network."""
    if spec is None or not spec.startswith(PREFIX):
        return None
    return Path(spec.removeprefix(PREFIX)).expanduser()


def is_adapter_folder(path: Path) -> bool:
    """Whether ``path`` is a folder with an adapter by peft."""
    return (path / ADAPTER_CONFIG).is_file()


def read_config(folder: Path) -> dict[str, Any]:
    """What the config in ``folder`` says.

    Raises
    ------
    CheckpointError
        If there is none, or it is no JSON object.
    """
    path = folder / CONFIG
    try:
        if path.stat().st_size > _LARGEST:
            raise refuse(path, f"it is larger than {_LARGEST:,} bytes", "Is it a config?")
        found = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise refuse(
            folder,
            f"it holds no {CONFIG}, which says what the network is",
            "Give a folder that save_pretrained wrote",
        ) from None
    except (OSError, ValueError, RecursionError) as error:
        if isinstance(error, CheckpointError):
            raise
        raise refuse(path, f"it is no JSON ({first_line(error)})", "Download it again") from error
    if not isinstance(found, dict):
        raise refuse(path, "it is no JSON object", "Download it again")
    return found


def first_line(error: Exception) -> str:
    """What an error says first, safe to print."""
    return printable((str(error).splitlines() or [type(error).__name__])[0].rstrip("."))
