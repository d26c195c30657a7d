"""Entries by name, in the order in which they are shown; more can be added."""

import importlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Protocol, TypeVar


class Named(Protocol):
    """What a registry holds."""

    @property
    def name(self) -> str:
        """What users type."""


E = TypeVar("E", bound=Named)


class Registry(Mapping[str, E]):
    """Entries of one kind.

    Parameters
    ----------
    kind
        What they are, in messages: ``operator``.
    """

    def __init__(self, kind: str, *entries: E) -> None:
        self.kind = kind
        self._entries = {entry.name: entry for entry in entries}

    def __getitem__(self, name: str) -> E:
        """The entry called ``name``.

        Raises
        ------
        UnknownNameError
            A ``KeyError`` and a ``ValueError``, naming those there are.
        """
        if name not in self._entries:
            raise UnknownNameError(
                f"{self.kind} must be one of {', '.join(self._entries)}; got {name!r}."
            )
        return self._entries[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, name: object) -> bool:
        return name in self._entries

    def add(self, entry: E) -> None:
        """Add an entry, after the others.

        Raises
        ------
        ValueError
            If the name is taken.
        """
        if entry.name in self._entries:
            raise ValueError(
                f"the {self.kind} {entry.name!r} is there already; choose another name."
            )
        self._entries[entry.name] = entry


class Part(Mapping[str, E]):
    """The entries of ``whole`` that fit, read whenever they are asked for."""

    def __init__(self, whole: Registry[E], fits: Callable[[E], bool]) -> None:
        self.kind, self._whole, self._fits = whole.kind, whole, fits

    def __getitem__(self, name: str) -> E:
        entry = self._whole[name]
        if not self._fits(entry):
            raise UnknownNameError(
                f"{self.kind} must be one of {', '.join(self)} here; got {name!r}."
            )
        return entry

    def __iter__(self) -> Iterator[str]:
        return (name for name, entry in self._whole.items() if self._fits(entry))

    def __len__(self) -> int:
        return sum(1 for _ in self)


class UnknownNameError(KeyError, ValueError):
    """A name that a registry does not have."""

    def __str__(self) -> str:
        return str(self.args[0])


def resolve(place: str) -> Any:
    """What ``module:name`` names, imported now; the name may have dots."""
    module, _, name = place.partition(":")
    found: Any = importlib.import_module(module)
    for part in name.split("."):
        found = getattr(found, part)
    return found
