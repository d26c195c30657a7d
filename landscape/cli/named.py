"""Options whose choices are a registry's names, read when the option is used or shown."""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import click

from landscape.catalog import MEASURES, OPERATORS, SCALES
from landscape.cli.number_lists import comma_separated

F = TypeVar("F", bound=Callable[..., Any])


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
        names = value if isinstance(value, tuple) else comma_separated(str(value))
        for name in names:
            if name not in self._registry:
                known = ", ".join(self._registry)
                self.fail(f"unknown analysis {name!r}; known are {known}.", param, ctx)
        return names


class MeasurePatterns(click.ParamType[tuple[str, ...]]):
    """Names of measures that groups can be compared by, or globs of them, separated by commas."""

    name = "patterns"

    def get_metavar(self, param: click.Parameter, ctx: click.Context) -> str:
        """All that there are."""
        return ",".join(name for name, kind in MEASURES.items() if kind.is_compared)

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, ...]:
        """The patterns: what they fit depends on what was measured."""
        del param, ctx
        return value if isinstance(value, tuple) else comma_separated(value)


def operator_option(*further: str, **about: Any) -> Callable[[F], F]:
    """``--operator``, as ``operator_name``."""
    return click.option(
        "--operator",
        "operator_name",
        type=NameOf(OPERATORS, *further),
        default="hessian",
        show_default=True,
        **about,
    )


def scale_option(**about: Any) -> Callable[[F], F]:
    """``--scale``."""
    return click.option("--scale", type=NameOf(SCALES), default="none", show_default=True, **about)
