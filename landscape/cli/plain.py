"""Output for terminals and pipes that take ASCII only: the same words in its signs."""

import io
import re
import sys
import unicodedata

import click

from landscape.cli.stdout import stdout

_SUPERSCRIPTS = "⁰¹²³⁴⁵⁶⁷⁸⁹⁻"
_RAISED = re.compile(f"[{_SUPERSCRIPTS}]+")
_DIGITS = str.maketrans(_SUPERSCRIPTS, "0123456789-")
_SIGNS = str.maketrans(
    {
        "±": "+-",
        "×": "x",
        "−": "-",
        "–": "-",
        "·": "*",
        "…": "...",
        "≥": ">=",
        "≤": "<=",
        "≈": "~",
        "↓": "less",
        "↑": "more",
        "†": "(!)",
        "‖": "||",
        "½": "1/2",
        "√": "sqrt ",
        "∞": "inf",
        "∇": "grad ",
        "Σ": "sum ",
        "Δ": "delta",
        "ᵀ": "^T",
        "₂": "_2",
        "ε": "eps",
        "θ": "theta",
        "κ": "kappa",
        "λ": "lambda",
        "ρ": "rho",
        "σ": "sigma",
        "φ": "phi",
    }
)
_SAMPLE = "± × − ² λ"  # what nearly every table holds


class PlainStream(io.TextIOWrapper):
    """A text stream that writes ASCII, whatever it is given."""

    def write(self, text: str, /) -> int:
        super().write(in_ascii(text))
        return len(text)


def in_ascii(text: str) -> str:
    """``text`` in ASCII: 10⁻⁵ as 10^-5, λ as lambda, ± as +-; a ? for what has no other form."""
    raised = _RAISED.sub(lambda found: f"^{found[0].translate(_DIGITS)}", text)
    flat = unicodedata.normalize("NFKC", raised.translate(_SIGNS))
    return flat.encode("ascii", "replace").decode("ascii")


def plain_where_needed() -> None:
    """Replace stdout and stderr by plain ones where their encoding lacks the tables' signs."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if not isinstance(stream, io.TextIOWrapper):
            continue
        try:
            _SAMPLE.encode(stream.encoding)
        except UnicodeEncodeError:
            stream.flush()
            # Called UTF-8, of which ASCII is a part: of an ASCII stream click makes one of its own.
            plain = PlainStream(stream.buffer, "utf-8", line_buffering=stream.line_buffering)
            setattr(sys, name, plain)


def one_line(text: str) -> str:
    """``text`` with control characters written out: names of files and in files may hold any.

    Line ends and escape codes among them, characters that turn the direction of writing, and
    halves of characters that no encoding has.
    """
    return "".join(
        c if c.isprintable() or unicodedata.category(c) == "Zs" else _code(c) for c in text
    )


def echo(text: str, *, err: bool = False) -> None:
    """Print one line, whatever names of files, or out of files, are in it."""
    click.echo(one_line(text), file=sys.stderr if err else stdout())


def for_stdout(text: str) -> str:
    """``text`` as stdout will show it on one line, for what must know how wide that is."""
    shown = one_line(text)
    return in_ascii(shown) if isinstance(stdout(), PlainStream) else shown


def _code(character: str) -> str:
    return character.encode("unicode_escape", "backslashreplace").decode("ascii")
