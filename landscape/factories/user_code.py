"""Import the user's modules and files, and find what they hold."""

import importlib
import importlib.util
import os
import sys
from hashlib import sha256
from pathlib import Path
from types import ModuleType
from typing import Any

from landscape.factories.errors import HOW, FactoryError, where_it_failed
from landscape.hints import close_to


def module_of(name: str, spec: str) -> ModuleType:
    """Import the module ``name``, from the current folder where it is nowhere else.

    Raises
    ------
    FactoryError
        If there is none, or its import fails; ``spec`` is what the user typed.
    """
    _put_on_path(Path.cwd())
    _refuse_file_as_package(name, spec)
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is None or not (name == error.name or name.startswith(f"{error.name}.")):
            raise FactoryError(f"'{spec}' cannot be imported: {where_it_failed(error)}") from error
        hint = (
            f" There is a file {name}.py; give '{name}.py'." if Path(f"{name}.py").exists() else ""
        )
        raise FactoryError(
            f"'{spec}': there is no module '{error.name}' on the path or in {Path.cwd()}.{hint} "
            f"{HOW}."
        ) from None
    except Exception as error:  # the module is the user's code
        raise FactoryError(f"'{spec}' cannot be imported: {where_it_failed(error)}") from error


def module_of_file(path: Path, spec: str) -> ModuleType:
    """Import the file at ``path``, once; raises as :func:`module_of`."""
    resolved = path.expanduser().resolve()
    if not resolved.is_file():
        siblings = [file.name for file in resolved.parent.glob("*.py")]
        raise FactoryError(
            f"'{spec}': there is no file {resolved}.{close_to(resolved.name, siblings)}"
        )
    # Named after its place, so that two files of one name do not meet in sys.modules.
    name = f"{resolved.stem}_{sha256(os.fsencode(resolved)).hexdigest()[:8]}"
    if name in sys.modules:
        return sys.modules[name]
    found = importlib.util.spec_from_file_location(name, resolved)
    if found is None or found.loader is None:
        raise FactoryError(f"'{spec}': {resolved} is not a Python file.")
    module = importlib.util.module_from_spec(found)
    _put_on_path(resolved.parent)
    sys.modules[name] = module  # dataclasses and pickle look their module up there
    try:
        found.loader.exec_module(module)
    except Exception as error:  # the file is the user's code
        del sys.modules[name]
        raise FactoryError(f"'{spec}' cannot be imported: {where_it_failed(error)}") from error
    return module


def _refuse_file_as_package(name: str, spec: str) -> None:
    """Refuse ``library.part`` where the library is a file here: it has no parts, and would run."""
    root, dot, _ = name.partition(".")
    if not dot or name in sys.modules:
        return
    try:
        found = importlib.util.find_spec(root)
    except (ImportError, ValueError):  # of a module that is there and half made
        return
    if found is not None and found.submodule_search_locations is None:
        raise FactoryError(
            f"'{spec}': '{root}' is the file {found.origin}, which has no module '{name}' in it. "
            f"Install the library {root}, or give '{root}.py:NAME' for the file."
        )


def _put_on_path(folder: Path) -> None:
    """Put ``folder`` last on the import path: its files shadow nothing that is installed."""
    if str(folder) not in sys.path:
        sys.path.append(str(folder))


def attribute_of(module: ModuleType, name: str, spec: str) -> Any:
    """What ``module`` holds as ``name``, which may have dots; raises as :func:`module_of`."""
    found: Any = module
    for part in name.split("."):
        if not hasattr(found, part):
            known = [entry for entry in vars(module) if not entry.startswith("_")]
            place = spec.partition("?")[0].rpartition(":")[0]
            hint = close_to(name, known) or _file_behind(module, place)
            raise FactoryError(f"'{spec}': {place} has no '{name}'.{hint}")
        found = getattr(found, part)
    return found


def _file_behind(module: ModuleType, name: str) -> str:
    """A hint at the file of that name here, where an installed module was found in its place."""
    file = Path(f"{name}.py")
    if not file.exists() or Path(module.__file__ or "").resolve() == file.resolve():
        return ""
    return f" It is that of an installed library; for the file here give '{file}'."
