"""Whether the double backward of a network is the derivative of its gradient, and if not, where.

PyTorch's fused kernels, and custom backwards, can be differentiated a second time and give another
number than the second derivative, without a word. A central difference of the gradient tells.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.func import functional_call

from landscape.curvature.hessian import HessianOperator
from landscape.distributed import alone, from_main
from landscape.hints import few
from landscape.linalg.probes import sphere
from landscape.nests import Nest
from landscape.objective.at_theta import leaves
from landscape.objective.risk import EmpiricalRisk

STEPS = (1e-5, 1e-7, 1e-9)  # relative to ‖θ‖
TOL = 1e-2
_ROUNDINGS = 100  # eps ‖∇L‖ / h: what rounding leaves in a difference
_NAMED = 4  # modules in a message


@dataclass(frozen=True)
class SecondDerivative:
    """How far H v is from a central difference of the gradient.

    Attributes
    ----------
    gap
        ‖Hv - difference‖ / ‖Hv‖, rounding taken off; None: float64 could not be had.
    step
        At which it was found, relative to ‖θ‖.
    jumps
        Whether the gradient itself jumps at θ: there is no derivative to be wrong about.
    modules
        Where the double backward is wrong, as far as that can be told.
    reason
        Why there is no gap.
    """

    gap: float | None
    step: float = 0.0
    jumps: bool = False
    modules: tuple[str, ...] = ()
    reason: str = ""

    @property
    def is_wrong(self) -> bool:
        return self.gap is not None and self.gap >= TOL and not self.jumps


def check_second_derivative(risk: EmpiricalRisk, few: Nest) -> SecondDerivative:
    """Compare both in float64 on the examples ``few``, on process 0; some 20 forward passes."""

    def compare() -> SecondDerivative:
        with alone():
            try:
                wide = risk.on([few]).in_dtype(torch.float64)
                found = _compared(wide)
                if found.is_wrong:
                    return SecondDerivative(
                        found.gap, found.step, modules=tuple(_wrong_modules(wide))
                    )
                return found
            # The user's code, in a precision that it was not asked to bear.
            except Exception as error:
                text = (str(error).splitlines() or [type(error).__name__])[0]
                return SecondDerivative(None, reason=f"it does not compute in float64: {text}")

    return from_main(compare)


def wrong_words(found: SecondDerivative) -> str:
    """What to say of a double backward that is wrong."""
    where = few(found.modules, _NAMED) or "an operation outside of its modules"
    return (
        f"the double backward of {where} is not the "
        f"derivative of the gradient (H v is off by {found.gap:.1%}): the eigenvalues, traces and "
        "densities of the Hessian are not those of this loss. Write the operation in plain "
        "PyTorch, or use --operator ggn or fisher; if it is a surrogate gradient of spikes, the "
        "Hessian is formal"
    )


def _compared(risk: EmpiricalRisk) -> SecondDerivative:
    H = HessianOperator(risk, graph_budget=0)
    v = sphere(H, torch.Generator().manual_seed(0))
    product, size = H @ v, float(risk.theta.norm())
    # A step across a kink (ReLU, max-pool) adds the gradient's jump to the difference. The shorter
    # the step, the fewer it crosses; a wrong second derivative stays wrong at every step.
    changes: list[float] = []
    gap, step = math.inf, STEPS[0]
    for step in STEPS:
        h = step * (size or 1.0)
        ahead, behind = risk.gradient(risk.theta + h * v), risk.gradient(risk.theta - h * v)
        gap = _gap(product, ahead, behind, h)
        if gap < TOL:
            break
        changes.append(float((ahead - behind).norm()))
    # Where the gradient has a derivative, it changes a hundredth as much over a hundredth the step.
    jumps = len(changes) == len(STEPS) and changes[2] > 0.1 * changes[1]
    return SecondDerivative(gap, step, jumps)


def _gap(product: Tensor, ahead: Tensor, behind: Tensor, h: float) -> float:
    difference = (ahead - behind) / (2 * h)
    rounding = _ROUNDINGS * torch.finfo(product.dtype).eps * float(ahead.norm()) / h
    off = max(0.0, float((product - difference).norm()) - rounding)
    size = max(float(product.norm()), float(difference.norm()))
    return off / size if size > 0 else 0.0


def _wrong_modules(risk: EmpiricalRisk) -> list[str]:
    """The smallest modules whose own double backward is wrong at what they are called with."""
    calls: dict[nn.Module, tuple[Tensor, ...]] = {}

    def note(module: nn.Module, inputs: tuple[object, ...]) -> None:
        tensors = [i for i in inputs if isinstance(i, Tensor) and i.is_floating_point()]
        if module not in calls and len(tensors) == len(inputs):
            calls[module] = tuple(t.detach().clone() for t in tensors)

    wrong: list[str] = []
    blamed: set[nn.Module] = set()
    with risk.swapped(leaves(risk.layout.split(risk.theta))):
        named = [(n, m) for n, m in risk.model.named_modules() if n]
        for _, module in named:
            module.register_forward_pre_hook(note)
        risk.terms(0)
        for name, module in reversed(named):  # children before their parents
            if module not in calls or blamed & set(module.modules()):
                continue
            if _is_wrong(module, calls[module]):
                wrong.append(f"{name} ({type(module).__name__})")
                blamed.add(module)
    return wrong[::-1]


def _is_wrong(module: nn.Module, inputs: Sequence[Tensor]) -> bool:
    """Whether ⟨w, module(x; θ)⟩ has a gradient whose derivative autograd has wrong."""
    names = [n for n, p in module.named_parameters() if p.is_floating_point()]
    values = [dict(module.named_parameters())[n].detach() for n in names]
    rng = torch.Generator().manual_seed(0)

    def draw(like: Tensor) -> Tensor:
        return torch.randn(like.shape, generator=rng, dtype=torch.float64).to(like)

    start = [*inputs, *values]
    directions = [draw(t) for t in start]
    weights: list[Tensor] = []

    def gradient(shift: float, *, graph: bool) -> tuple[list[Tensor], list[Tensor]]:
        moved = leaves([t + shift * d for t, d in zip(start, directions, strict=True)])
        named = dict(zip(names, moved[len(inputs) :], strict=True))
        output = functional_call(module, named, tuple(moved[: len(inputs)]))
        if not weights:
            weights.append(draw(output))
        scalar = (weights[0] * output).sum()
        found = torch.autograd.grad(scalar, moved, create_graph=graph, materialize_grads=True)
        return list(found), moved

    try:
        slopes, moved = gradient(0.0, graph=True)
        live = [(s, d) for s, d in zip(slopes, directions, strict=True) if s.requires_grad]
        product = (
            torch.autograd.grad(
                [s for s, _ in live], moved, [d for _, d in live], materialize_grads=True
            )
            if live
            else [torch.zeros_like(t) for t in moved]
        )
        h = STEPS[1]
        ahead, behind = (gradient(sign * h, graph=False)[0] for sign in (1, -1))
    except (RuntimeError, TypeError, AttributeError):  # it gives no tensor, or has no such form
        return False
    return _gap(_flat(product), _flat(ahead), _flat(behind), h) >= TOL


def _flat(tensors: Sequence[Tensor]) -> Tensor:
    return torch.cat([t.reshape(-1) for t in tensors])
