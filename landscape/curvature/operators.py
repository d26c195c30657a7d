"""Curvature operators by name, with the settings that change a spectrum."""

from landscape.curvature.fisher import FisherOperator
from landscape.curvature.ggn import GGNOperator
from landscape.curvature.hessian import HessianOperator
from landscape.curvature.scaling import ScaledOperator, scale_of
from landscape.curvature.smooth import smooth_risk
from landscape.linalg.operator import Identity, SelfAdjointOperator
from landscape.objective.risk import EmpiricalRisk

OPERATORS = ("hessian", "ggn", "fisher", "smooth-hessian")


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
    operator = _bare(risk, name, graph_budget)
    if weight_decay:
        operator = operator + weight_decay * Identity(operator)
    if scale != "none":
        operator = ScaledOperator(operator, scale_of(scale, risk.layout, risk.theta))
    return operator


def _bare(risk: EmpiricalRisk, name: str, graph_budget: int | None) -> SelfAdjointOperator:
    if name == "hessian":
        return HessianOperator(risk, graph_budget=graph_budget)
    if name == "ggn":
        return GGNOperator(risk, graph_budget=graph_budget)
    if name == "fisher":
        return FisherOperator(risk, graph_budget=graph_budget)
    if name == "smooth-hessian":
        return HessianOperator(smooth_risk(risk), graph_budget=graph_budget)
    raise ValueError(f"operator must be one of {', '.join(OPERATORS)}; got {name!r}.")
