"""Fields of settings that say what they are: the help, bounds and choices of an option.

::

    @dataclass(frozen=True, kw_only=True)
    class Settings:
        num_largest: int = setting(10, "--top", minimum=1, help="How many of the largest.")

A field's type and default are the dataclass's own. What stands beside them is for who offers the
field to users: ``landscape.cli.from_settings`` makes an option of it. Modules of settings import
neither torch nor what runs under them, so that a command's ``--help`` is quick.
"""

import dataclasses
import inspect
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any, TypeVar

T = TypeVar("T")

_KEY = "landscape.settings"
_NOTHING = object()


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
