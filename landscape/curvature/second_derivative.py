"""Whether the double backward of a network is the derivative of its gradient, and if not, where.

PyTorch's fused kernels, and custom backwards, can be differentiated a second time and give another
number than the second derivative, without a word. A central difference of the gradient tells, and
where there is none to be had, that the products of two vectors do not agree: u·Hv = v·Hu.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

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
_ASYMMETRY = 2e-3  # rounding in float32 leaves 1e-6, on the shipped spiking networks, to 1e-4
_ROUNDINGS = 100  # eps ‖∇L‖ / h: what rounding leaves in a difference
_NAMED = 4  # modules in a message


@dataclass(frozen=True)
class SecondDerivative:
    """How far H v is from a central difference of the gradient, or else H from a symmetric matrix.

    Attributes
    ----------
    gap
        ‖Hv - difference‖ / ‖Hv‖, rounding taken off; None: float64 could not be had.
    step
        At which it was found, relative to ‖θ‖.
    jumps
        Whether the gradient itself jumps at θ: there is no derivative to be wrong about.
    asymmetry
        √P |u·Hv - v·Hu| / ‖Hv‖ for random u and v, about ‖H - Hᵀ‖_F / ‖H‖_F, where ``gap`` tells
        nothing; None: not asked.
    modules
        Where the double backward is wrong, as far as that can be told.
    reason
        Why there is no gap.
    """

    gap: float | None
    step: float = 0.0
    jumps: bool = False
    asymmetry: float | None = None
    modules: tuple[str, ...] = ()
    reason: str = ""

    @property
    def is_wrong(self) -> bool:
        is_other = self.gap is not None and self.gap >= TOL and not self.jumps
        return is_other or (self.asymmetry is not None and self.asymmetry >= _ASYMMETRY)


def check_second_derivative(risk: EmpiricalRisk, few: Nest) -> SecondDerivative:
    """Compare both in float64 on the examples ``few``, on process 0; some 20 forward passes."""

    def compare() -> SecondDerivative:
        with alone():
            try:
                wide = risk.on([few]).in_dtype(torch.float64)
                found = _compared(wide)
                if found.is_wrong:
                    return replace(found, modules=tuple(_wrong_modules(wide, _is_wrong)))
            # The user's code, in a precision that it was not asked to bear.
            except Exception as error:
                text = (str(error).splitlines() or [type(error).__name__])[0]
                found = SecondDerivative(None, reason=f"it does not compute in float64: {text}")
            if found.gap is None or found.jumps:
                return _with_asymmetry(risk.on([few]), found)
            return found

    return from_main(compare)


def check_symmetry(risk: EmpiricalRisk, few: Nest, reason: str) -> SecondDerivative:
    """Whether H is symmetric on the examples ``few``, by two products: no difference tells there.

    So is the formal Hessian of a spiking network: that of a smooth loss with the surrogates'
    derivatives.
    """

    def compare() -> SecondDerivative:
        with alone():
            return _with_asymmetry(risk.on([few]), SecondDerivative(None, reason=reason))

    return from_main(compare)


def wrong_words(found: SecondDerivative) -> str:
    """What to say of a double backward that is wrong."""
    where = few(found.modules, _NAMED) or "an operation outside of its modules"
    if found.asymmetry is not None:
        wrong = (
            f"products with the Hessian are not those of a symmetric matrix (off by "
            f"{found.asymmetry:.1%}): the backward of {where} is not the derivative of what it "
            "computes"
        )
    else:
        wrong = (
            f"the double backward of {where} is not the derivative of the gradient (H v is off by "
            f"{found.gap:.1%})"
        )
    return (
        f"{wrong}: the eigenvalues, traces and densities of the Hessian are not those of this "
        "loss. Look for hooks that change gradients; write the operation in plain PyTorch, or use "
        "--operator ggn or fisher; if it is a surrogate gradient of spikes, the Hessian is formal"
    )


def _with_asymmetry(risk: EmpiricalRisk, found: SecondDerivative) -> SecondDerivative:
    try:
        H = HessianOperator(risk, graph_budget=0)
        rng = torch.Generator().manual_seed(0)
        u, v = sphere(H, rng), sphere(H, rng)
        gap = _asymmetry(u, H @ u, v, H @ v)
        modules = _wrong_modules(risk, _is_asymmetric) if gap >= _ASYMMETRY else []
    except Exception:  # it cannot be differentiated twice: the operator that needs it says so
        return found
    return replace(found, asymmetry=gap, modules=tuple(modules))


def _asymmetry(u: Tensor, hu: Tensor, v: Tensor, hv: Tensor) -> float:
    size = float(torch.maximum(hu.norm() * v.norm(), hv.norm() * u.norm()))
    gap = len(u) ** 0.5 * float((u @ hv - v @ hu).abs()) / size if size > 0 else 0.0
    return gap if math.isfinite(gap) else 0.0  # what is not finite is told elsewhere


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


def _wrong_modules(risk: EmpiricalRisk, judge: Callable[["_Local"], bool]) -> list[str]:
    """The smallest modules whose own backward ``judge`` calls wrong, at what they are given."""
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
            try:
                is_wrong = judge(_Local(module, calls[module]))
            except (RuntimeError, TypeError, AttributeError):  # it gives no tensor, or has no such
                continue
            if is_wrong:
                wrong.append(f"{name} ({type(module).__name__})")
                blamed.add(module)
    return wrong[::-1]


class _Local:
    """s = ⟨w, module(x; θ)⟩ with a random w, and its derivatives by x and θ in one vector."""

    def __init__(self, module: nn.Module, inputs: Sequence[Tensor]) -> None:
        self._module, self._num_inputs = module, len(inputs)
        self._names = [n for n, p in module.named_parameters() if p.is_floating_point()]
        parameters = dict(module.named_parameters())
        self._start = [*inputs, *(parameters[n].detach() for n in self._names)]
        self._rng = torch.Generator().manual_seed(0)
        self._weights: Tensor | None = None

    def direction(self) -> list[Tensor]:
        return [self._draw(t) for t in self._start]

    def gradient(self, direction: Sequence[Tensor], shift: float) -> tuple[float, Tensor]:
        """Value and gradient ``shift`` times ``direction`` away."""
        scalar, moved = self._value(direction, shift)
        found = torch.autograd.grad(scalar, moved, materialize_grads=True)
        return float(scalar.detach()), _flat(found)

    def product(self, direction: Sequence[Tensor]) -> Tensor:
        """The second derivative times ``direction``, by double backward."""
        scalar, moved = self._value(direction, 0.0)
        slopes = torch.autograd.grad(scalar, moved, create_graph=True, materialize_grads=True)
        live = [(s, d) for s, d in zip(slopes, direction, strict=True) if s.requires_grad]
        if not live:
            return torch.zeros_like(_flat(moved))
        outer, along = zip(*live, strict=True)
        return _flat(torch.autograd.grad(outer, moved, along, materialize_grads=True))

    def _value(self, direction: Sequence[Tensor], shift: float) -> tuple[Tensor, list[Tensor]]:
        moved = leaves([t + shift * d for t, d in zip(self._start, direction, strict=True)])
        named = dict(zip(self._names, moved[self._num_inputs :], strict=True))
        output = functional_call(self._module, named, tuple(moved[: self._num_inputs]))
        if self._weights is None:
            self._weights = self._draw(output)
        return (self._weights * output).sum(), moved

    def _draw(self, like: Tensor) -> Tensor:
        return torch.randn(like.shape, generator=self._rng, dtype=torch.float64).to(like)


def _is_wrong(local: _Local) -> bool:
    """Whether one of its first two derivatives is not that of a central difference."""
    direction, h = local.direction(), STEPS[1]
    product, (_, here) = local.product(direction), local.gradient(direction, 0.0)
    (more, ahead), (less, behind) = (local.gradient(direction, sign * h) for sign in (1, -1))
    rounding = _ROUNDINGS * torch.finfo(here.dtype).eps * abs(more) / h
    off = abs((more - less) / (2 * h) - float(here @ _flat(direction)))
    is_slope = off <= TOL * float(here.norm()) + rounding
    return not is_slope or _gap(product, ahead, behind, h) >= TOL


def _is_asymmetric(local: _Local) -> bool:
    u, v = local.direction(), local.direction()
    return _asymmetry(_flat(u), local.product(u), _flat(v), local.product(v)) >= _ASYMMETRY


def _flat(tensors: Sequence[Tensor]) -> Tensor:
    return torch.cat([t.detach().reshape(-1) for t in tensors])
