"""Variances of the weights: one rule a scheme, each with its formula and source.

``fan_in`` and ``fan_out`` count a weight's inputs and outputs, the kernel included. The rules of
the second half ask how a layer of these very neurons behaves over its T time steps, and simulate
it on Gaussian currents: no data needed.
"""

import functools
import math
from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor

from landscape.snn.kernels import NeuronDynamics, forward_pass, membranes
from landscape.snn.surrogate import Surrogate

_NUM_PATHS = 2**15  # simulated neurons: a firing rate of 0.1 to about 0.001


@dataclass(frozen=True, kw_only=True)
class Layer:
    """What a scheme may know of a weight: how many inputs an output has, and the reverse."""

    fan_in: int  # C_in k² for a convolution
    fan_out: int  # C_out k²
    kernel: int = 1  # k²
    beta: float  # of the IKUN schemes
    rate: float = 0.1  # of the spikes that come in: p, per input and time step
    normalised: bool = False  # a batch norm follows, so that currents have variance 1
    num_time_steps: int = 4
    dynamics: NeuronDynamics = field(default_factory=NeuronDynamics)


def torch_default(layer: Layer) -> float:
    """1 / (3 fan_in): PyTorch's reset_parameters, He's uniform scheme at a = √5."""
    return 1 / (3 * layer.fan_in)


def lecun(layer: Layer) -> float:
    """1 / fan_in: LeCun, Bottou, Orr & Müller, Efficient BackProp (1998), section 4.6."""
    return 1 / layer.fan_in


def xavier(layer: Layer) -> float:
    """2 / (fan_in + fan_out): Glorot & Bengio (AISTATS 2010), equation 12."""
    return 2 / (layer.fan_in + layer.fan_out)


def kaiming(layer: Layer) -> float:
    """2 / fan_in, for ReLU: He, Zhang, Ren & Sun (ICCV 2015), equation 10."""
    return 2 / layer.fan_in


def normal(layer: Layer) -> float:
    """0.02², whatever the layer: the fixed-scale baseline of the IKUN protocol."""
    return 0.02**2


def ikun_v1(layer: Layer) -> float:
    """β / fan_in: Chang, Wang & Xiao (arXiv 2411.18250), with β of ``ikun_beta``."""
    return layer.beta / layer.fan_in


def ikun_v2(layer: Layer) -> float:
    """β / (fan_in + fan_out): Chang, Wang & Xiao (arXiv 2411.18250), with β of ``ikun_beta``."""
    return layer.beta / (layer.fan_in + layer.fan_out)


def micheli(layer: Layer) -> float:
    """1 / (fan_in P(u > 1)), u standard normal: Micheli et al. (arXiv 2410.00580); 6.303/fan_in."""
    return 1 / (layer.fan_in * 0.5 * math.erfc(1 / math.sqrt(2)))


def fluctuation_driven(layer: Layer) -> float:
    """θ² / (ξ² fan_in p T), ξ = 2: after T steps the membrane's spread is θ / ξ.

    Rossbroich, Gygax & Zenke (2022) set the spread of a leaky neuron's membrane in equilibrium to
    θ / ξ; an integrate-and-fire neuron has none, and this is its form for T steps. Over all
    neurons the spread is larger by sqrt(1 + (T - 1) p), since each has its own mean current.
    """
    spread = layer.dynamics.threshold / 2
    return spread**2 / (layer.fan_in * layer.rate * layer.num_time_steps)


def spikeinit(layer: Layer) -> float:
    """σ² / (fan_in p), where currents of variance σ² make neurons fire at p: the rate is kept.

    The fixed point of the firing rate that Shi & Yu (ICML 2026) ask for, here for T steps from
    rest and by simulation.
    """
    sigma = current_for_rate(layer.rate, layer.num_time_steps, layer.dynamics)
    return sigma**2 / (layer.fan_in * layer.rate)


def surrogate_backward(layer: Layer) -> float:
    """1 / (fan_out E[σ'(u)²]): backward through the surrogate, gradients keep their variance.

    He et al.'s (ICCV 2015) backward condition with the surrogate's derivative in place of
    ReLU's. u = h - θ is simulated: on currents of variance fan_in p Var, which depends on the
    variance sought, or of variance 1 where a batch norm follows.
    """

    def gain(variance: float) -> float:
        spread = 1.0 if layer.normalised else math.sqrt(layer.fan_in * layer.rate * variance)
        slope = mean_square_slope(spread, layer.rate, layer.num_time_steps, layer.dynamics)
        return variance * layer.fan_out * slope

    if layer.normalised:
        return 1 / gain(1.0)
    return _solve(gain, 1.0)


@functools.cache
def current_for_rate(rate: float, num_time_steps: int, dyn: NeuronDynamics) -> float:
    """Standard deviation σ of the currents that make neurons fire at ``rate``."""
    Z = _currents(rate, num_time_steps)
    fired = functools.partial(forward_pass, num_time_steps=num_time_steps, dyn=dyn)
    return _solve(lambda sigma: float(fired(sigma * Z).mean()), rate)


@functools.cache
def mean_square_slope(sigma: float, rate: float, num_time_steps: int, dyn: NeuronDynamics) -> float:
    """E[σ'(u)²] over neurons and time steps, on currents of standard deviation ``sigma``."""
    h = torch.stack(membranes(sigma * _currents(rate, num_time_steps), num_time_steps, dyn))
    return float(dyn.surrogate.derivative(h - dyn.threshold).square().mean())


def _currents(rate: float, num_time_steps: int) -> Tensor:
    """Currents of many neurons, shape (T, neurons), normal with variance 1.

    Inputs that spike independently with probability p give each neuron a mean current, its own
    but the same at each step, which holds the share p of the variance.
    """
    rng = torch.Generator().manual_seed(0)
    z = torch.randn(num_time_steps + 1, _NUM_PATHS, generator=rng, dtype=torch.float64)
    return math.sqrt(rate) * z[:1] + math.sqrt(1 - rate) * z[1:]


def _solve(function: Callable[[float], float], target: float) -> float:
    """Return x > 0 with ``function(x) = target`` by bisection of log x; it is to increase."""
    low, high = -20.0, 20.0
    if not function(math.exp(low)) < target < function(math.exp(high)):
        raise ValueError(
            f"no weight scale reaches {target:g}; the neurons give from "
            f"{function(math.exp(low)):.3g} to {function(math.exp(high)):.3g}. Choose another rate."
        )
    for _ in range(50):
        middle = (low + high) / 2
        if function(math.exp(middle)) < target:
            low = middle
        else:
            high = middle
    return math.exp((low + high) / 2)


def ikun_beta(surrogate: Surrogate | None = None) -> float:
    """β = 1 / mean of σ'(x) over 1000 equally spaced x in [-1, 1].

    None takes σ'(x) = 1 / (1 + x²), which the released code uses for every surrogate: 1.2737.
    The derivative of ATan(alpha=2), which its networks train with, gives 2.490.
    """
    x = torch.linspace(-1, 1, 1000, dtype=torch.float64)
    slope = 1 / (1 + x * x) if surrogate is None else surrogate.derivative(x)
    return 1 / float(slope.abs().mean())
