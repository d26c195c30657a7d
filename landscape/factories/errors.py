"""What is said of a spec that leads nowhere, or to code that fails."""

import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from landscape.extras import other_torch

HOW = "Give module:name or path/to/file.py:name, with ?key=value for arguments"


class FactoryError(ValueError):
    """A spec that does not lead to a model, data or loss; the message says where it ended."""


def where_it_failed(error: Exception, function: Callable[..., Any] | None = None) -> str:
    """Say what was raised, and at which line of the user's code."""
    text = f"{type(error).__name__}: {error}"
    if hint := other_torch(text):
        text += f".{hint}"
    if isinstance(error, SyntaxError):
        return f"{text} at line {error.lineno}: {(error.text or '').strip()}"
    frames = traceback.extract_tb(error.__traceback__)
    code = getattr(function, "__code__", None) or getattr(
        getattr(function, "__init__", None), "__code__", None
    )
    ours = Path(__file__).parent
    theirs = [
        f for f in frames if Path(f.filename).parent != ours and "importlib" not in f.filename
    ]
    own = [f for f in theirs if code is not None and f.filename == code.co_filename]
    frame = next(iter(reversed(own or theirs)), None)
    if frame is None:
        return text
    return f"{text}\n  at {frame.filename}, line {frame.lineno}, in {frame.name}: {frame.line}"
