"""Options made of the fields of settings: a command gets the settings as one typed value."""

import dataclasses
import types
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import wraps
from pathlib import Path
from typing import Any, Literal, TypeVar, Union, get_args, get_origin

import click

from landscape.cli.named import NameOf
from landscape.settings import Setting, offered

F = TypeVar("F", bound=Callable[..., Any])

_PLAIN: Mapping[Any, click.ParamType[Any]] = {
    int: click.INT,
    float: click.FLOAT,
    str: click.STRING,
    Path: click.Path(path_type=Path),
}


def settings_options(
    kind: type[Any], name: str, *, without: Collection[str] = ()
) -> Callable[[F], F]:
    """Add an option for each field of ``kind`` that is offered; the command gets ``name=kind(…)``.

    Parameters
    ----------
    without
        Fields that this command leaves at their defaults.
    """
    fields = [(field, about) for field, about in offered(kind) if field.name not in without]

    def decorate(command: F) -> F:
        @wraps(command)
        def with_settings(**given: Any) -> Any:
            written = {f.name: (about, given.pop(f.name)) for f, about in fields}
            chosen = {
                field: about.value(value)
                for field, (about, value) in written.items()
                if value is not None
            }
            return command(**given, **{name: kind(**chosen)})

        decorated: Any = with_settings
        result: F = with_options([_option(f, about) for f, about in fields], decorated)
        return result

    return decorate


def with_options(options: Sequence[Callable[[F], F]], command: F) -> F:
    """Decorate ``command`` with ``options``, shown by --help in that order."""
    for option in reversed(options):
        command = option(command)
    return command


def _option(field: dataclasses.Field[Any], about: Setting) -> Callable[[F], F]:
    flags = about.flags or ("--" + field.name.replace("_", "-"),)
    extra: dict[str, Any] = {"help": about.help or None, "metavar": about.metavar}
    inner, is_tuple = _value_type(field.type)
    default: Any = field.default
    if default is None and about.stands_for_none:
        default = about.none
    if inner is bool:
        if field.default is not None:
            extra["is_flag"] = True
        return click.option(*flags, field.name, default=default, **extra)
    if is_tuple and about.repeatable:
        return click.option(*flags, field.name, type=_type(inner, about), multiple=True, **extra)
    if is_tuple and about.parse is None:
        default = ",".join(map(_shown, default or ())) or None
        kind: click.ParamType[Any] = ListOf(inner)
    else:
        kind = _type(inner, about)
        default = kind.name_of(default) if isinstance(kind, ValueOf) else default
    return click.option(
        *flags, field.name, type=kind, default=default, show_default=default is not None, **extra
    )


def _shown(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _value_type(annotation: Any) -> tuple[Any, bool]:
    """The type of the value, or of each one of a tuple, and whether it is a tuple."""
    if get_origin(annotation) in (types.UnionType, Union):
        (annotation,) = (part for part in get_args(annotation) if part is not types.NoneType)
    is_tuple = get_origin(annotation) is tuple
    return (get_args(annotation)[0] if is_tuple else annotation), is_tuple


def _type(annotation: Any, about: Setting) -> click.ParamType[Any]:
    if about.parse is not None:
        return Parsed(about.parse)
    if get_origin(annotation) is Literal:
        return click.Choice(get_args(annotation))
    if isinstance(about.choices, Mapping) and annotation is not str:
        return ValueOf(about.choices)
    if isinstance(about.choices, Mapping):
        return NameOf(about.choices, *([about.none] if about.stands_for_none else []))
    if about.choices is not None:
        return click.Choice(list(about.choices))
    if annotation is int and about.minimum is not None:
        return click.IntRange(min=about.minimum)
    low, high = about.above, about.below
    if low is not None or high is not None:
        return click.FloatRange(low, high, min_open=low is not None, max_open=high is not None)
    return _PLAIN[annotation]


class ValueOf(click.Choice[str]):
    """What stands under a name in a mapping."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        super().__init__(list(values))
        self._values = values

    def name_of(self, value: object) -> str:
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


class ListOf(click.ParamType[tuple[Any, ...]]):
    """Values separated by commas: ``0.01,0.03`` and ``none,filter``; nothing gives none."""

    name = "text"

    def __init__(self, kind: type[Any]) -> None:
        self._kind = kind

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
