"""Variances of the weights: one rule a scheme, each with its formula and source.

``fan_in`` and ``fan_out`` count a weight's inputs and outputs, the kernel included. The rules of
the second half ask how a layer of these very neurons behaves over its T time steps, and simulate
it on Gaussian currents: no data needed.
"""

import functools
import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from landscape.snn.behaviour import Neurons

_NUM_PATHS = 2**15  # simulated neurons: a firing rate of 0.1 to about 0.001


@dataclass(frozen=True, kw_only=True)
class Layer:
    """What a scheme may know of a weight: how many inputs an output has, and the reverse."""

    fan_in: float  # C_in k² for a convolution
    fan_out: float  # C_out k²
    side: int = 1  # the longer one of the matrix (outputs, inputs of each)
    beta: float  # of the IKUN schemes
    rate: float = 0.1  # of the spikes that come in: p, per input and time step
    normalised: bool = False  # a batch norm follows, so that currents have variance 1
    num_time_steps: int | None = None  # T; None: not known
    neurons: Neurons | None = None  # that its outputs reach; None: there are none

    def simulated(self) -> tuple[int, Neurons]:
        """T and the neurons, for rules that simulate them.

        Raises
        ------
        ValueError
            If one of the two is not known.
        """
        if self.neurons is None:
            raise ValueError(
                "this scheme follows from how the network's neurons fire, and it has none that are "
                "known here. Choose another, such as ikun_v2."
            )
        if self.num_time_steps is None:
            raise ValueError(
                "this scheme follows from how neurons fire over T time steps, which only whoever "
                "runs the network knows. Say num_time_steps=T (--time-steps T)."
            )
        return self.num_time_steps, self.neurons


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


def orthogonal(layer: Layer) -> float:
    """1 / the longer side: rows, or columns, orthonormal: Saxe, McClelland & Ganguli (2014)."""
    return 1 / layer.side


def fluctuation_driven(layer: Layer) -> float:
    """θ² / (ξ² fan_in p Σ r²), ξ = 2: after T steps the membrane's spread is θ / ξ.

    r, over T steps, is the membrane's answer to a current of 1 in the first: Σ r² is T without
    leak. Rossbroich, Gygax & Zenke (2022) set the spread of a leaky neuron's membrane in
    equilibrium to θ / ξ; this is their rule for T steps from rest. Over all neurons the spread is
    larger, without leak by sqrt(1 + (T - 1) p), since each has its own mean current.
    """
    num_time_steps, neurons = layer.simulated()
    spread = neurons.threshold / 2
    energy = impulse_energy(num_time_steps, neurons)
    return spread**2 / (layer.fan_in * layer.rate * energy)


def spikeinit(layer: Layer) -> float:
    """σ² / (fan_in p), where currents of variance σ² make neurons fire at p: the rate is kept.

    The fixed point of the firing rate that Shi & Yu (ICML 2026) ask for, here for T steps from
    rest and by simulation.
    """
    num_time_steps, neurons = layer.simulated()
    sigma = current_for_rate(layer.rate, num_time_steps, neurons)
    return sigma**2 / (layer.fan_in * layer.rate)


def surrogate_backward(layer: Layer) -> float:
    """1 / (fan_out E[σ'(u)²]): backward through the surrogate, gradients keep their variance.

    He et al.'s (ICCV 2015) backward condition with the surrogate's derivative in place of
    ReLU's. u = h - θ is simulated: on currents of variance fan_in p Var, which depends on the
    variance sought, or of variance 1 where a batch norm follows.
    """
    steps, neurons = layer.simulated()

    def gain(variance: float) -> float:
        spread = 1.0 if layer.normalised else math.sqrt(layer.fan_in * layer.rate * variance)
        slope = mean_square_slope(spread, layer.rate, steps, neurons)
        return variance * layer.fan_out * slope

    if layer.normalised:
        return 1 / gain(1.0)
    return _solve(gain, 1.0)


@functools.lru_cache(maxsize=64)
def current_for_rate(rate: float, num_time_steps: int, neurons: Neurons) -> float:
    """Standard deviation σ of the currents that make neurons fire at ``rate``."""
    Z = _currents(rate, num_time_steps)
    return _solve(lambda sigma: float(neurons.run(sigma * Z)[1].mean()), rate)


@functools.lru_cache(maxsize=4096)
def mean_square_slope(sigma: float, rate: float, num_time_steps: int, neurons: Neurons) -> float:
    """E[σ'(u)²] over neurons and time steps, on currents of standard deviation ``sigma``."""
    u, _ = neurons.run(sigma * _currents(rate, num_time_steps))
    return float(neurons.slope(u).square().mean())


def impulse_energy(num_time_steps: int, neurons: Neurons) -> float:
    """Σ r² over the steps, r the membrane's answer to a current of 1 in the first of them."""
    small = 1e-3 * abs(neurons.threshold)  # no spike, which would end the answer
    currents = torch.zeros(num_time_steps, 2, dtype=torch.float64)
    currents[0, 1] = small
    u, _ = neurons.run(currents)
    return float(((u[:, 1] - u[:, 0]) / small).square().sum())


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


def ikun_beta(slope: Callable[[Tensor], Tensor] | None = None) -> float:
    """β = 1 / mean of ``slope``, a surrogate's σ', over 1000 equally spaced x in [-1, 1].

    None takes σ'(x) = 1 / (1 + x²), which the released code uses for every surrogate: 1.2737.
    The derivative of ATan(alpha=2), which its networks train with, gives 2.490.

    Raises
    ------
    ValueError
        If the mean is zero, or no number.
    """
    x = torch.linspace(-1, 1, 1000, dtype=torch.float64)
    mean = float((1 / (1 + x * x) if slope is None else slope(x)).abs().mean())
    if not (math.isfinite(mean) and mean > 0):
        raise ValueError(
            f"the surrogate's derivative has a mean of {mean:g} over [-1, 1], from which no β "
            "follows. Give another surrogate, or take the released β."
        )
    return 1 / mean
