"""A risk looked at from all sides before anything is measured on it."""

import math
from typing import NamedTuple

from landscape.analysis.memory import fitting_batches
from landscape.analysis.target_checks import fitting_advice
from landscape.curvature.second_derivative import (
    SecondDerivative,
    check_second_derivative,
    check_symmetry,
    wrong_words,
)
from landscape.data.source import Source
from landscape.distributed import world_size
from landscape.objective.additivity import Additivity, check_additivity
from landscape.objective.fingerprint import FIRST, fingerprint
from landscape.objective.first_look import FirstLook, first_look
from landscape.objective.risk import EmpiricalRisk, Evaluation
from landscape.objective.stored_bits import stored_rounding
from landscape.results.fingerprint import Fingerprint, StoredRounding
from landscape.snn.adapters import is_spiking

_COMPARED = 8  # examples that the second derivative is compared on


class Prepared(NamedTuple):
    """A risk with its random numbers fixed and its batches cut, and what was found of it."""

    risk: EmpiricalRisk
    evaluation: Evaluation
    fingerprint: Fingerprint
    rounding: StoredRounding | None
    additivity: Additivity
    second_derivative: SecondDerivative
    notes: tuple[str, ...]


def prepare(
    risk: EmpiricalRisk, data: Source, *, label: str, seed: int, memory: int | None
) -> Prepared:
    """Look at the first batch, check that batches add up, and evaluate loss and gradient.

    Parameters
    ----------
    seed
        Of the random numbers that the forward pass draws, if it does.
    memory
        Bytes that batches are cut to; None: they stay.

    Raises
    ------
    ValueError
        If network, data and loss do not fit one another, or the loss of a batch is not that of its
        examples, or is not finite.
    """
    with fitting_advice(label, risk, data):
        look = first_look(risk)
        if look.calls_replaced:
            risk = risk.with_plain_functions()
        if look.writes:
            risk = risk.with_copied_batches()
        if look.is_random:
            risk = risk.with_noise(seed)
        additivity = _additivity(risk, look)
        risk.uncut = additivity.uncut
    _check_processes(risk, data)
    if memory is not None:
        risk = fitting_batches(risk, memory)
    with fitting_advice(label, risk, data):
        evaluation = risk.evaluate()
        gradient = risk.gradient()
    gradient_norm = float(gradient.double().norm())
    if not (math.isfinite(evaluation.loss) and math.isfinite(gradient_norm)):
        raise ValueError(
            f"{label}: its loss is {evaluation.loss} and its gradient norm {gradient_norm} on "
            "these examples, so it has no curvature to speak of. Check weights, inputs "
            "(pixel/255?) and loss; for overflow, try --dtype float64."
        )
    second = _second_derivative(risk, data, look)
    first = data.head(FIRST, risk.dtype, risk.device)
    notes = [*risk.notes, *look.notes]
    if second.is_wrong:
        notes.append(wrong_words(second))
    if additivity.reason and additivity.matters(risk):
        what = "" if additivity.is_coupled else "not checked whether batches can be cut: "
        notes.append(f"{what}{additivity.reason}")
    found = fingerprint(risk, first, evaluation.loss, gradient)
    return Prepared(
        risk=risk,
        evaluation=evaluation,
        fingerprint=found,
        rounding=stored_rounding(risk, first, evaluation, found.first_loss),
        additivity=additivity,
        second_derivative=second,
        notes=tuple(notes),
    )


def _additivity(risk: EmpiricalRisk, look: FirstLook) -> Additivity:
    if not look.repeats:
        return Additivity(False, "two evaluations of one batch differ")
    return check_additivity(risk, spiking=is_spiking(risk.model))


def _second_derivative(risk: EmpiricalRisk, data: Source, look: FirstLook) -> SecondDerivative:
    """Compare double backward and gradient, where they are to be one."""
    if not look.repeats:
        return SecondDerivative(None, reason="two evaluations of one batch differ")
    few = data.head(_COMPARED, risk.dtype, risk.device)
    if is_spiking(risk.model):
        return check_symmetry(risk, few, "spiking: the Hessian is formal")
    return check_second_derivative(risk, few)


def _check_processes(risk: EmpiricalRisk, data: Source) -> None:
    """Refuse coupled examples whose batches depend on the number of processes."""
    if risk.coupled_by and world_size() > 1 and not data.in_own_batches:
        raise ValueError(
            f"the examples of a batch depend on one another by {risk.coupled_by}, and how examples "
            f"fall into batches depends on the number of processes. {risk.uncoupling} Or use "
            "batches of your own (a DataLoader), or one process."
        )
