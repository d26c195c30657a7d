"""The risk of a spiking network's smooth twin, and of the same network with steeper surrogates."""

from landscape.curvature.hessian import HessianOperator
from landscape.objective.risk import EmpiricalRisk
from landscape.snn.altered import alterations, has_smooth_twin


def smooth_risk(risk: EmpiricalRisk) -> EmpiricalRisk:
    """The risk of the network whose spikes are the surrogate's primitive σ(u) instead of H(u).

    Its Hessian is genuine, but that of another function: its loss and accuracy differ.

    Raises
    ------
    ValueError
        If the network has no spiking neurons whose primitive is known.
    """
    return altered_risk(risk, smooth=True)


def smooth_hessian(risk: EmpiricalRisk, *, graph_budget: int | None = None) -> HessianOperator:
    """The Hessian of :func:`smooth_risk`."""
    return HessianOperator(smooth_risk(risk), graph_budget=graph_budget)


def has_smooth_hessian(risk: EmpiricalRisk) -> bool:
    """Whether the network spikes, and its surrogates' primitives are known."""
    return has_smooth_twin(risk.model)


def altered_risk(
    risk: EmpiricalRisk, *, smooth: bool | None = None, slope_factor: float = 1.0
) -> EmpiricalRisk:
    """The same risk with other neurons; the arguments are those of ``alterations``."""
    return risk.altered(alterations(risk.model, smooth=smooth, slope_factor=slope_factor))
