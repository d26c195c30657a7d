"""Libraries that the package can do without, imported where something needs them."""

import importlib
from typing import Any


def library(name: str, purpose: str, *, extra: str = "") -> Any:
    """The module ``name``; ``extra`` of this package installs it, by default that of its name.

    Raises
    ------
    ValueError
        If it is not installed: ``purpose`` says what needs it. If it cannot be imported: why.
    """
    package = name.partition(".")[0]
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != package:
            raise ValueError(broken(package, error)) from error
        raise ValueError(
            f"{purpose} needs {package}: pip install 'landscape-snn[{extra or package}]'."
        ) from error
    except (ImportError, RuntimeError) as error:
        raise ValueError(broken(package, error)) from error


def broken(package: str, error: Exception) -> str:
    """What to say where an installed library cannot be imported, in whole or in part."""
    first: BaseException = error
    while (cause := first.__cause__ or first.__context__) is not None:
        first = cause
    said = f"{type(first).__name__}: {str(first).partition(chr(10))[0]}"
    return f"{package} is installed, but cannot be imported: {said}.{other_torch(said)}"


def other_torch(said: str) -> str:
    """A hint where what was raised, ``said``, comes from a torchvision that does not fit."""
    if "operator torchvision::" not in said:
        return ""
    return (
        " The torchvision in this environment was built for another PyTorch, such as one with "
        "CUDA: install both from one index, or uninstall torchvision where nothing else needs it."
    )
