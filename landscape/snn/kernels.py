"""The neuron's three passes over time, each one elementwise sweep of its input current.

With u_t = h_t - threshold, s_t the spike, d_t = σ'(u_t), d'_t = σ''(u_t):

    h_t = ρ v_{t-1} + κ I_t + (1 - ρ) r  charge; ρ = 1 - 1/τ (1 without leak), κ = 1/τ or 1
    v_t = h_t (1 - s_t) + r s_t          hard reset to r, or h_t - threshold s_t (soft)
    m_t = dv_t/dh_t = 1 - s_t - (h_t - r) d_t, or 1 - threshold d_t

    backward          g_t = gs_t d_t + ρ m_t g_{t+1}, the gradient with respect to I_t is κ g_t
    double backward   a_t = κ c_t + ρ m_{t-1} a_{t-1}, c_t the cotangent of κ g_t; that of gs_t
                      is a_t d_t; with e_t = a_t (gs_t d'_t + ρ g_{t+1} m'_t), that of I_t is
                      κ G_t, where G_t = e_t + ρ m_t G_{t+1}

A spike acts as a 2-jet: value 1[u >= 0] (or σ(u) if smooth), derivatives σ' and σ''. The second
derivative is thus symmetric, and it is what reverse-over-reverse differentiation of the recursion
gives; only for smooth neurons is it the derivative of the first.

Each pass recomputes h, so the input current is all that a network must keep for its backward.
"""

import math
from dataclasses import dataclass, field

import torch
from torch import Tensor

from landscape.snn.surrogate import ATan, Surrogate


@dataclass(frozen=True, kw_only=True)
class NeuronDynamics:
    """All that defines a neuron, hashable; the defaults are the published integrate-and-fire.

    Attributes
    ----------
    tau
        Membrane time constant in time steps, > 1; None: no leak (integrate-and-fire).
    decay_input
        Leaky neurons only: whether the input is divided by ``tau`` too.
    threshold
        The neuron spikes when h_t >= threshold.
    reset
        Membrane at rest, where it starts and where a spike returns it (hard reset). None: it
        starts at 0 and a spike subtracts the threshold (soft reset).
    detach_reset
        Whether the reset is a constant to differentiation. Smooth neurons ignore it: their
        derivatives are to be genuine.
    surrogate
        Replaces the derivative of the step.
    smooth
        Emit σ(u) in place of the step 1[u >= 0].
    """

    tau: float | None = None
    decay_input: bool = True
    threshold: float = 1.0
    reset: float | None = 0.0
    detach_reset: bool = False
    surrogate: Surrogate = field(default_factory=ATan)
    smooth: bool = False

    def __post_init__(self) -> None:
        for name in ("tau", "threshold", "reset"):
            value = getattr(self, name)
            if value is not None and not math.isfinite(value):
                raise ValueError(f"{name} must be a finite number; got {value}.")
        if self.tau is not None and not self.tau > 1:
            raise ValueError(f"tau must be greater than 1 time step; got {self.tau}.")

    @property
    def retention(self) -> float:
        """ρ: share of the membrane kept from one time step to the next."""
        return 1.0 if self.tau is None else 1 - 1 / self.tau

    @property
    def input_gain(self) -> float:
        """κ: dh_t / dI_t."""
        return 1.0 if self.tau is None or not self.decay_input else 1 / self.tau


def charge(v: Tensor | None, current: Tensor, dyn: NeuronDynamics) -> Tensor:
    """h_t from v_{t-1} (None: at rest) and I_t, rounded as SpikingJelly rounds it."""
    if v is None:
        gained = current / dyn.tau if dyn.tau is not None and dyn.decay_input else current
        return gained + dyn.reset if dyn.reset else gained
    if dyn.tau is None:
        return v + current
    decayed = v - dyn.reset if dyn.reset else v
    if dyn.decay_input:
        return v + (current - decayed) / dyn.tau
    return v - decayed / dyn.tau + current


def fire(h: Tensor, dyn: NeuronDynamics) -> Tensor:
    """s_t from h_t."""
    u = h - dyn.threshold
    return dyn.surrogate.primitive(u) if dyn.smooth else (u >= 0).to(h.dtype)


def discharge(h: Tensor, s: Tensor, dyn: NeuronDynamics) -> Tensor:
    """v_t from h_t and s_t."""
    if dyn.reset is None:
        return h - s * dyn.threshold
    return (1 - s) * h if dyn.reset == 0 else (1 - s) * h + s * dyn.reset


