"""Libraries that the package can do without, imported where something needs them."""

import importlib
from typing import Any


def library(name: str, purpose: str, *, extra: str = "") -> Any:
    """The module ``name``; ``extra`` of this package installs it, by default that of its name.

    Raises
    ------
    ValueError
        If it is not installed: ``purpose`` says what needs it.
    """
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise ValueError(
            f"{purpose} needs {name.partition('.')[0]}: pip install "
            f"'landscape-snn[{extra or name.partition('.')[0]}]'."
        ) from error
