"""S'AS with S from the weights, blind to their rescaling, or from an optimiser's state.

Batch norm and ReLU let weights be rescaled without changing the function, and with it any
eigenvalue of A (Dinh et al. 2017, arXiv 1703.04933). The eigenvalues of S'AS do not move
(Kwon et al. 2021, arXiv 2102.11600; Andriushchenko et al. 2023, arXiv 2302.07011):

- ``filter``: s_i = the norm of the filter (row, for a matrix) that entry i belongs to; blind to
  rescalings of whole filters before a batch norm, and of whole layers between ReLUs.
- ``weight``: s_i = |θ_i|; blind to those and to rescalings of single units between ReLUs.

- ``symmetry``: |θ_i| too, but products of weights by their factor metric, which is not diagonal;
  blind also to what attention, adapters and normalisations leave open
  (:mod:`landscape.curvature.symmetry.factor_metric`).

Tensors of one dimension (biases, batch norm) have entries for filters: s_i = |θ_i| in the first
two.

An optimiser with a diagonal preconditioner P descends on the eigenvectors of P^-1 A, whose
eigenvalues are those of P^-1/2 A P^-1/2 (Cohen et al. 2022, arXiv 2207.14484):

- ``optimizer``: s_i = P_ii^-1/2.
"""

import torch
from torch import Tensor

from landscape.catalog import SCALES, SCALES_OF_WEIGHTS, ScaleKind, resolve
from landscape.linalg.linear_map import DiagonalMap, LinearMap
from landscape.linalg.operator import SelfAdjointOperator
from landscape.objective.risk import EmpiricalRisk
from landscape.parameters import ParameterLayout
from landscape.results import DoesNotApply


class ScaledOperator(SelfAdjointOperator):
    """S'AS, S a map on the same space."""

    def __init__(self, operator: SelfAdjointOperator, scale: LinearMap) -> None:
        if scale.dim != operator.dim:
            raise ValueError(
                f"scale must act on vectors of shape ({operator.dim},); got one for ({scale.dim},)."
            )
        self.parts, self.scale = (operator,), scale
        self.dim, self.dtype, self.device = operator.dim, operator.dtype, operator.device

    def _matvec(self, v: Tensor) -> Tensor:
        return self.scale.T @ (self.parts[0] @ (self.scale @ v))


def need_weights(theta: Tensor) -> None:
    """Refuse weights that are all 0: nothing can be measured relative to them.

    Raises
    ------
    DoesNotApply
        If they are.
    """
    if not theta.any():
        raise DoesNotApply("all weights are 0, so nothing can be measured relative to them.")


def filter_scale(layout: ParameterLayout, theta: Tensor) -> Tensor:
    """Norm of the filter that each entry of θ belongs to, shape (P,)."""
    return layout.flatten([_filter_norms(w) for w in layout.split(theta)])


def weight_scale(layout: ParameterLayout, theta: Tensor) -> Tensor:
    """|θ_i|, shape (P,)."""
    del layout
    return theta.abs()


def no_scale(layout: ParameterLayout, theta: Tensor) -> Tensor:
    """Ones, shape (P,)."""
    del layout
    return torch.ones_like(theta)


def optimizer_scale(layout: ParameterLayout, preconditioner: Tensor) -> Tensor:
    """P_ii^-1/2, shape (P,); 0 where the optimiser makes no steps."""
    del layout
    return preconditioner.rsqrt()


def filter_noise(layout: ParameterLayout, theta: Tensor) -> Tensor:
    """Norm of each entry's filter over the root of its size: each filter moves by its own norm."""
    sizes = [w.numel() // max(1, w.shape[0]) if w.ndim > 1 else 1 for w in layout.split(theta)]
    counts = [
        torch.full_like(w, float(size)) for w, size in zip(layout.split(theta), sizes, strict=True)
    ]
    return filter_scale(layout, theta) / layout.flatten(counts).sqrt()


def scale_of(name: str, risk: EmpiricalRisk) -> LinearMap:
    """S by name, on vectors of shape (P,).

    Raises
    ------
    DoesNotApply
        Where S is made of the optimiser's state, and none is known.
    """
    kind, layout = SCALES[name], risk.layout
    if kind.linear:
        return _linear(kind, risk)
    made_of = risk.theta if kind.of_weights else risk.preconditioner(layout)
    diagonal: Tensor = resolve(kind.diagonal)(layout, made_of)
    return DiagonalMap(diagonal.to(risk.theta))


def relative_scale(name: str, risk: EmpiricalRisk) -> LinearMap:
    """S with noise S ε, ε ~ N(0, I), relative to the weights, of which it is made.

    E‖S ε‖² = ‖θ‖² where S is diagonal; else each product of weights moves by its own size.

    Raises
    ------
    DoesNotApply
        If all weights are 0: then so is S.
    """
    need_weights(risk.theta)
    kind, layout, theta = SCALES_OF_WEIGHTS[name], risk.layout, risk.theta
    if kind.linear:
        return _linear(kind, risk)
    S: Tensor = resolve(kind.relative or kind.diagonal)(layout, theta)
    if not kind.relative:
        S = S * (float(theta.norm()) / float(S.norm()))
    return DiagonalMap(S)


def _linear(kind: ScaleKind, risk: EmpiricalRisk) -> LinearMap:
    found: LinearMap = resolve(kind.linear)(risk)
    return found


def _filter_norms(w: Tensor) -> Tensor:
    if w.ndim < 2:
        return w.abs()
    norms: Tensor = torch.linalg.vector_norm(w, dim=tuple(range(1, w.ndim)), keepdim=True)
    return norms.expand_as(w)
