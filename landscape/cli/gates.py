"""``--fail-if``: conditions on what a command measures that make its exit code 1."""

from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any, TypeVar

import click

from landscape.cli.plain import echo
from landscape.gates import (
    Gate,
    GateError,
    Judged,
    Known,
    Value,
    check_gate,
    judge_gate,
    parse_gate,
)

F = TypeVar("F", bound=Callable[..., Any])


def gate_option(example: str) -> Callable[[F], F]:
    """Add --fail-if, as ``gates``; its help gives ``example``, of what the command measures."""
    option: Callable[[F], F] = click.option(
        "--fail-if",
        "gates",
        multiple=True,
        metavar="CONDITION",
        callback=_parsed,
        help=f"Exit with code 1 where this holds, e.g. '{example}'; repeatable.",
    )
    return option


def check_gates(
    gates: Sequence[Gate],
    known: Sequence[Known],
    verdicts: Collection[str] = (),
    *,
    aside: Sequence[Known] = (),
    advice: str = "",
) -> None:
    """Refuse, before the work, gates that could never fire on what will be ``known``.

    Parameters
    ----------
    aside
        What was measured, and is not compared.
    advice
        A further sentence for the message.

    Raises
    ------
    click.UsageError
        Naming the gate, and what is there instead.
    """
    for gate in gates:
        try:
            check_gate(gate, known, verdicts, aside)
        except GateError as error:
            raise click.UsageError(f"--fail-if '{gate}': {error}{advice}") from error


def apply_gates(
    gates: Sequence[Gate], measured: Iterable[tuple[str, Sequence[Value], str]]
) -> None:
    """Say on stderr which gates fire, or nearly, and end with code 1 if one does.

    Parameters
    ----------
    measured
        Of each checkpoint or pair of groups: its label, values, and the verdict if there is one.

    Raises
    ------
    click.UsageError
        Once all is said, if a gate cannot be judged: naming each, and what it lacks.
    """
    if not gates:
        return
    fired, lacking = False, []
    for label, values, verdict in measured:
        for gate in gates:
            try:
                judged = judge_gate(gate, values, verdict)
            except GateError as error:
                lacking.append(f"--fail-if '{gate}': {label}: {error}")
                continue
            fired = fired or judged.fires
            _tell(gate, label, judged)
    if lacking:
        raise click.UsageError("\n".join(lacking))
    if fired:
        raise click.exceptions.Exit(1)


def _tell(gate: Gate, label: str, judged: Judged) -> None:
    if judged.fires:
        shown = [f for f in judged.findings if f.holds]
    else:
        shown = [f for f in judged.findings if f.within_error]
    if judged.fires or shown:
        found = [f.text + (", within error" if f.within_error else "") for f in shown]
        what = "fails" if judged.fires else "does not fail"
        told = "; ".join(dict.fromkeys(found))  # of a value with two bounds once
        echo(f"{label}: {what} by '{gate}': {told}", err=True)


def _parsed(ctx: click.Context, param: click.Parameter, texts: tuple[str, ...]) -> tuple[Gate, ...]:
    try:
        return tuple(map(parse_gate, texts))
    except GateError as error:
        raise click.BadParameter(str(error), ctx, param) from error
