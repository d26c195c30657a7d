"""Types of options: names in registries, read when they are used or shown, and lists."""

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import click

from landscape.catalog import Registry
from landscape.catalog.registry import Part


class NameOf(click.ParamType[str]):
    """A name in a registry, or one of ``further`` words."""

    name = "name"

    def __init__(self, registry: Mapping[str, object], *further: str) -> None:
        self._registry, self._further = registry, further

    def _names(self) -> list[str]:
        return [*self._registry, *self._further]

    def get_metavar(self, param: click.Parameter, ctx: click.Context) -> str:
        """The names, as click shows those of a choice."""
        return f"[{'|'.join(self._names())}]"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The name itself."""
        if value not in self._names():
            self.fail(f"{value!r} is not one of {', '.join(self._names())}.", param, ctx)
        return str(value)


class ValueOf(click.Choice[str]):
    """What stands under a name in a mapping."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        super().__init__(list(values))
        self._values = values

    def written(self, value: object) -> str:
        """The name under which ``value`` stands."""
        return next(name for name, known in self._values.items() if known is value)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The value under the name."""
        return self._values[super().convert(value, param, ctx)]


class Parsed(click.ParamType[Any]):
    """What a function reads off the text; what it refuses is a usage error."""

    name = "text"

    def __init__(self, parse: Callable[[str], Any]) -> None:
        self._parse = parse

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """What the function makes of ``value``; a default is there already."""
        if not isinstance(value, str):
            return value
        try:
            return self._parse(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


_INCHES = {"in": 1.0, "cm": 1 / 2.54, "mm": 1 / 25.4, "pt": 1 / 72.27}  # pt: as in TeX
_NARROWEST, _WIDEST = 1.0, 20.0  # inches, of a figure


def inches(text: str) -> float:
    """A figure's width in inches, of a number with its unit.

    Raises
    ------
    ValueError
        If it is none, or out of bounds.
    """
    found = re.fullmatch(r"(\d+(?:\.\d+)?) *(in|cm|mm|pt)", text.strip())
    if found is None:
        raise ValueError(f"a width is a number with in, cm, mm or pt, as 3.25in; got {text!r}.")
    width = float(found[1]) * _INCHES[found[2]]
    if not _NARROWEST <= width <= _WIDEST:
        raise ValueError(f"a width is from {_NARROWEST:g}in to {_WIDEST:g}in; got {text!r}.")
    return width


class ListOf(click.ParamType[tuple[Any, ...]]):
    """Values separated by commas: ``0.01,0.03`` and ``none,filter``; nothing gives none."""

    name = "text"

    def __init__(self, kind: type[Any]) -> None:
        self._kind = kind

    def written(self, values: Iterable[object] | None) -> str | None:
        """The values as users would write them; None where there are none."""
        parts = (f"{v:g}" if isinstance(v, float) else str(v) for v in values or ())
        return ",".join(parts) or None

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[Any, ...]:
        """The values, each of the kind."""
        if isinstance(value, tuple):
            return value
        try:
            return tuple(self._kind(part.strip()) for part in value.split(",") if part.strip())
        except ValueError:
            self.fail(
                f"expected numbers separated by commas, such as 0.01,0.1; got {value!r}.",
                param,
                ctx,
            )


class PatternsOf(ListOf):
    """Names in a registry, or globs of them, separated by commas."""

    name = "names"

    def __init__(self, registry: Registry[Any] | Part[Any]) -> None:
        super().__init__(str)
        self._registry = registry

    def get_metavar(self, param: click.Parameter, ctx: click.Context) -> str:
        """All that there are."""
        return ",".join(self._registry)


class NamesOf(PatternsOf):
    """Names in a registry, separated by commas."""

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, ...]:
        """The names, each of them known."""
        names = super().convert(value, param, ctx)
        for name in names:
            if name not in self._registry:
                known = ", ".join(self._registry)
                self.fail(f"unknown {self._registry.kind} {name!r}; known are {known}.", param, ctx)
        return names
