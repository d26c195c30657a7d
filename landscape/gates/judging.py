"""Gates judged: whether one could fire on what a command gives, and whether it does."""

import itertools
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

from landscape.gates.language import (
    SIGNS,
    Both,
    Comparison,
    Either,
    Gate,
    GateError,
    Measured,
    Number,
    Operand,
    Verdict,
)
from landscape.hints import close_to, few


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
    low: float | None = None  # the interval's ends, where there is one; may be infinite
    high: float | None = None
    withheld: str = ""  # why nothing can be told by it though it is there; empty: something can

    def at(self, asked: Measured) -> "_Point":
        """The number asked for, and how far from it the truth may lie."""
        shown = self.known.shown or str(Measured(self.known.name, tuple(sorted(self.known.needs))))
        if self.withheld:
            raise GateError(f"{shown} is withheld: {self.withheld}.")
        number = getattr(self, asked.end) if asked.end else self.value
        if number is None:
            reason = f": {self.known.unbounded}" if asked.end and self.known.unbounded else ""
            raise GateError(f"{asked} has no value here{reason}.")
        if asked.end:
            return _Point(number, number, number, f"{shown}.{asked.end} = {number:.4g}")
        if self.low is not None and self.high is not None and self.low < self.high:
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


def check_gate(
    gate: Gate, known: Sequence[Known], verdicts: Collection[str] = (), aside: Sequence[Known] = ()
) -> None:
    """Refuse a gate that could not fire on what a command gives.

    Parameters
    ----------
    aside
        What was measured, and is not compared.
    verdicts
        Those that can be reached; those of ``VERDICTS`` that are not make a gate that needs them
        one that cannot fire.

    Raises
    ------
    GateError
        If it names a measure that is not there, or an end of an interval that is not.
    """
    for asked in _measured_in(gate):
        _check_name(asked, known, aside)
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
        If a measure has no value, or it is withheld.
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
    holds = SIGNS[gate.sign]
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


def _check_name(asked: Measured, known: Sequence[Known], aside: Sequence[Known]) -> None:
    found = [k for k in known if k.fits(asked)]
    if not found:
        name = replace(asked, end="")
        if beside := [k.shown for k in aside if k.fits(name)]:
            raise GateError(
                f"{name} was measured, but is not compared here: add --measures {beside[0]!r}, "
                "with every other measure that is to be compared; or gate on 'primary', which is "
                "the measure that bears the verdict."
            )
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
