"""The arguments that a spec gives: ``?channels=16&bias=false``."""

from urllib.parse import unquote

from landscape.factories.errors import FactoryError

Value = bool | int | float | str | None

_WORDS: dict[str, bool | None] = {"true": True, "false": False, "none": None}


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
