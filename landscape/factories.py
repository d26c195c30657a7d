"""Turn what a user types for a model, data or loss into something that can be called.

A spec is one of ::

    name                    built in, or an entry point of an installed plug-in
    package.module:factory  a function or class in an importable module
    path/to/file.py:factory a function or class in a file
    torchvision:name        a network by one of these libraries, where installed,
    timm:name               with random weights

each with arguments if wanted: ``name?channels=16&bias=false``. Modules in the current folder count
as importable, but come last: a file there never stands in for an installed library. Specs come from
the command line or the API only: a spec that was found in a file is not to be passed here.
"""

import importlib
import importlib.machinery
import importlib.metadata
import importlib.util
import inspect
import sys
import traceback
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from hashlib import sha256
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.parse import unquote

from landscape.hints import arrays_file, close_to

MODELS = "landscape.models"
DATASETS = "landscape.datasets"
LOSSES = "landscape.losses"
OBJECTIVES = "landscape.objectives"

_HOW = "Give module:name or path/to/file.py:name, with ?key=value for arguments"
_WORDS: dict[str, bool | None] = {"true": True, "false": False, "none": None}
_LIBRARIES = {  # module, what makes a network, what lists their names
    "torchvision": ("torchvision.models", "get_model", "list_models"),
    "timm": ("timm", "create_model", "list_models"),
}

Value = bool | int | float | str | None


class FactoryError(ValueError):
    """A spec that does not lead to a model, data or loss; the message says where it ended."""


@dataclass(frozen=True)
class Factory:
    """A function found by its spec, with the arguments that the spec gives it."""

    spec: str
    function: Callable[..., Any]
    arguments: Mapping[str, Value] = field(default_factory=dict)

    def __call__(self, **defaults: Any) -> Any:
        """Call the function; arguments in the spec override ``defaults``.

        Raises
        ------
        FactoryError
            If the arguments do not fit the function, or it raises: with the line that did.
        """
        arguments = {**defaults, **self.arguments}
        self._check(arguments)
        try:
            return self.function(**arguments)
        except FactoryError:
            raise
        # It is the user's code: it can fail in any way.
        except Exception as error:
            raise FactoryError(f"'{self.spec}' failed: {_where(error, self.function)}") from error

    def _check(self, arguments: Mapping[str, Any]) -> None:
        try:
            signature = inspect.signature(self.function)
        except (TypeError, ValueError):  # some callables written in C have none
            return
        try:
            signature.bind(**arguments)
        except TypeError as error:
            known = [p.name for p in signature.parameters.values()]
            unknown = next((name for name in arguments if name not in known), "")
            hint = close_to(unknown, known) if unknown else ""
            raise FactoryError(
                f"'{self.spec}': {error}.{hint} It takes {signature}. Arguments are written as "
                "?name=value&name2=value2."
            ) from None


def load_factory(spec: str, *, group: str, builtin: Mapping[str, Callable[..., Any]]) -> Factory:
    """Find the function that ``spec`` names, without calling it.

    Parameters
    ----------
    spec
        As in the module's docstring.
    group
        The entry points to look among: ``MODELS``, ``DATASETS`` or ``LOSSES``.
    builtin
        Names that need no module, with their functions.

    Raises
    ------
    FactoryError
        If the spec is malformed, its name is unknown (close ones are shown), or its module
        cannot be imported (the user's line that failed is shown).
    """
    target, _, query = spec.partition("?")
    arguments = parse_arguments(query, spec)
    place, colon, name = target.rpartition(":")
    if colon and group == MODELS and place in _LIBRARIES:
        return _library_model(spec, place, name, arguments)
    return Factory(spec, _callable(_found(spec, target, group, builtin), spec), arguments)


def load_object(spec: str, *, group: str, builtin: Mapping[str, Any]) -> Any:
    """What ``spec`` names, itself; of a class an instance, a function with its arguments bound.

    Raises
    ------
    FactoryError
        As :func:`load_factory`; or if arguments are given to what takes none.
    """
    target, _, query = spec.partition("?")
    arguments = parse_arguments(query, spec)
    found = _found(spec, target, group, builtin)
    if isinstance(found, type):
        return Factory(spec, found, arguments)()
    if not arguments:
        return found
    if not callable(found):
        raise FactoryError(
            f"'{spec}' is of type {type(found).__name__}, which takes no arguments; leave them out."
        )
    return partial(found, **arguments)


def _found(spec: str, target: str, group: str, builtin: Mapping[str, Any]) -> Any:
    place, colon, name = target.rpartition(":")
    if not colon:
        return _named(target, group, builtin)
    if not place or not name:
        raise FactoryError(f"'{spec}' is not complete. {_HOW}.")
    module = _module_of_file(Path(place), spec) if place.endswith(".py") else _module(place, spec)
    return _attribute(module, name, spec)


def parse_arguments(query: str, spec: str = "") -> dict[str, Value]:
    """Parse ``k=v&k2=v2``; values become int, float, bool, None or, failing these, text.

    Raises
    ------
    FactoryError
        For a part that is not ``name=value`` or a name given twice.
    """
    arguments: dict[str, Value] = {}
    for part in query.split("&") if query else []:
        name, equals, text = part.partition("=")
        if not equals or not name.isidentifier():
            raise FactoryError(f"'{spec or query}': '{part}' must have the form name=value.")
        if name in arguments:
            raise FactoryError(f"'{spec or query}': '{name}' is given twice.")
        arguments[name] = _typed(unquote(text))
    return arguments


