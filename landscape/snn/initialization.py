"""Weight initialisations, paired: the same seed gives every scheme the same base draws.

Each weight is W = c Z, or W = c √3 (2 Φ(Z) - 1) for the uniform twins, where Z holds standard
normal draws that depend on the seed and the model's shapes only and Φ is the normal distribution
function. Two schemes at one seed thus differ in scale, not in luck. Normalisations start at weight
1 and bias 0; all other biases at 0. What is neither is not guessed at.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from landscape.hints import few
from landscape.parameters import select_names
from landscape.snn.adapters import described
from landscape.snn.behaviour import Neurons, neurons_of
from landscape.snn.layers import Weight, neurons_own, norms_of, weights_of, zeroed_of
from landscape.snn.schemes import Scheme, scheme_by_name
from landscape.snn.surrogate import Surrogate
from landscape.snn.variance import Layer, ikun_beta

Beta = Literal["released", "surrogate"]
_NAMED = 6  # parameters in a message


@dataclass(frozen=True, kw_only=True)
class DrawnWeight:
    """What a weight was drawn from."""

    name: str
    std: float
    fan_in: float
    fan_out: float
    beta: float | None  # None: not of an IKUN scheme
    neurons: str  # that its outputs reach, in words; "" if none are known


@dataclass(frozen=True, kw_only=True)
class Initialisation(Mapping[str, float]):
    """Standard deviation of each weight, by parameter name; printed, it says what was taken."""

    scheme: str
    weights: tuple[DrawnWeight, ...]
    left: tuple[str, ...]  # parameters that are as the network was built with

    def __getitem__(self, name: str) -> float:
        return {w.name: w.std for w in self.weights}[name]

    def __iter__(self) -> Iterator[str]:
        return iter(w.name for w in self.weights)

    def __len__(self) -> int:
        return len(self.weights)

    def __str__(self) -> str:
        lines = [f"{self.scheme}: {len(self)} weights"]
        for w in self.weights:
            beta = "" if w.beta is None else f", β {w.beta:.4f}"
            neurons = f", before {w.neurons}" if w.neurons else ""
            lines.append(
                f"  {w.name}: std {w.std:.4g}, fan-in {w.fan_in:g}, fan-out {w.fan_out:g}"
                f"{beta}{neurons}"
            )
        if self.left:
            lines.append(f"  left as the network was built with: {', '.join(self.left)}")
        return "\n".join(lines)


@torch.no_grad()
def initialise(
    model: nn.Module,
    scheme: str,
    *,
    seed: int,
    gain: float = 1.0,
    beta: Beta = "released",
    surrogate: Surrogate | None = None,
    rate: float = 0.1,
    num_time_steps: int | None = None,
    leave: str = "",
) -> Initialisation:
    """Initialise a network in place: linear, convolutional, recurrent layers and attention.

    Neurons are those of this package, SpikingJelly or snnTorch; what a scheme asks of them, such as
    the surrogate's derivative, is asked of the very modules. Their own parameters (a learnt decay)
    stay, as do frozen ones. Which neurons a layer's outputs reach is read off the order in which
    the network holds its modules, and matters only where they differ.

    Parameters
    ----------
    model
        Spiking or not.
    scheme
        ``ikun_v1``, ``ikun_v2``, ``kaiming``, ``xavier``, ``lecun`` or another; a name that is not
        known is answered with all that are.
    seed
        Of the base draws.
    gain
        Multiplies all weights.
    beta
        Of the IKUN schemes: "released" is 1.2737, "surrogate" follows from the surrogate in use.
    surrogate
        In place of that of the network's neurons.
    rate
        Firing rate per input and time step, in (0, 1), that the schemes of spiking networks
        (``fluctuation_driven``, ``spikeinit``, ``surrogate_backward``) assume.
    num_time_steps
        T, which these three ask for, where the neurons do not tell, as those of this package do.
    leave
        Globs of the names of parameters to leave alone, comma-separated.

    Raises
    ------
    ValueError
        If the network has no such layer, or a parameter that no scheme knows; if neurons do not
        tell what the scheme asks for; or for an argument out of range.
    """
    chosen = scheme_by_name(scheme)
    if not (math.isfinite(gain) and gain > 0):
        raise ValueError(f"gain must be a positive number; got {gain}.")
    if beta not in ("released", "surrogate"):
        raise ValueError(f"beta must be 'released' or 'surrogate'; got {beta!r}.")
    if not 0 < rate < 1:
        raise ValueError(f"rate, a probability per time step, must lie in (0, 1); got {rate}.")
    left = _left(model, leave)
    weights = list(weights_of(model))
    _check_all_known(model, weights, left)
    # Whatever is refused, the network is as it was: nothing is written until all is known.
    drawn = {}
    for weight in weights:
        if weight.name in left:
            continue
        neurons = _neurons(weight, surrogate)
        beta_value = None
        if scheme.startswith("ikun"):
            beta_value = _beta(beta, weight, neurons, surrogate)
        layer = Layer(
            fan_in=weight.fan_in,
            fan_out=weight.fan_out,
            side=weight.side,
            beta=beta_value or math.nan,
            rate=rate,
            normalised=weight.normalised,
            num_time_steps=getattr(weight.neurons, "num_time_steps", None) or num_time_steps,
            neurons=neurons,
        )
        drawn[weight.name] = DrawnWeight(
            name=weight.name,
            std=gain * math.sqrt(chosen.variance(layer)),
            fan_in=weight.fan_in,
            fan_out=weight.fan_out,
            beta=beta_value,
            neurons="" if weight.neurons is None else described(weight.neurons),
        )
    rng = torch.Generator().manual_seed(seed)
    for weight in weights:
        Z = torch.randn(weight.parameter.shape, generator=rng, dtype=torch.float64)
        if weight.name in drawn:
            std = drawn[weight.name].std
            blocks = [_shaped(block, std, chosen) for block in Z.chunk(weight.blocks)]
            weight.parameter.copy_(torch.cat(blocks))
    _set_others(model, left)
    return Initialisation(scheme=scheme, weights=tuple(drawn.values()), left=tuple(left))


def _left(model: nn.Module, leave: str) -> list[str]:
    """Names of parameters that stay as they are: those asked for, frozen ones, the neurons'."""
    names = [name for name, _ in model.named_parameters()]
    asked = select_names(names, leave, option="leave") if leave else ()
    own = neurons_own(model)
    return [
        name
        for name, parameter in model.named_parameters()
        if name in asked or not parameter.requires_grad or id(parameter) in own
    ]


