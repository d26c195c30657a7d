"""The preflight's checks of the operator: is it linear, symmetric, the derivative it claims to be.

Each check says what was measured, and what to do if it fails.
"""

import math
from dataclasses import replace

import torch
from torch import Tensor

from landscape.analysis.fidelity.run import fidelity_summary
from landscape.analysis.progress import quiet
from landscape.analysis.target import Target
from landscape.catalog import OPERATORS
from landscape.curvature.in_float64 import product_in_float64
from landscape.curvature.second_derivative import TOL, wrong_words
from landscape.linalg.operator import SelfAdjointOperator
from landscape.objective.risk import EmpiricalRisk
from landscape.results import Check, DoesNotApply

DETERMINISTIC = "deterministic, state reset"
SYMMETRIC = "symmetric"
LINEAR = "matvec linear and finite"
_FLOAT64 = "float64: about 1e-15 of ‖A‖, if the network computes in it throughout"
_NOISE = 1e-3  # of ‖A‖: three digits of the leading eigenvalues are then real


def verdict(name: str, good: bool, value: str, advice: str) -> Check:
    return Check(name=name, status="pass" if good else "fail", value=value, advice=advice)


def deterministic(risk: EmpiricalRisk, A: SelfAdjointOperator, u: Tensor) -> Check:
    losses = [risk.evaluate().loss for _ in range(2)]
    products = [A @ u for _ in range(2)]
    gap = _share(_norm(products[0] - products[1]), max(map(_norm, products)))
    good = losses[0] == losses[1] and gap <= 100 * torch.finfo(A.dtype).eps
    return verdict(
        DETERMINISTIC,
        good,
        f"loss differs by {abs(losses[0] - losses[1]):.1e}, matvec by {gap:.1e}",
        "Two evaluations at the same weights must agree: turn off dropout (F.dropout is on unless "
        "told training=self.training) and augmentation, and reset the state of neurons inside "
        "forward. Until they do, no check of the operator means anything: those are left out.",
    )


def symmetric(A: SelfAdjointOperator, u: Tensor, v: Tensor) -> Check:
    au, av = A @ u, A @ v
    gap = _share(
        abs(float(u.double() @ av.double() - v.double() @ au.double())), max(_norm(au), _norm(av))
    )
    return _to_rounding(
        SYMMETRIC,
        A,
        gap,
        f"|u·Av - v·Au| / ‖Av‖ = {gap:.1e}",
        "A custom backward is not the derivative of its forward, or is not differentiable again.",
    )


def linear(A: SelfAdjointOperator, u: Tensor, v: Tensor) -> Check:
    au, av, both = A @ u, A @ v, A @ (u + 2 * v)
    finite = bool(torch.isfinite(both).all())
    gap = _share(_norm(both - au - 2 * av), _norm(both)) if finite else 1.0
    return _to_rounding(
        LINEAR,
        A,
        gap,
        f"‖A(u + 2v) - Au - 2Av‖ / ‖·‖ = {gap:.1e}" if finite else "NaN or infinity in Av",
        "Look for NaN in the inputs or weights, or try --dtype float64.",
    )


def derivative_of_gradient(target: Target, operator_name: str) -> Check:
    name = "derivative of the gradient"
    kind = OPERATORS[operator_name]
    if target.subject.spiking and not kind.is_genuine:
        return Check(
            name=name,
            status="note",
            value="spiking: the Hessian is formal, finite differences do not apply",
            advice="See how well it predicts the real loss: landscape fidelity.",
        )
    if not kind.is_derivative:
        return Check(name=name, status="note", value=f"not asked of the {operator_name} operator")
    found = target.second_derivative
    if found.gap is None:
        return Check(name=name, status="note", value=f"not compared: {found.reason}")
    return verdict(
        name,
        found.gap < TOL,
        f"‖Hv - central difference‖ / ‖Hv‖ = {found.gap:.1e} in float64, step {found.step:g} ‖θ‖"
        + ("; the gradient jumps here" if found.jumps else ""),
        "The gradient jumps at these very weights, so there is no second derivative: units sit on "
        "a kink, such as a ReLU fed exactly 0 (a batch norm that starts at scale 0). Train a step."
        if found.jumps
        else f"{wrong_words(found)}: look for custom backwards. If they are surrogate gradients of "
        "spikes, this is expected: the Hessian is formal, that of no loss (docs/spiking.md); read "
        "eigenvalues as a ranking, and see landscape fidelity.",
    )


