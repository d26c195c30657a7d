"""Options made of the fields of settings: a command gets the settings as one typed value."""

import dataclasses
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import wraps
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args, get_origin

import click

from landscape.catalog import Registry
from landscape.catalog.registry import Part
from landscape.cli.option_types import ListOf, NameOf, NamesOf, Parsed, PatternsOf, ValueOf
from landscape.settings import Setting, offered, value_type

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
    inner, length = value_type(field.type)
    if inner is bool:
        if field.default is not None:
            extra["is_flag"] = True
        return click.option(*flags, field.name, default=field.default, **extra)
    if length == 0 and about.repeatable:
        return click.option(*flags, field.name, type=_type(inner, about), multiple=True, **extra)
    default: Any = field.default
    if default is None and about.stands_for_none:
        default = about.none
    kind = _list_type(inner, about) if length == 0 else _type(inner, about)
    if isinstance(kind, ListOf | ValueOf):
        default = kind.written(default)
    elif length is not None and about.parse is None:
        extra["nargs"] = length
    return click.option(
        *flags, field.name, type=kind, default=default, show_default=default is not None, **extra
    )


def _list_type(inner: Any, about: Setting) -> ListOf:
    if not isinstance(about.choices, Registry | Part):
        return ListOf(inner)
    return PatternsOf(about.choices) if about.patterns else NamesOf(about.choices)


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
