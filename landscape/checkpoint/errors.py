"""The one error of a file that cannot be used."""

from pathlib import Path

_MAX_SHOWN = 8


class CheckpointError(ValueError):
    """A checkpoint that cannot be used, in words: what was wrong, what was expected, what to do."""


def refuse(path: Path, wrong: str, remedy: str) -> CheckpointError:
    """Word the error for ``path``, both parts without their full stop; the caller raises it."""
    end = "" if remedy.endswith("?") else "."
    return CheckpointError(f"{printable(str(path))}: {wrong}. {remedy}{end}")


def printable(text: str, limit: int = 200) -> str:
    """Text from a file made safe for a terminal: control characters escaped, length capped."""
    shown = "".join(
        c if c.isprintable() else c.encode("unicode_escape", "backslashreplace").decode()
        for c in text[: limit + 1]
    )
    return shown if len(shown) <= limit else shown[: limit - 1] + "…"


def listing(names: list[str], *, shown: int = _MAX_SHOWN) -> str:
    """Join the first few names, quoted, and say how many more there are."""
    text = ", ".join(f"'{printable(name)}'" for name in names[:shown])
    return text if len(names) <= shown else f"{text} and {len(names) - shown} more"
