"""Fields of settings that say what they are: the help, bounds and choices of an option.

::

    @dataclass(frozen=True, kw_only=True)
    class Settings:
        num_largest: int = setting(10, "--top", minimum=1, help="How many of the largest.")

A field's type and default are the dataclass's own. What stands beside them is for who offers the
field to users: ``landscape.cli.from_settings`` makes an option of it, and ``check_settings``
refuses what it does not take, from whomever it comes. Modules of settings import neither torch nor
what runs under them, so that a command's ``--help`` is quick.
"""

import dataclasses
import inspect
import numbers
import types
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar, Union, get_args, get_origin

T = TypeVar("T")

_KEY = "landscape.settings"
_NOTHING = object()

_IN_WORDS: Mapping[Any, str] = {
    int: "a whole number", float: "a number", str: "text", bool: "True or False", Path: "a Path"
}  # fmt: skip
_TAKEN: Mapping[Any, type] = {int: numbers.Integral, float: numbers.Real}  # NumPy's too


@dataclass(frozen=True, kw_only=True)
class Setting:
    """What a field says of itself beside its type and its default.

    Attributes
    ----------
    flags
        Names of the option; empty: the field's name with dashes.
    help
        One sentence; a default that is worked out later stands at its end in brackets.
    metavar
        What stands for the value in the help; None: by its type.
    choices
        The words to choose from, read when they are shown or checked: a registry may grow. Of a
        mapping a field of text gets the name, another one the value.
    patterns
        Whether globs of the choices are taken too, of which not all need fit.
    minimum
        The smallest number allowed.
    above, below
        Bounds that the number must not reach.
    parse
        Reads what users write, and raises ``ValueError``; None: by the field's type.
    repeatable
        Whether a tuple is given one value at a time, rather than separated by commas.
    none
        What users write where the field is None: a word, or a number such as 0.
    """

    flags: tuple[str, ...]
    help: str
    metavar: str | None
    choices: Collection[str] | None
    patterns: bool
    minimum: int | None
    above: float | None
    below: float | None
    parse: Callable[[str], Any] | None
    repeatable: bool
    none: Any

    def value(self, written: Any) -> Any:
        """The field's value: None where users wrote what stands for it."""
        return None if self.stands_for_none and written == self.none else written

    @property
    def stands_for_none(self) -> bool:
        """Whether something that users can write stands for None."""
        return self.none is not _NOTHING


def setting(
    default: T,
    *flags: str,
    help: str = "",
    metavar: str | None = None,
    choices: Collection[str] | None = None,
    patterns: bool = False,
    minimum: int | None = None,
    above: float | None = None,
    below: float | None = None,
    parse: Callable[[str], Any] | None = None,
    repeatable: bool = False,
    none: Any = _NOTHING,
) -> T:
    """A field of a dataclass, with its default; see :class:`Setting`."""
    about = Setting(
        flags=flags,
        help=help,
        metavar=metavar,
        choices=choices,
        patterns=patterns,
        minimum=minimum,
        above=above,
        below=below,
        parse=parse,
        repeatable=repeatable,
        none=none,
    )
    # Typed as the value that the field gets, as ``dataclasses.field`` is.
    return dataclasses.field(default=default, metadata={_KEY: about})


def parse_shard(text: str) -> tuple[int, int]:
    """Read ``i/n`` with 1 ≤ i ≤ n: part i of n.

    Raises
    ------
    ValueError
        If it is anything else.
    """
    first, slash, second = text.partition("/")
    if not (slash and first.isdecimal() and second.isdecimal() and 1 <= int(first) <= int(second)):
        raise ValueError(f"a shard must be I/N with I from 1 to N, e.g. 2/4; got {text!r}.")
    return int(first), int(second)


def offered(kind: type[Any]) -> list[tuple[dataclasses.Field[Any], Setting]]:
    """The fields that are offered to users: a class's own before those that it inherits."""
    homes = [inspect.get_annotations(home) for home in kind.__mro__]
    found = [(f, f.metadata[_KEY]) for f in dataclasses.fields(kind) if _KEY in f.metadata]
    return sorted(found, key=lambda pair: [pair[0].name in home for home in homes].index(True))


def value_type(annotation: Any) -> tuple[Any, int | None]:
    """The type of the value, or of each one of a tuple, and the tuple's length; 0: any."""
    if get_origin(annotation) in (types.UnionType, Union):
        (annotation,) = (part for part in get_args(annotation) if part is not types.NoneType)
    if get_origin(annotation) is not tuple:
        return annotation, None
    inner, *others = get_args(annotation)
    return inner, 0 if others == [...] else 1 + len(others)


def check_settings(settings: Any) -> None:
    """Refuse what a field that is offered does not take: for ``__post_init__`` of its class.

    Raises
    ------
    ValueError
        If a value is of another kind than its field, none of its choices, or out of its bounds.
    """
    for field, about in offered(type(settings)):
        value = getattr(settings, field.name)
        is_optional = types.NoneType in get_args(field.type)
        if value is None and is_optional:
            continue
        kind, length = value_type(field.type)
        if not _is_taken(value, kind, length, about):
            wanted = _in_words(kind, length, about) + (", or None" if is_optional else "")
            raise ValueError(f"{field.name} must be {wanted}; got {value!r}.")


def _is_taken(value: Any, kind: Any, length: int | None, about: Setting) -> bool:
    words = _words(kind, about)
    if length is not None:
        if not isinstance(value, tuple | list) or length not in (0, len(value)):
            return False
        is_short = words is not None and not about.patterns and not value
        return not is_short and all(_is_taken(v, kind, None, about) for v in value)
    if words is not None:
        return isinstance(value, str) and (about.patterns or value in words)
    if isinstance(value, bool) is not (kind is bool):
        return False
    # Written so that NaN is beyond any bound.
    return isinstance(value, _TAKEN.get(kind, kind)) and all((
        about.minimum is None or value >= about.minimum,
        about.above is None or value > about.above,
        about.below is None or value < about.below,
    ))  # fmt: skip


def _in_words(kind: Any, length: int | None, about: Setting) -> str:
    words = _words(kind, about)
    if words is not None:
        among = f"{'one' if length is None else 'some'} of {', '.join(words)}"
        return f"{among}, or globs of them" if about.patterns else among
    bounds = (("of at least", about.minimum), ("above", about.above), ("below", about.below))
    said = " and ".join(f"{word} {bound:g}" for word, bound in bounds if bound is not None)
    one = f"{_IN_WORDS.get(kind) or f'a {kind.__name__}'} {said}".rstrip()
    if length is None:
        return one
    return f"a tuple{f' of {length}' if length else ''}, each value {one}"


def _words(kind: Any, about: Setting) -> Collection[str] | None:
    """The words of which a value is one; None: it is no word."""
    if get_origin(kind) is Literal:
        return get_args(kind)
    # Of a mapping another field than one of text gets the value, which need not be one of those.
    return about.choices if kind is str else None