def _typed(text: str) -> Value:
    if text.lower() in _WORDS:
        return _WORDS[text.lower()]
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def _named(name: str, group: str, builtin: Mapping[str, Any]) -> Any:
    if name in builtin:
        return builtin[name]
    points = {point.name: point for point in importlib.metadata.entry_points(group=group)}
    if name not in points:
        known = [*builtin, *points]
        listed = ", ".join(sorted(known)) or "none"
        hint = close_to(name, known)
        if name.endswith(".py"):
            hint = f" Did you mean '{name}:factory'?"
        elif group == DATASETS:
            hint = hint or arrays_file(name)
        raise FactoryError(f"'{name}' is not a known name.{hint} Known: {listed}. {_HOW}.")
    try:
        return points[name].load()
    # A plug-in's module is run on import: it can fail in any way.
    except Exception as error:
        raise FactoryError(f"plug-in '{name}' cannot be imported: {_where(error)}") from error


def _library_model(spec: str, library: str, name: str, arguments: Mapping[str, Value]) -> Factory:
    if not _is_installed(library):
        raise FactoryError(f"'{spec}' needs {library}. Install it: pip install {library}.")
    place, maker, lister = _LIBRARIES[library]
    module = _module(place, spec)
    function, list_names = (_attribute(module, attribute, spec) for attribute in (maker, lister))

    def build(**keywords: Any) -> Any:
        try:
            return function(name, **keywords)
        except (ValueError, RuntimeError) as error:
            # Only now: the library may know more names than it lists, by tags or as they once were.
            known = list_names()
            if name in known:
                raise
            hint = close_to(name, known)
            raise FactoryError(f"'{spec}': {library} has no '{name}'.{hint}") from error

    return Factory(spec, build, arguments)


def _is_installed(library: str) -> bool:
    """Whether there is such a module, apart from files in the current folder."""
    if library in sys.modules:
        return True
    elsewhere = [p for p in sys.path if Path(p or ".").resolve() != Path.cwd()]
    return importlib.machinery.PathFinder.find_spec(library, elsewhere) is not None


def _module(name: str, spec: str) -> ModuleType:
    _put_on_path(Path.cwd())
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is None or not (name == error.name or name.startswith(f"{error.name}.")):
            raise FactoryError(f"'{spec}' cannot be imported: {_where(error)}") from error
        hint = (
            f" There is a file {name}.py; give '{name}.py'." if Path(f"{name}.py").exists() else ""
        )
        raise FactoryError(
            f"'{spec}': there is no module '{error.name}' on the path or in {Path.cwd()}.{hint} "
            f"{_HOW}."
        ) from None
    except Exception as error:  # the module is the user's code
        raise FactoryError(f"'{spec}' cannot be imported: {_where(error)}") from error


def _module_of_file(path: Path, spec: str) -> ModuleType:
    resolved = path.expanduser().resolve()
    if not resolved.is_file():
        siblings = [file.name for file in resolved.parent.glob("*.py")]
        raise FactoryError(
            f"'{spec}': there is no file {resolved}.{close_to(resolved.name, siblings)}"
        )
    # Named after its place, so that two files of one name do not meet in sys.modules.
    name = f"{resolved.stem}_{sha256(str(resolved).encode()).hexdigest()[:8]}"
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
        raise FactoryError(f"'{spec}' cannot be imported: {_where(error)}") from error
    return module


def _put_on_path(folder: Path) -> None:
    """Put ``folder`` last on the import path: its files shadow nothing that is installed."""
    if str(folder) not in sys.path:
        sys.path.append(str(folder))


def _attribute(module: ModuleType, name: str, spec: str) -> Any:
    found: Any = module
    for part in name.split("."):
        if not hasattr(found, part):
            known = [entry for entry in vars(module) if not entry.startswith("_")]
            place = spec.partition("?")[0].rpartition(":")[0]
            hint = close_to(name, known) or _file_behind(module, place)
            raise FactoryError(f"'{spec}': {place} has no '{name}'.{hint}")
        found = getattr(found, part)
    return found


def _callable(found: Any, spec: str) -> Callable[..., Any]:
    if not isinstance(found, type) and hasattr(found, "state_dict"):
        return lambda: found  # a network, ready made; calling it would run it
    if not callable(found) and (isinstance(found, Iterable) or hasattr(found, "__getitem__")):
        return lambda: found  # data, ready made
    if not callable(found):
        raise FactoryError(
            f"'{spec}' is of type {type(found).__name__}; expected a function or class that makes "
            "one."
        )
    function: Callable[..., Any] = found
    return function


def _file_behind(module: ModuleType, name: str) -> str:
    """A hint at the file of that name here, where an installed module was found in its place."""
    file = Path(f"{name}.py")
    if not file.exists() or Path(module.__file__ or "").resolve() == file.resolve():
        return ""
    return f" It is that of an installed library; for the file here give '{file}'."


def _where(error: Exception, function: Callable[..., Any] | None = None) -> str:
    """Say what was raised, and at which line of the user's code."""
    text = f"{type(error).__name__}: {error}"
    if isinstance(error, SyntaxError):
        return f"{text} at line {error.lineno}: {(error.text or '').strip()}"
    frames = traceback.extract_tb(error.__traceback__)
    code = getattr(function, "__code__", None) or getattr(
        getattr(function, "__init__", None), "__code__", None
    )
    theirs = [f for f in frames if f.filename != __file__ and "importlib" not in f.filename]
    own = [f for f in theirs if code is not None and f.filename == code.co_filename]
    frame = next(iter(reversed(own or theirs)), None)
    if frame is None:
        return text
    return f"{text}\n  at {frame.filename}, line {frame.lineno}, in {frame.name}: {frame.line}"
