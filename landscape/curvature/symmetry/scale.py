"""``--scale symmetry``: the scale's map for a risk."""

from landscape.curvature.symmetry.factor_metric import FactorMetric
from landscape.curvature.symmetry.find import symmetries_of
from landscape.objective.risk import EmpiricalRisk


def symmetry_scale(risk: EmpiricalRisk) -> FactorMetric:
    """S of the network's own symmetries, on vectors of shape (P,)."""
    return FactorMetric(risk.layout, risk.values, symmetries_of(risk))
