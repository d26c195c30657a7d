"""Curvature operators by name, with the settings that change a spectrum."""

from landscape.catalog import OPERATORS, resolve
from landscape.curvature.scaling import ScaledOperator, scale_of
from landscape.linalg.operator import Identity, SelfAdjointOperator
from landscape.objective.risk import EmpiricalRisk


def make_operator(
    risk: EmpiricalRisk,
    name: str,
    *,
    scale: str = "none",
    weight_decay: float = 0.0,
    graph_budget: int | None = None,
) -> SelfAdjointOperator:
    """S (A + wd I) S for the operator A called ``name``.

    Raises
    ------
    ValueError
        For an unknown name or scale, and for ``smooth-hessian`` on a network without spikes.
    """
    build = resolve(OPERATORS[name].build)
    operator: SelfAdjointOperator = build(risk, graph_budget=graph_budget)
    if weight_decay:
        operator = operator + weight_decay * Identity(operator)
    if scale != "none":
        operator = ScaledOperator(operator, scale_of(scale, risk.layout, risk.theta))
    return operator


def operators_that_apply(risk: EmpiricalRisk) -> tuple[str, ...]:
    """Operators that are held against the real loss where none are named: those that apply."""
    known = ((name, kind.applies) for name, kind in OPERATORS.items() if kind.applies)
    return tuple(name for name, applies in known if resolve(applies)(risk))
