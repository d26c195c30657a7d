"""Options whose choices are a registry's names, read when the option is used or shown."""

from collections.abc import Mapping
from typing import Any

import click


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


class NamesOf(click.ParamType[tuple[str, ...]]):
    """Names in a registry, separated by commas."""

    name = "names"

    def __init__(self, registry: Mapping[str, object]) -> None:
        self._registry = registry

    def get_metavar(self, param: click.Parameter, ctx: click.Context) -> str:
        """All that there are."""
        return ",".join(self._registry)

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, ...]:
        """The names, each of them known."""
        names = value if isinstance(value, tuple) else tuple(str(value).split(","))
        stripped = tuple(name.strip() for name in names if name.strip())
        for name in stripped:
            if name not in self._registry:
                known = ", ".join(self._registry)
                self.fail(f"unknown analysis {name!r}; known are {known}.", param, ctx)
        return stripped
