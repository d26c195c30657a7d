"""The preflight: what must hold before a spectrum means anything, each with what to do if not."""

import copy
from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor, nn

from landscape.analysis.fidelity import fidelity_summary
from landscape.analysis.progress import Progress, quiet
from landscape.analysis.provenance import start_clock
from landscape.analysis.target import Target
from landscape.curvature.operators import make_operator
from landscape.curvature.perturbation import example_losses
from landscape.curvature.risk import Batch, EmpiricalRisk
from landscape.distributed import all_reduce_sum
from landscape.linalg.operator import SelfAdjointOperator
from landscape.linalg.probes import sphere
from landscape.results import Check, Preflight

_FITTED = 1e-12  # a loss below this is zero: the example's outputs equal its targets
_NOISE = 1e-3  # of ‖A‖: three digits of the leading eigenvalues are then real


def preflight(target: Target, *, operator_name: str, progress: Progress) -> Preflight:
    """Run every check on ``target``; some ten matvecs on its first batch, in two precisions.

    Raises
    ------
    ValueError
        If the operator cannot be built for this network.
    """
    clock = start_clock()
    small = target.risk.on(target.risk.batches[:1])
    A = make_operator(small, operator_name, graph_budget=0)
    u, v = (sphere(A, target.generator(f"preflight {name}")).to(A.dtype) for name in "uv")
    steps: list[Callable[[], list[Check]]] = [
        lambda: [_loaded(target), _loss(target)],
        lambda: [_deterministic(small, A, u)],
        lambda: [_symmetric(A, u, v), _linear(A, u, v)],
        lambda: [_genuine(target, small, operator_name), *_describes(target, operator_name)],
        lambda: [_gradient(target), _fitted(target)],
        lambda: [_modes(target), _unused(target)],
        lambda: [_noise_floor(small, operator_name, A, u, spiking=target.subject.spiking)],
    ]
    checks: list[Check] = []
    for done, step in enumerate(steps):
        progress(done, len(steps))
        checks += step()
    progress(len(steps), len(steps))
    return Preflight(
        subject=target.subject,
        provenance=clock.provenance(
            command=target.settings.command,
            seed=target.settings.seed,
            device=target.device,
            num_matvecs=A.num_matvecs,
        ),
        checks=tuple(checks),
    )


def _verdict(name: str, good: bool, value: str, advice: str) -> Check:
    return Check(name=name, status="pass" if good else "fail", value=value, advice=advice)


def _loaded(target: Target) -> Check:
    s = target.subject
    notes = f"; {len(s.notes)} notes" if s.notes else ""
    return Check(name="loads completely", status="pass", value=f"{s.model}{notes}")


def _loss(target: Target) -> Check:
    s = target.subject
    told = s.training.train_loss if s.training else None
    accuracy = "" if s.accuracy is None else f", accuracy {s.accuracy:.4f}"
    beside = "" if told is None else f" (trained to {told:.4g})"
    # A subset of the training data scatters about the whole; three times the loss does not.
    good = not told or s.split != "train" or s.loss < 3 * told + 1e-3
    return _verdict(
        "loss and accuracy",
        good,
        f"{s.loss:.6g}{accuracy}{beside}",
        "Is it the right data, preprocessing (pixel/255?) and loss for these weights?",
    )


def _deterministic(risk: EmpiricalRisk, A: SelfAdjointOperator, u: Tensor) -> Check:
    losses = [risk.evaluate().loss for _ in range(2)]
    products = [A @ u for _ in range(2)]
    gap = float((products[0] - products[1]).norm() / products[0].norm().clamp_min(1e-300))
    good = losses[0] == losses[1] and gap <= 100 * torch.finfo(A.dtype).eps
    return _verdict(
        "deterministic, state reset",
        good,
        f"loss differs by {abs(losses[0] - losses[1]):.1e}, matvec by {gap:.1e}",
        "Two evaluations at the same weights must agree: turn off dropout and augmentation, and "
        "reset the state of neurons inside forward.",
    )


def _symmetric(A: SelfAdjointOperator, u: Tensor, v: Tensor) -> Check:
    au, av = A @ u, A @ v
    scale = float(torch.maximum(au.norm(), av.norm()).clamp_min(1e-300))
    gap = float((u @ av - v @ au).abs()) / scale
    return _verdict(
        "symmetric",
        gap <= _tolerance(A),
        f"|u·Av - v·Au| / ‖Av‖ = {gap:.1e}",
        "A custom backward is not the derivative of its forward, or is not differentiable again.",
    )


def _linear(A: SelfAdjointOperator, u: Tensor, v: Tensor) -> Check:
    au, av, both = A @ u, A @ v, A @ (u + 2 * v)
    finite = bool(torch.isfinite(both).all())
    gap = float((both - au - 2 * av).norm() / both.norm().clamp_min(1e-300)) if finite else 1.0
    return _verdict(
        "matvec linear and finite",
        finite and gap <= _tolerance(A),
        f"‖A(u + 2v) - Au - 2Av‖ / ‖·‖ = {gap:.1e}" if finite else "NaN or infinity in Av",
        "Look for NaN in the inputs or weights, or try --dtype float64.",
    )


