"""Relative flatness of a layer: its curvature in units of its own weights (Petzka et al. 2021)."""

from functools import partial

import torch
from torch import Generator, Tensor

from landscape.curvature.hessian import HessianOperator
from landscape.linalg.estimate import estimate_mean
from landscape.linalg.units import Keep, afresh, number
from landscape.objective.risk import EmpiricalRisk
from landscape.parameters import ParameterLayout
from landscape.values import Estimate


def last_weights(layout: ParameterLayout, num_layers: int) -> tuple[str, ...]:
    """Names of the last ``num_layers`` weight tensors (two or more dimensions), last first."""
    if num_layers < 1:
        raise ValueError(f"num_layers must be at least 1; got {num_layers}.")
    weights = [n for n, s in zip(layout.names, layout.shapes, strict=True) if len(s) > 1]
    return tuple(reversed(weights[-num_layers:]))


def relative_flatness(
    risk: EmpiricalRisk, name: str, *, num_probes: int, rng: Generator, keep: Keep = afresh
) -> Estimate:
    """κ(W) = Σ_{r,s} ⟨w_r, w_s⟩ tr H_{r,s} for the layer ``name`` with rows w_r.

    H_{r,s} is the block of the Hessian (formal, on a spiking network) between rows r and s of W,
    its filters flattened. Equals E zᵀ H z for z = W Wᵀ to the power ½ times Rademacher signs,
    hence one matvec a probe; the standard error is over probes. In units of the loss. Unchanged
    when rows are rescaled before a batch norm or a whole layer between ReLUs.

    References
    ----------
    .. [1] Petzka et al. (2021), Relative Flatness and Generalization, NeurIPS, definition 3.
    """
    if num_probes < 2:
        raise ValueError(f"num_probes must be at least 2 to give a stderr; got {num_probes}.")
    layer = risk.select([name])
    W = layer.layout.split(layer.theta)[0].flatten(1)  # (d, m)
    root = _root_of_gram(W.double()).to(W.dtype)  # (d, k), root rootᵀ = W Wᵀ
    H = HessianOperator(layer)

    def form(z: Tensor) -> float:
        return float(z.double() @ (H @ z).double())

    forms = []
    for k in range(num_probes):
        signs = torch.randint(0, 2, (root.shape[1], W.shape[1]), generator=rng)
        z = (root @ (2 * signs - 1).to(root)).flatten()
        forms.append(number(keep, f"probe {k}", partial(form, z)))
    return estimate_mean(torch.tensor(forms, dtype=torch.float64))


def _root_of_gram(W: Tensor) -> Tensor:
    """A matrix R with R Rᵀ = W Wᵀ and as few columns as W has rows or columns."""
    if W.shape[0] >= W.shape[1]:
        return W
    values, vectors = torch.linalg.eigh(W @ W.T)
    root: Tensor = vectors * values.clamp(min=0).sqrt()
    return root
