"""Weight initialisations, paired: the same seed gives every scheme the same base draws.

Each weight is W = c Z, or W = c √3 (2 Φ(Z) - 1) for the uniform twins, where Z holds standard
normal draws that depend on the seed and the model's shapes only and Φ is the normal distribution
function. Two schemes at one seed thus differ in scale, not in luck. Batch norms start at weight
1 and bias 0; all other biases at 0.
"""

import difflib
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from landscape.snn.surrogate import ATan, Surrogate

Beta = Literal["released", "surrogate"]


@dataclass(frozen=True, kw_only=True)
class Layer:
    """What a scheme may know of a weight: how many inputs an output has, and the reverse."""

    fan_in: int  # C_in k² for a convolution
    fan_out: int  # C_out k²
    beta: float  # of the IKUN schemes


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
    # Rows (or columns) orthonormal times the gain: Saxe, McClelland & Ganguli (ICLR 2014).
    "orthogonal": Scheme(lambda layer: 1 / max(layer.fan_in, layer.fan_out), "orthogonal"),
}
# The distribution that the IKUN protocol draws each of these baselines from.
SCHEMES |= {
    "lecun": SCHEMES["lecun_normal"],
    "xavier": SCHEMES["xavier_uniform"],
    "kaiming": SCHEMES["kaiming_uniform"],
}


def ikun_beta(surrogate: Surrogate | None = None) -> float:
    """β = 1 / mean of σ'(x) over 1000 equally spaced x in [-1, 1].

    None takes σ'(x) = 1 / (1 + x²), which the released code uses for every surrogate: 1.2737.
    The derivative of ATan(alpha=2), which its networks train with, gives 2.490.
    """
    x = torch.linspace(-1, 1, 1000, dtype=torch.float64)
    slope = 1 / (1 + x * x) if surrogate is None else surrogate.derivative(x)
    return 1 / float(slope.abs().mean())


@torch.no_grad()
def initialize(
    model: nn.Module,
    scheme: str,
    *,
    seed: int,
    gain: float = 1.0,
    beta: Beta = "released",
    surrogate: Surrogate | None = None,
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
        That of the model's neurons; None is ATan(alpha=2).

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
    beta_value = ikun_beta() if beta == "released" else ikun_beta(surrogate or ATan())
    rng = torch.Generator().manual_seed(seed)
    stds: dict[str, float] = {}
    for name, weight in _weights(model):
        fan_in, fan_out = fans(weight)
        layer = Layer(fan_in=fan_in, fan_out=fan_out, beta=beta_value)
        std = gain * math.sqrt(chosen.variance(layer))
        Z = torch.randn(weight.shape, generator=rng, dtype=torch.float64)
        weight.copy_(_shaped(Z, std, chosen.distribution))
        stds[name] = std
    _reset_other_parameters(model)
    return stds


def scheme_by_name(name: str) -> Scheme:
    """Look a scheme up; ValueError with close matches if there is none of that name."""
    if name not in SCHEMES:
        close = difflib.get_close_matches(name.lower(), SCHEMES, n=3)
        hint = f"Did you mean {' or '.join(close)}? " if close else ""
        raise ValueError(
            f"initialisation {name!r} is unknown. {hint}Known: {', '.join(sorted(SCHEMES))}."
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


def _weights(model: nn.Module) -> Iterator[tuple[str, Tensor]]:
    kinds = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d)
    found = False
    for name, module in model.named_modules():
        if isinstance(module, kinds):
            found = True
            yield f"{name}.weight" if name else "weight", module.weight
    if not found:
        raise ValueError(f"{type(model).__name__} has no nn.Linear or nn.Conv layer to initialise.")


def _reset_other_parameters(model: nn.Module) -> None:
    for module in model.modules():
        if isinstance(module, (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)):
            module.reset_parameters()  # weight 1, bias 0, running statistics 0 and 1
        elif isinstance(module, (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d)) and (
            module.bias is not None
        ):
            nn.init.zeros_(module.bias)