def _tolerance(A: SelfAdjointOperator) -> float:
    # Rounding in a sum over a network's units grows like the root of their number.
    return 1e3 * torch.finfo(A.dtype).eps


def _genuine(target: Target, risk: EmpiricalRisk, operator_name: str) -> Check:
    name = "derivative of the gradient"
    if target.subject.spiking and operator_name != "smooth-hessian":
        return Check(
            name=name,
            status="note",
            value="spiking: the Hessian is formal, finite differences do not apply",
            advice="See how well it predicts the real loss: landscape fidelity.",
        )
    if operator_name != "hessian":
        return Check(name=name, status="note", value=f"not asked of the {operator_name} operator")
    wide = _in_float64(risk)
    H = make_operator(wide, "hessian", graph_budget=0)
    v = sphere(H, target.generator("preflight difference"))
    product = H @ v
    # A step across a kink (ReLU, max-pool) adds the gradient's jump to the difference. The shorter
    # the step, the fewer it crosses; a wrong second derivative stays wrong at every step.
    for step in (1e-5, 1e-7, 1e-9):
        h = step * float(wide.theta.norm())
        up, down = wide.gradient(wide.theta + h * v), wide.gradient(wide.theta - h * v)
        difference = (up - down) / (2 * h)
        gap = float((product - difference).norm() / product.norm().clamp_min(1e-300))
        if gap < 1e-2:
            break
    return _verdict(
        name,
        gap < 1e-2,
        f"‖Hv - central difference‖ / ‖Hv‖ = {gap:.1e} in float64, step {step:g} ‖θ‖",
        "The second derivative is not that of this loss: look for custom backwards.",
    )


def _describes(target: Target, operator_name: str) -> list[Check]:
    """How well the quadratic model predicts the real loss, where the two may part: spikes."""
    if not target.subject.spiking:
        return []
    small = replace(target, risk=target.risk.on(target.risk.batches[:1]))
    found = fidelity_summary(small, operator_name=operator_name, progress=quiet)
    (verdict,) = found.verdicts
    return [
        Check(
            name="predicts the hard loss",
            status="note",
            value=verdict.sentence,
            advice="Read eigenvalues as a ranking of directions; in full: landscape fidelity.",
        )
    ]


def _gradient(target: Target) -> Check:
    s = target.subject
    return Check(
        name="gradient norm",
        status="note",
        value=f"{s.grad_norm:.3g}; per unit of weight norm "
        f"{s.grad_norm * float(target.risk.theta.norm()):.3g}",
        advice="Far from zero, the point is no minimum: eigenvalues describe a slope.",
    )


def _fitted(target: Target) -> Check:
    losses = example_losses(target.risk, target.risk.theta)
    fitted = all_reduce_sum((losses < _FITTED).double().sum().reshape(1))
    share = float(fitted) / target.risk.num_examples
    return Check(
        name="exactly fitted examples",
        status="note",
        value=f"{share:.1%} of {target.risk.num_examples}",
        advice="They add Gauss-Newton curvature only; if all are, H is PSD and of low rank.",
    )


def _modes(target: Target) -> Check:
    modules = list(target.model.modules())
    norms = sum(isinstance(m, nn.modules.batchnorm._BatchNorm) for m in modules)
    drops = [m for m in modules if isinstance(m, nn.modules.dropout._DropoutNd)]
    active = sum(m.training and m.p > 0 for m in drops)
    return _verdict(
        "batch norm and dropout",
        active == 0,
        f"{norms} batch norms in {target.risk.batch_norm} mode, {len(drops)} dropouts, "
        f"{active} active",
        "Dropout must be off: the loss would be random.",
    )


def _unused(target: Target) -> Check:
    gradient = target.risk.gradient()
    unused = [n for n, where in target.risk.layout.slices.items() if not gradient[where].any()]
    frozen = target.subject.num_frozen
    named = f": {', '.join(unused[:4])}" if unused else ""
    return Check(
        name="unused and frozen parameters",
        status="note",
        value=f"{len(unused)} tensors without gradient{named}; {frozen:,} frozen parameters",
        advice="Unused ones have zero curvature; frozen ones are left out.",
    )


def _noise_floor(
    risk: EmpiricalRisk, operator_name: str, A: SelfAdjointOperator, u: Tensor, *, spiking: bool
) -> Check:
    if A.dtype == torch.float64:
        return Check(name="noise floor", status="note", value="float64: about 1e-15 of ‖A‖")
    wide = make_operator(_in_float64(risk), operator_name, graph_budget=0)
    exact = wide @ u.double()
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
            advice="The numbers are those of the network in this precision; compare checkpoints "
            "in one precision only.",
        )
    return _verdict(
        "noise floor",
        error <= _NOISE * size,
        value,
        "Eigenvalues below this are rounding. Use --dtype float64.",
    )


def _in_float64(risk: EmpiricalRisk) -> EmpiricalRisk:
    """The same risk in float64, on a copy of the network."""
    batches = [
        Batch(*(t.double() if t.is_floating_point() else t for t in batch))
        for batch in risk.batches
    ]
    return EmpiricalRisk(
        copy.deepcopy(risk.model).double(),
        risk.loss,
        batches,
        names=risk.layout.names,
        batch_norm=risk.batch_norm,
    )
