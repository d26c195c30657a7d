"""Whether float32's rounding decides spikes: the largest eigenvalue's vᵀAv again, in float64.

A membrane within rounding of the threshold fires in one precision and not in the other. Each then
has a matrix of its own, and a residual in float32 says nothing of how far these are apart.
"""

from typing import NamedTuple

import torch

from landscape.analysis.spectrum.results import selected
from landscape.analysis.spectrum.settings import OperatorSettings
from landscape.analysis.target import Target
from landscape.catalog import OPERATORS
from landscape.curvature.in_float64 import product_in_float64
from landscape.linalg.eigen import Eigenpairs
from landscape.results import DoesNotApply


class InFloat64(NamedTuple):
    """vᵀAv in float64 for the first Ritz vector v; or why it is not known, where it was asked."""

    value: float | None = None
    refused: str = ""
    num_matvecs: int = 0


def asks_float64(target: Target, settings: OperatorSettings) -> bool:
    """Whether rounding may decide spikes: where there are any, in less than float64."""
    spikes = target.subject.spiking and not OPERATORS[settings.operator].is_genuine
    return spikes and target.risk.dtype != torch.float64


def largest_in_float64(target: Target, settings: OperatorSettings, pairs: Eigenpairs) -> InFloat64:
    """One product more, on all examples, where it is asked for."""
    if pairs.num_largest == 0 or not asks_float64(target, settings):
        return InFloat64()
    risk = selected(target.risk, settings.params)
    v = pairs.vectors[0].to(device=risk.device, dtype=torch.float64)
    try:
        A, product = product_in_float64(
            risk, settings.operator, v, scale=settings.scale, weight_decay=settings.weight_decay
        )
    except DoesNotApply as reason:
        return InFloat64(refused=str(reason))
    return InFloat64(float(v @ product) / float(v @ v), num_matvecs=A.num_matvecs)
