"""Find what a spec names, and call it with the spec's arguments."""

import importlib.machinery
import importlib.metadata
import inspect
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from landscape.factories.arguments import Value, parse_arguments
from landscape.factories.errors import HOW, FactoryError, where_it_failed
from landscape.factories.user_code import attribute_of, module_of, module_of_file
from landscape.hints import arrays_file, close_to

MODELS = "landscape.models"
DATASETS = "landscape.datasets"
LOSSES = "landscape.losses"
OBJECTIVES = "landscape.objectives"
READOUTS = "landscape.readouts"

_LIBRARIES = {  # module, what makes a network, what lists their names
    "torchvision": ("torchvision.models", "get_model", "list_models"),
    "timm": ("timm", "create_model", "list_models"),
}


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
            raise FactoryError(
                f"'{self.spec}' failed: {where_it_failed(error, self.function)}"
            ) from error

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
        As in the package's docstring.
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
        raise FactoryError(f"'{spec}' is not complete. {HOW}.")
    module = module_of_file(Path(place), spec) if place.endswith(".py") else module_of(place, spec)
    return attribute_of(module, name, spec)


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
        raise FactoryError(f"'{name}' is not a known name.{hint} Known: {listed}. {HOW}.")
    try:
        return points[name].load()
    # A plug-in's module is run on import: it can fail in any way.
    except Exception as error:
        raise FactoryError(
            f"plug-in '{name}' cannot be imported: {where_it_failed(error)}"
        ) from error


def _library_model(spec: str, library: str, name: str, arguments: Mapping[str, Value]) -> Factory:
    if not _is_installed(library):
        raise FactoryError(f"'{spec}' needs {library}. Install it: pip install {library}.")
    place, maker, lister = _LIBRARIES[library]
    module = module_of(place, spec)
    function, list_names = (attribute_of(module, attribute, spec) for attribute in (maker, lister))

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
