"""Weight initialisations, paired: the same seed gives every scheme the same base draws.

Each weight is W = c Z, or W = c √3 (2 Φ(Z) - 1) for the uniform twins, where Z holds standard
normal draws that depend on the seed and the model's shapes only and Φ is the normal distribution
function. Two schemes at one seed thus differ in scale, not in luck. Batch norms start at weight
1 and bias 0; all other biases at 0.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Literal

import torch
from torch import Tensor, nn

from landscape.hints import close_to
from landscape.snn.kernels import NeuronDynamics
from landscape.snn.neuron import SpikingNeuron
from landscape.snn.surrogate import Surrogate
from landscape.snn.variance import (
    Layer,
    fluctuation_driven,
    ikun_beta,
    ikun_v1,
    ikun_v2,
    kaiming,
    lecun,
    micheli,
    normal,
    spikeinit,
    surrogate_backward,
    torch_default,
    xavier,
)

Beta = Literal["released", "surrogate"]
_WEIGHTED = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d)
_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)


@dataclass(frozen=True)
class Scheme:
    """A variance rule and the distribution that has that variance."""

    variance: Callable[[Layer], float]
    distribution: Literal["normal", "uniform", "orthogonal"]


SCHEMES: dict[str, Scheme] = {
    "torch_default": Scheme(torch_default, "uniform"),
    "torch_default_normal": Scheme(torch_default, "normal"),
    "lecun_normal": Scheme(lecun, "normal"),
    "lecun_uniform": Scheme(lecun, "uniform"),
    "xavier_normal": Scheme(xavier, "normal"),
    "xavier_uniform": Scheme(xavier, "uniform"),
    "kaiming_normal": Scheme(kaiming, "normal"),
    "kaiming_uniform": Scheme(kaiming, "uniform"),
    "normal": Scheme(normal, "normal"),
    "normal_uniform": Scheme(normal, "uniform"),
    "ikun_v1": Scheme(ikun_v1, "normal"),
    "ikun_v1_uniform": Scheme(ikun_v1, "uniform"),
    "ikun_v2": Scheme(ikun_v2, "normal"),
    "ikun_v2_uniform": Scheme(ikun_v2, "uniform"),
    "micheli": Scheme(micheli, "normal"),
    "micheli_uniform": Scheme(micheli, "uniform"),
    "fluctuation_driven": Scheme(fluctuation_driven, "normal"),
    "fluctuation_driven_uniform": Scheme(fluctuation_driven, "uniform"),
    "spikeinit": Scheme(spikeinit, "normal"),
    "spikeinit_uniform": Scheme(spikeinit, "uniform"),
    "surrogate_backward": Scheme(surrogate_backward, "normal"),
    "surrogate_backward_uniform": Scheme(surrogate_backward, "uniform"),
    # Rows (or columns) orthonormal times the gain: Saxe, McClelland & Ganguli (ICLR 2014).
    "orthogonal": Scheme(
        lambda layer: 1 / max(layer.fan_in, layer.fan_out // layer.kernel), "orthogonal"
    ),
}
# The distribution that the IKUN protocol draws each of these baselines from.
SCHEMES |= {
    "lecun": SCHEMES["lecun_normal"],
    "xavier": SCHEMES["xavier_uniform"],
    "kaiming": SCHEMES["kaiming_uniform"],
}


@torch.no_grad()
def initialize(
    model: nn.Module,
    scheme: str,
    *,
    seed: int,
    gain: float = 1.0,
    beta: Beta = "released",
    surrogate: Surrogate | None = None,
    rate: float = 0.1,
) -> dict[str, float]:
    """Initialise the weights of all linear and convolutional layers of ``model`` in place.

    Parameters
    ----------
    scheme
        A key of ``SCHEMES``.
    seed
        Of the base draws.
    gain
        Multiplies all weights.
    beta
        Of the IKUN schemes: "released" is 1.2737, "surrogate" follows from ``surrogate``.
    surrogate
        None takes that of the model's neurons (ATan(alpha=2) if it has none of this package).
    rate
        Firing rate per input and time step, in (0, 1), that the schemes of spiking networks
        (``fluctuation_driven``, ``spikeinit``, ``surrogate_backward``) assume.

    Returns
    -------
    dict
        Standard deviation of each weight, by parameter name.
    """
    chosen = scheme_by_name(scheme)
    if not (math.isfinite(gain) and gain > 0):
        raise ValueError(f"gain must be a positive number; got {gain}.")
    if beta not in ("released", "surrogate"):
        raise ValueError(f"beta must be 'released' or 'surrogate'; got {beta!r}.")
    if not 0 < rate < 1:
        raise ValueError(f"rate, a probability per time step, must lie in (0, 1); got {rate}.")
    neuron = next((m for m in model.modules() if isinstance(m, SpikingNeuron)), None)
    dynamics = neuron.dynamics if neuron is not None else NeuronDynamics()
    if surrogate is not None:
        dynamics = replace(dynamics, surrogate=surrogate)
    beta_value = ikun_beta() if beta == "released" else ikun_beta(dynamics.surrogate)
    rng = torch.Generator().manual_seed(seed)
    stds: dict[str, float] = {}
    for name, weight, normalised in _weights(model):
        fan_in, fan_out = fans(weight)
        layer = Layer(
            fan_in=fan_in,
            fan_out=fan_out,
            kernel=math.prod(weight.shape[2:]),
            beta=beta_value,
            rate=rate,
            normalised=normalised,
            num_time_steps=neuron.num_time_steps if neuron is not None else 4,
            dynamics=dynamics,
        )
        std = gain * math.sqrt(chosen.variance(layer))
        Z = torch.randn(weight.shape, generator=rng, dtype=torch.float64)
        weight.copy_(_shaped(Z, std, chosen.distribution))
        stds[name] = std
    _reset_other_parameters(model)
    return stds


def scheme_by_name(name: str) -> Scheme:
    """Look a scheme up; ValueError with close matches if there is none of that name."""
    if name not in SCHEMES:
        raise ValueError(
            f"initialisation {name!r} is unknown.{close_to(name, SCHEMES)} "
            f"Known: {', '.join(sorted(SCHEMES))}."
        )
    return SCHEMES[name]


def fans(weight: Tensor) -> tuple[int, int]:
    """fan_in and fan_out of a weight of shape (outputs, inputs, *kernel)."""
    kernel = math.prod(weight.shape[2:])
    return weight.shape[1] * kernel, weight.shape[0] * kernel


def _shaped(Z: Tensor, std: float, distribution: str) -> Tensor:
    if distribution == "normal":
        return std * Z
    if distribution == "uniform":
        return std * math.sqrt(3) * torch.erf(Z / math.sqrt(2))  # erf(Z/√2) = 2 Φ(Z) - 1
    rows = Z.flatten(1)
    tall = rows if rows.shape[0] >= rows.shape[1] else rows.T
    Q, R = torch.linalg.qr(tall)
    Q = Q * torch.sign(torch.diagonal(R))  # makes Q uniform over the orthogonal group
    Q = Q if rows.shape[0] >= rows.shape[1] else Q.T
    gain = std * math.sqrt(max(rows.shape))
    matrix: Tensor = gain * Q.reshape(Z.shape)
    return matrix


def _weights(model: nn.Module) -> Iterator[tuple[str, Tensor, bool]]:
    """Name and weight of each layer, and whether a batch norm comes next."""
    modules = list(model.named_modules())
    followers = [module for _, module in modules[1:]] + [None]
    found = False
    for (name, module), follower in zip(modules, followers, strict=True):
        if isinstance(module, _WEIGHTED):
            found = True
            yield (
                f"{name}.weight" if name else "weight",
                module.weight,
                isinstance(follower, _NORMS),
            )
    if not found:
        raise ValueError(f"{type(model).__name__} has no nn.Linear or nn.Conv layer to initialise.")


def _reset_other_parameters(model: nn.Module) -> None:
    for module in model.modules():
        if isinstance(module, _NORMS):
            module.reset_parameters()  # weight 1, bias 0, running statistics 0 and 1
        elif isinstance(module, _WEIGHTED) and module.bias is not None:
            nn.init.zeros_(module.bias)