def reset_slope(h: Tensor, s: Tensor, dyn: NeuronDynamics) -> Tensor:
    """m_t = dv_t / dh_t."""
    detached = dyn.detach_reset and not dyn.smooth
    if dyn.reset is None:
        return torch.ones_like(h) if detached else 1 - dyn.threshold * _d(h, dyn)
    return 1 - s if detached else 1 - s - (h - dyn.reset) * _d(h, dyn)


def reset_curvature(h: Tensor, dyn: NeuronDynamics) -> Tensor:
    """m'_t = dm_t / dh_t, the spike differentiated as a 2-jet."""
    if dyn.detach_reset and not dyn.smooth:
        return torch.zeros_like(h)
    if dyn.reset is None:
        return -dyn.threshold * _dd(h, dyn)
    return -2 * _d(h, dyn) - (h - dyn.reset) * _dd(h, dyn)


def _d(h: Tensor, dyn: NeuronDynamics) -> Tensor:
    return dyn.surrogate.derivative(h - dyn.threshold)


def _dd(h: Tensor, dyn: NeuronDynamics) -> Tensor:
    return dyn.surrogate.second_derivative(h - dyn.threshold)


def membranes(current: Tensor, num_time_steps: int, dyn: NeuronDynamics) -> list[Tensor]:
    """h_1, ..., h_T of ``current``, shape (T, ...) or (1, ...)."""
    constant = current.shape[0] == 1
    hs = [charge(None, current[0], dyn)]
    for t in range(1, num_time_steps):
        v = discharge(hs[-1], fire(hs[-1], dyn), dyn)
        hs.append(charge(v, current[0 if constant else t], dyn))
    return hs


def forward_pass(current: Tensor, num_time_steps: int, dyn: NeuronDynamics) -> Tensor:
    """Spikes, shape (T, ...), of ``current``, shape (T, ...), or (1, ...) if constant in time."""
    return torch.stack([fire(h, dyn) for h in membranes(current, num_time_steps, dyn)])


def backward_pass(
    current: Tensor, grad_spikes: Tensor, num_time_steps: int, dyn: NeuronDynamics
) -> Tensor:
    """Gradient with respect to ``current``, in its shape, given that of the spikes, (T, ...)."""
    hs = membranes(current, num_time_steps, dyn)
    grads: list[Tensor] = []
    g: Tensor | None = None
    for t in reversed(range(num_time_steps)):
        h = hs[t]
        direct = grad_spikes[t] * _d(h, dyn)
        g = direct if g is None else direct + _carry(h, dyn) * g
        grads.insert(0, g)
    return _over_time(grads, current.shape[0] == 1, dyn)


def double_backward_pass(
    current: Tensor,
    grad_spikes: Tensor,
    cotangent: Tensor,
    num_time_steps: int,
    dyn: NeuronDynamics,
) -> tuple[Tensor, Tensor]:
    """Cotangents of ``grad_spikes`` and ``current``, given that of ``backward_pass``'s result."""
    constant = current.shape[0] == 1
    hs = membranes(current, num_time_steps, dyn)
    carries = [_carry(h, dyn) for h in hs]
    kappa = dyn.input_gain
    a = [kappa * cotangent[0]]
    for t in range(1, num_time_steps):
        a.append(kappa * cotangent[0 if constant else t] + carries[t - 1] * a[-1])

    to_grad_spikes: list[Tensor] = []
    to_current: list[Tensor] = []
    g: Tensor | None = None
    G: Tensor | None = None
    for t in reversed(range(num_time_steps)):
        h, d = hs[t], _d(hs[t], dyn)
        to_grad_spikes.insert(0, a[t] * d)
        bend = grad_spikes[t] * _dd(h, dyn)
        if g is None or G is None:
            g, G = grad_spikes[t] * d, a[t] * bend
        else:
            bend = bend + (dyn.retention * reset_curvature(h, dyn)) * g
            G = a[t] * bend + carries[t] * G
            g = grad_spikes[t] * d + carries[t] * g
        to_current.insert(0, G)
    return torch.stack(to_grad_spikes), _over_time(to_current, constant, dyn)


def _carry(h: Tensor, dyn: NeuronDynamics) -> Tensor:
    m = reset_slope(h, fire(h, dyn), dyn)
    return m if dyn.tau is None else dyn.retention * m


def _over_time(per_step: list[Tensor], constant: bool, dyn: NeuronDynamics) -> Tensor:
    if not constant:
        stacked = torch.stack(per_step)
    else:
        total = per_step[0]
        for term in per_step[1:]:
            total = total + term
        stacked = total.unsqueeze(0)
    return stacked if dyn.input_gain == 1 else dyn.input_gain * stacked
