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

import itertools
import operator
import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from landscape.hints import close_to, few

VERDICTS = ("flatter", "sharper", "equivalent", "undecided")
_ENDS = ("low", "high")
_SIGNS: Mapping[str, Callable[[float, float], bool]] = {
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
    qualifiers: tuple[str, ...] = ()  # in the form of :func:`qualifier`
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


class Known(NamedTuple):
    """A value that a command gives, by which names it is called."""

    name: str
    needs: frozenset[str] = frozenset()  # qualifiers without which another one is meant
    may: frozenset[str] = frozenset()  # qualifiers that pick it out among several
    unbounded: str = ""  # why there is no interval; empty: there is one
    any_qualifier: bool = False  # which ones there are is found by measuring
    shown: str = ""  # in messages; empty: the name with what it needs

    def fits(self, asked: Measured) -> bool:
        """Whether ``asked`` means this value, perhaps among others."""
        given = set(asked.qualifiers)
        within = self.any_qualifier or given <= self.needs | self.may
        return asked.name == self.name and self.needs <= given and within


class Value(NamedTuple):
    """What was measured."""

    known: Known
    value: float | None
    error: float | None = None  # half the width of ``value``'s interval, about 95 %
    low: float | None = None  # the interval's ends, where ``known`` has one
    high: float | None = None

    def at(self, asked: Measured) -> "_Point":
        """The number asked for, and how far from it the truth may lie."""
        shown = self.known.shown or str(Measured(self.known.name, tuple(sorted(self.known.needs))))
        number = getattr(self, asked.end) if asked.end else self.value
        if number is None:
            raise GateError(f"{asked} has no value here.")
        if asked.end:
            return _Point(number, number, number, f"{shown}.{asked.end} = {number:.4g}")
        if self.low is not None and self.high is not None:
            between = f"{number:.4g} ({self.low:.4g} to {self.high:.4g})"
            return _Point(number, self.low, self.high, f"{shown} = {between}")
        error = self.error or 0.0
        text = f"{number:.4g}" + (f" ± {error:.2g}" if error else "")
        return _Point(number, number - error, number + error, f"{shown} = {text}")


class Finding(NamedTuple):
    """One condition of a gate: whether it holds, and on what."""

    holds: bool
    within_error: bool
    text: str


class Judged(NamedTuple):
    """Whether a gate fires, and what of it holds, or nearly."""

    fires: bool
    findings: tuple[Finding, ...]


def check_gate(gate: Gate, known: Sequence[Known], verdicts: Collection[str] = ()) -> None:
    """Refuse a gate that could not fire on what a command gives.

    Parameters
    ----------
    verdicts
        Those that can be reached; those of ``VERDICTS`` that are not make a gate that needs them
        one that cannot fire.

    Raises
    ------
    GateError
        If it names a measure that is not there, or an end of an interval that is not.
    """
    for asked in _measured_in(gate):
        _check_name(asked, known)
    if not _can_fire(gate, verdicts):
        words = few([str(v) for v in _verdicts_in(gate) if v.word not in verdicts])
        if not verdicts:
            raise GateError(f"{words} is a verdict of landscape compare; there is none here.")
        raise GateError(f"too few runs to reach the verdict {words}: the gate could never fire.")


def judge_gate(gate: Gate, values: Sequence[Value], verdict: str = "") -> Judged:
    """Evaluate a gate on what was measured; of several values of a name, one is enough.

    Raises
    ------
    GateError
        If a measure has no value.
    """
    match gate:
        case Both(parts):
            judged = [judge_gate(part, values, verdict) for part in parts]
            return Judged(all(j.fires for j in judged), _joined(judged))
        case Either(parts):
            judged = [judge_gate(part, values, verdict) for part in parts]
            return Judged(any(j.fires for j in judged), _joined(judged))
        case Verdict(word):
            return Judged(word == verdict, (Finding(word == verdict, False, verdict),))
        case Comparison():
            return _compared(gate, values)


def _joined(judged: Sequence[Judged]) -> tuple[Finding, ...]:
    return tuple(itertools.chain.from_iterable(j.findings for j in judged))


class _Point(NamedTuple):
    value: float
    low: float
    high: float
    text: str


def _compared(gate: Comparison, values: Sequence[Value]) -> Judged:
    holds = _SIGNS[gate.sign]
    findings = []
    pairs = itertools.product(_points(gate.left, values), _points(gate.right, values))
    for left, right in pairs:
        overlap = left.low <= right.high and right.low <= left.high
        exact = left.low == left.high and right.low == right.high
        text = f"{left.text} {gate.sign} {right.text}" if left.text and right.text else left.text
        findings.append(
            Finding(holds(left.value, right.value), overlap and not exact, text or right.text)
        )
    return Judged(any(f.holds for f in findings), tuple(findings))


def _points(operand: Operand, values: Sequence[Value]) -> list[_Point]:
    if isinstance(operand, Number):
        return [_Point(operand.value, operand.value, operand.value, "")]
    found = [v for v in values if v.known.fits(operand)]
    there = [v for v in found if v.value is not None]
    if not there:
        raise GateError(f"{operand} has no value here.")
    return [v.at(operand) for v in there]


def _check_name(asked: Measured, known: Sequence[Known]) -> None:
    found = [k for k in known if k.fits(asked)]
    if not found:
        names = list(dict.fromkeys(k.name for k in known))
        if asked.name in names:
            forms = [
                str(Measured(k.name, tuple(sorted(k.needs)))) for k in known if k.name == asked.name
            ]
            choices = sorted({q for k in known if k.name == asked.name for q in k.needs | k.may})
            raise GateError(
                f"{asked} is not measured here: write {few(list(dict.fromkeys(forms)), 4)}"
                + (f", with {few(choices, 6)} in brackets" if choices else "")
                + "."
            )
        raise GateError(
            f"there is no measure {asked.name!r} here.{close_to(asked.name, names)} There are "
            f"{', '.join(names)}."
        )
    if asked.end and all(k.unbounded for k in found):
        raise GateError(f"{asked} is not known: {found[0].unbounded}.")


def _measured_in(gate: Gate) -> Iterator[Measured]:
    match gate:
        case Both(parts) | Either(parts):
            for part in parts:
                yield from _measured_in(part)
        case Comparison(left, _, right):
            yield from (o for o in (left, right) if isinstance(o, Measured))


def _verdicts_in(gate: Gate) -> Iterator[Verdict]:
    match gate:
        case Both(parts) | Either(parts):
            for part in parts:
                yield from _verdicts_in(part)
        case Verdict():
            yield gate


def _can_fire(gate: Gate, verdicts: Collection[str]) -> bool:
    match gate:
        case Both(parts):
            return all(_can_fire(part, verdicts) for part in parts)
        case Either(parts):
            return any(_can_fire(part, verdicts) for part in parts)
        case Verdict(word):
            return word in verdicts
        case _:
            return True


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
                f"{' '.join(_SIGNS)} after {left} (in a shell, quote the whole condition)"
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
    return tuple(sorted({q for q in found if q not in ("", "none")}))
