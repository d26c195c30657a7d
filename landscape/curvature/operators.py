"""Curvature operators by name, with the settings that change a spectrum."""

from torch import Generator

from landscape.catalog import OPERATORS, resolve
from landscape.curvature.scaling import ScaledOperator, scale_of
from landscape.linalg.grouped import GroupedOperator
from landscape.linalg.linear_map import LinearMap
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
    """S'(A + wd I) S for the operator A called ``name``.

    Raises
    ------
    ValueError
        For an unknown name or scale, and for ``smooth-hessian`` on a network without spikes.
    """
    S = None if scale == "none" else scale_of(scale, risk)
    return _made(risk, name, S, weight_decay, graph_budget)


def make_grouped_operator(
    risk: EmpiricalRisk,
    name: str,
    num_groups: int,
    rng: Generator,
    *,
    scale: str = "none",
    weight_decay: float = 0.0,
) -> GroupedOperator:
    """The same as a mean over ``num_groups`` groups of examples, dealt at random.

    For a risk that is the plain mean over examples, in batches that can be cut by rows. No graph is
    kept between products.
    """
    groups, rest = risk.groups(num_groups, rng)
    S = None if scale == "none" else scale_of(scale, risk)  # one for all

    def made(part: EmpiricalRisk) -> SelfAdjointOperator:
        return _made(part, name, S, weight_decay, 0)

    weight = groups[0].num_examples / risk.num_examples
    return GroupedOperator(list(map(made, groups)), weight, None if rest is None else made(rest))


def _made(
    risk: EmpiricalRisk,
    name: str,
    S: LinearMap | None,
    weight_decay: float,
    graph_budget: int | None,
) -> SelfAdjointOperator:
    operator: SelfAdjointOperator = resolve(OPERATORS[name].build)(risk, graph_budget=graph_budget)
    if weight_decay:
        operator = operator + weight_decay * Identity(operator)
    return operator if S is None else ScaledOperator(operator, S)


def operators_that_apply(risk: EmpiricalRisk) -> tuple[str, ...]:
    """Operators that are held against the real loss where none are named: those that apply."""
    known = ((name, kind.applies) for name, kind in OPERATORS.items() if kind.applies)
    return tuple(name for name, applies in known if resolve(applies)(risk))
