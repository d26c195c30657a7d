"""How wide LaTeX prints text: Computer Modern at 8 points, no less than it really is.

Kerning and ligatures, which make text narrower, are left out. In a journal's Times text is
narrower by a tenth.
"""

import re
from functools import cache
from typing import NamedTuple

from landscape.page.latex.text import escape_latex, pieces_of, words_of

POINTS = 72.27  # an inch
_SIZE = 8.0

# Of cmr8, in thousandths of its size (Knuth, Computer Modern Typefaces, 1986).
_CHARACTERS = {
    sign: width
    for width, signs in {
        295: "!',.:;[]`il|",
        325: "fj",
        354: "- ~",
        383: "I",
        413: "()t",
        414: "r",
        419: "s",
        472: "cez",
        502: "?",
        531: '"$*/0123456789ago',
        545: "J",
        561: "kqvxy",
        590: "Sbdhnpu",
        649: "Z",
        664: "L",
        693: "F",
        723: "EP",
        752: "B",
        767: "CTw",
        782: "R",
        796: "AHNUVXY",
        811: "D",
        825: "K",
        826: "&+=<>@OQ",
        834: "G",
        885: "#%m",
        973: "M",
        1091: "W",
    }.items()
    for sign in signs
}
_COMMANDS = {
    r"\,": 178,
    r"\_": 590,
    r"\{": 531,
    r"\}": 531,
    r"\ ": 354,
    r"\allowbreak": 0,
    r"\textbackslash": 590,
    r"\textasciitilde": 590,
    r"\textasciicircum": 590,
    r"\textless": 826,
    r"\textgreater": 826,
    r"\textbar": 295,
    r"\ldots": 1240,
    r"\cdot": 295,
    r"\frac": 0,
    r"\to": 1063,
    r"\mapsto": 1063,
    r"\infty": 1063,
    r"\lambda_{\max}": 2300,
    r"\lambda_{\min}": 2200,
}
_BETWEEN = (r"\pm", r"\times")  # with space to their sides
_MINUS = 826
_UNIT = 59.1  # of mathematics: 18 are a quad
_SPACE = 354 * _SIZE / 1000  # points
_SIGN = 890  # any other: none is wider
_TOKEN = re.compile(r"\\lambda_\{\\m(?:ax|in)\}|\\[a-zA-Z]+|\\.|[^\\]")


class Spacing(NamedTuple):
    """Space between what stands in a table."""

    columns: float  # points, on either side of what separates two of them
    signs: int  # units of mathematics, on either side of ± and ×; LaTeX's own are 4


LOOSE, TIGHT = Spacing(3, 4), Spacing(2, 1)


@cache
def latex_width(latex: str, spacing: Spacing = LOOSE) -> float:
    """Width of what :func:`escape_latex` made or of a number, in points."""
    total, mathematics = 0.0, False
    for token in _TOKEN.findall(latex):
        if token in "${}^_":
            mathematics ^= token == "$"
        elif mathematics and token in "- ":
            total += _MINUS if token == "-" else 0  # spaces count for nothing in formulas
        elif token in _BETWEEN:
            total += _MINUS + 2 * spacing.signs * _UNIT
        elif token.startswith("\\"):
            # An accent is as wide as nothing: the letter that it stands on follows.
            total += _COMMANDS.get(token, _CHARACTERS.get(token[1:], _SIGN))
        else:
            total += _CHARACTERS[token]
    return _SIZE / 1000 * total


def text_width(text: str) -> float:
    """Of text on one line, in points."""
    return latex_width(escape_latex(text))


def longest_piece(text: str) -> float:
    """The least width that text can be wrapped into, in points."""
    pieces = (piece for word in words_of(text) for piece in pieces_of(word))
    return max(map(text_width, pieces), default=0.0)


def num_lines(text: str, width: float) -> int:
    """As how many lines LaTeX sets text in ``width`` points, where a line may end within words."""
    count, used = 1, 0.0
    for word in words_of(text):
        used += _SPACE
        for piece in pieces_of(word):
            taken = text_width(piece)
            if used + taken > width + _SPACE:
                count, used = count + 1, _SPACE
            used += taken
    return count


def wrapped(text: str, width: float) -> list[str]:
    """Lines of at most ``width`` points, where no word is wider."""
    lines: list[str] = []
    for word in words_of(text):
        if lines and text_width(f"{lines[-1]} {word}") <= width:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    return lines or [""]