def predicts_loss(target: Target, operator_name: str) -> list[Check]:
    """How well the quadratic model predicts the real loss, where the two may part: spikes."""
    if not target.subject.spiking:
        return []
    small = replace(target, risk=target.risk.on(target.risk.batches[:1]))
    summary = fidelity_summary(small, operator_name=operator_name, progress=quiet)
    (found,) = summary.verdicts
    return [
        Check(
            name="predicts the hard loss",
            status="note",
            value=found.sentence,
            advice="Read eigenvalues as a ranking of directions; in full: landscape fidelity.",
        )
    ]


def noise_floor(
    risk: EmpiricalRisk, operator_name: str, A: SelfAdjointOperator, u: Tensor, *, spiking: bool
) -> Check:
    if A.dtype == torch.float64:
        return Check(name="noise floor", status="note", value=_FLOAT64)
    try:
        wide, exact = product_in_float64(risk, operator_name, u)
    except DoesNotApply as reason:
        return Check(name="noise floor", status="note", value=f"not measured: {reason}")
    for _ in range(3):  # towards the dominant eigenvector, where ‖Av‖ is near ‖A‖
        exact = wide @ (exact / exact.norm().clamp_min(1e-300))
    direction = exact / exact.norm().clamp_min(1e-300)
    error = float(((A @ direction.to(A.dtype)).double() - wide @ direction).norm())
    size = float(exact.norm())
    value = f"‖Av‖ in {str(A.dtype)[6:]} is off by {error:.1e}, of ‖A‖ ≈ {size:.3g}"
    if spiking and error > _NOISE * size:
        # Not noise of the matvec, which is exact for the network in its own precision: neurons
        # that sit at their threshold to rounding fire in one precision and not in the other.
        return Check(
            name="noise floor",
            status="note",
            value=f"{value}: some spikes tip over with the precision",
            advice="The numbers are those of the network in this precision, whose rounding another "
            "machine may do otherwise. Use --dtype float64.",
        )
    return verdict(
        "noise floor",
        error <= _NOISE * size,
        value,
        "Eigenvalues below this are rounding. Use --dtype float64.",
    )


def _norm(v: Tensor) -> float:
    # In float64: the squares of a small or large curvature lie beyond float32.
    return float(torch.linalg.vector_norm(v, dtype=torch.float64))


def _share(gap: float, size: float) -> float:
    """``gap`` over ``size``; where there is no curvature at all, nothing of nothing is 0."""
    if size == 0:
        return math.inf if gap > 0 else 0.0
    return gap / size


def _to_rounding(name: str, A: SelfAdjointOperator, gap: float, value: str, advice: str) -> Check:
    """A check that ``gap`` is rounding: that of the operator's precision, or of float32 in it."""
    if A.dtype == torch.float64 and _tolerance(A.dtype) < gap <= _tolerance(torch.float32):
        return Check(
            name=name,
            status="note",
            value=f"{value}: as exact as float32",
            advice="Something in the network computes in float32, whatever --dtype says, as norms "
            "of Hugging Face's do: eigenvalues are no more exact than that.",
        )
    return verdict(name, gap <= _tolerance(A.dtype), value, advice)


def _tolerance(dtype: torch.dtype) -> float:
    # Rounding in a sum over a network's units grows like the root of their number.
    return 1e3 * torch.finfo(dtype).eps
