"""Gates: conditions on measured values that make a command fail, as ``lambda_max > 50``.

A gate is a text of its own small language, read by a tokeniser and recursive descent:

    gate        = conjunction {"or" conjunction}
    conjunction = atom {"and" atom}
    atom        = "(" gate ")" | operand SIGN operand | VERDICT
    operand     = NUMBER | NAME ["[" QUALIFIER {"," QUALIFIER} "]"] [".low" | ".high"]
    SIGN        = "<" | "<=" | ">" | ">=" | "==" | "!="

A qualifier is a scale, an operator, a radius or a layer. It fires on estimates; where the error of
one reaches across the bound, what it says holds *within error*.
"""

import operator
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

VERDICTS = ("flatter", "sharper", "equivalent", "undecided")
_ENDS = ("low", "high")
SIGNS: Mapping[str, Callable[[float, float], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "==": operator.eq,
    "!=": operator.ne,
}
_TOKEN = re.compile(
    r"""\s*(?:
        (?P<number>[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?(?![\w.]))
      | (?P<name>[^\W\d][\w-]*(?:\.[\w-]+)*)
      | (?P<qualifiers>\[[^\[\]]*\])
      | (?P<end>\.(?:low|high)\b)
      | (?P<sign><=|>=|==|!=|<|>)
      | (?P<paren>[()])
    )""",
    re.VERBOSE,
)


class GateError(ValueError):
    """A gate that cannot be read, or that could never fire."""


@dataclass(frozen=True)
class Number:
    """A bound."""

    value: float

    def __str__(self) -> str:
        short = f"{self.value:.15g}"  # 50, where repr says 50.0
        return short if float(short) == self.value else repr(self.value)


@dataclass(frozen=True)
class Measured:
    """A measure's estimate, or one end of its interval."""

    name: str
    qualifiers: tuple[str, ...] = ()  # in the form of :func:`qualifier`, as they were given
    end: str = ""  # low, high, or empty: the estimate

    def __str__(self) -> str:
        inside = f"[{','.join(self.qualifiers)}]" if self.qualifiers else ""
        return f"{self.name}{inside}{'.' if self.end else ''}{self.end}"


@dataclass(frozen=True)
class Comparison:
    """Two operands and the sign between them."""

    left: "Operand"
    sign: str
    right: "Operand"

    def __str__(self) -> str:
        return f"{self.left} {self.sign} {self.right}"


@dataclass(frozen=True)
class Verdict:
    """The verdict on a pair of groups."""

    word: str

    def __str__(self) -> str:
        return self.word


@dataclass(frozen=True)
class Both:
    """Conditions joined by ``and``."""

    parts: tuple["Gate", ...]

    def __str__(self) -> str:
        return " and ".join(
            f"({p})" if isinstance(p, Both | Either) else str(p) for p in self.parts
        )


@dataclass(frozen=True)
class Either:
    """Conditions joined by ``or``."""

    parts: tuple["Gate", ...]

    def __str__(self) -> str:
        return " or ".join(f"({p})" if isinstance(p, Either) else str(p) for p in self.parts)


Operand = Number | Measured
Gate = Comparison | Verdict | Both | Either


def parse_gate(text: str) -> Gate:
    """Read a gate.

    Raises
    ------
    GateError
        With the place at which it cannot be read, and what was expected there.
    """
    reader = _Reader(text)
    gate = reader.either()
    reader.expect_end()
    return gate


def qualifier(text: str) -> str:
    """A qualifier's one form: numbers as they are printed, ``ρ=0.030`` and ``3e-2`` as ``0.03``."""
    plain = text.strip().removeprefix("ρ=").strip()
    if plain.isdecimal():
        return plain
    try:
        return f"{float(plain):g}"
    except ValueError:
        return plain


class _Token(NamedTuple):
    kind: str
    text: str
    place: int


class _Reader:
    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = list(self._tokenise())
        self._next = 0

    def _tokenise(self) -> Iterator[_Token]:
        place, end = 0, len(self._text.rstrip())
        while place < end:
            found = _TOKEN.match(self._text, place)
            if found is None or found.lastgroup is None:
                rest = self._text[place:].strip()
                raise GateError(f"{self._text!r} cannot be read from {rest!r} on.")
            yield _Token(found.lastgroup, found[found.lastgroup], found.start(found.lastgroup))
            place = found.end()

    def either(self) -> Gate:
        parts = [self._both()]
        while self._take("name", "or"):
            parts.append(self._both())
        return parts[0] if len(parts) == 1 else Either(tuple(parts))

    def _both(self) -> Gate:
        parts = [self._atom()]
        while self._take("name", "and"):
            parts.append(self._atom())
        return parts[0] if len(parts) == 1 else Both(tuple(parts))

    def _atom(self) -> Gate:
        if self._take("paren", "("):
            inner = self.either()
            if not self._take("paren", ")"):
                raise self._expected("')'")
            return inner
        left = self._operand()
        sign = self._take("sign")
        if sign is None:
            if isinstance(left, Measured) and str(left) in VERDICTS:
                return Verdict(left.name)
            raise self._expected(
                f"{' '.join(SIGNS)} after {left} (in a shell, quote the whole condition)"
            )
        right = self._operand()
        if isinstance(left, Number) and isinstance(right, Number):
            raise GateError(f"{self._text!r} compares two numbers, and so measures nothing.")
        return Comparison(left, sign.text, right)

    def _operand(self) -> Operand:
        if number := self._take("number"):
            return Number(float(number.text))
        token = self._take("name")
        if token is None or token.text in ("and", "or"):
            self._next -= token is not None
            raise self._expected("a measure or a number")
        name, end = token.text, ""
        qualifiers: tuple[str, ...] = ()
        if inside := self._take("qualifiers"):
            qualifiers = _qualifiers(inside.text)
            if last := self._take("end"):
                end = last.text[1:]
        else:
            first, dot, last_part = name.rpartition(".")
            if dot and last_part in _ENDS:
                name, end = first, last_part
        return Measured(name, qualifiers, end)

    def expect_end(self) -> None:
        if self._next < len(self._tokens):
            raise self._expected("'and', 'or' or the end")

    def _take(self, kind: str, text: str | None = None) -> _Token | None:
        if self._next < len(self._tokens):
            token = self._tokens[self._next]
            if token.kind == kind and text in (None, token.text):
                self._next += 1
                return token
        return None

    def _expected(self, what: str) -> GateError:
        at_end = self._next >= len(self._tokens)
        where = "at its end" if at_end else f"at {self._text[self._tokens[self._next].place :]!r}"
        return GateError(f"{self._text!r} cannot be read {where}: expected {what}.")


def _qualifiers(text: str) -> tuple[str, ...]:
    found = (qualifier(part) for part in text[1:-1].split(","))
    return tuple(dict.fromkeys(q for q in found if q not in ("", "none")))