def _check_all_known(model: nn.Module, weights: list[Weight], left: list[str]) -> None:
    if not weights:
        raise ValueError(
            f"{type(model).__name__} has no linear, convolutional or recurrent layer to initialise."
        )
    known = {id(w.parameter) for w in weights} | {id(p) for _, p in zeroed_of(model)}
    known |= {id(p) for _, norm in norms_of(model) for p in norm.parameters(recurse=False)}
    strange = [
        name for name, p in model.named_parameters() if id(p) not in known and name not in left
    ]
    if strange:
        raise ValueError(
            f"no scheme says how {few(strange, _NAMED)} of {type(model).__name__} start: only "
            "weights and biases of linear, convolutional and recurrent layers, attention and "
            "normalisations are known. Set them in the network's own code, and leave them alone: "
            f"leave={','.join(strange)!r}."
        )


def _neurons(weight: Weight, surrogate: Surrogate | None) -> Neurons | None:
    if weight.neurons is None:
        return None
    found = neurons_of(weight.neurons)
    return found if surrogate is None else found.with_surrogate(surrogate)


def _beta(
    beta: Beta, weight: Weight, neurons: Neurons | None, surrogate: Surrogate | None
) -> float:
    if beta == "released":
        return ikun_beta()
    if neurons is not None:
        return ikun_beta(neurons.slope)
    if surrogate is not None:
        return ikun_beta(surrogate.derivative)
    raise ValueError(
        f"β follows from the surrogate, and no neurons that are known come after {weight.name}. "
        "Give surrogate=…, or take the released β."
    )


def _shaped(Z: Tensor, std: float, scheme: Scheme) -> Tensor:
    if scheme.distribution == "normal":
        return std * Z
    if scheme.distribution == "uniform":
        return std * math.sqrt(3) * torch.erf(Z / math.sqrt(2))  # erf(Z/√2) = 2 Φ(Z) - 1
    rows = Z.flatten(1)
    tall = rows if rows.shape[0] >= rows.shape[1] else rows.T
    Q, R = torch.linalg.qr(tall)
    Q = Q * torch.sign(torch.diagonal(R))  # makes Q uniform over the orthogonal group
    Q = Q if rows.shape[0] >= rows.shape[1] else Q.T
    gain = std * math.sqrt(max(rows.shape))
    matrix: Tensor = gain * Q.reshape(Z.shape)
    return matrix


def _set_others(model: nn.Module, left: list[str]) -> None:
    for name, bias in zeroed_of(model):
        if name not in left:
            nn.init.zeros_(bias)
    for name, norm in norms_of(model):
        if not any(f"{name}.{key}".removeprefix(".") in left for key in norm._parameters):
            norm.reset_parameters()  # weight 1, bias 0, running statistics 0 and 1
