"""The scale S that no symmetry of a network moves: products by their factor metric, |θ| elsewhere.

Weights that act by a product M = U'V alone (U, V of shapes (r, d₁), (r, d₂): query and key of a
head, the output map and the values, a LoRA pair, adjacent linear maps) can be exchanged for A U and
A^-T V. Perturbations here are

    dU = G u,  G = (V V')^(-1/2) ‖M‖_F / √(r d₁),    dV = H v,  H = (U U')^(-1/2) ‖M‖_F / √(r d₂)

Under the exchange G goes over into A G O with O orthogonal, and S into J S O with J the exchange
itself: the spectrum of S'HS stays, at any θ. E‖dU'V‖² = ‖M‖² for u ~ N(0, I): the product moves by
its own size, as each weight does under |θ|.

Behind a normalisation γ ⊙ x + β the Gram matrices are those of U Γ, Γ = diag(γ), without biases,
and dU = G u Γ^-1; dγ = |γ| u, dβ = |γ| u. Biases of linear maps there have
db = -dW β + G u (factors) or -dW β + |b + W β| u (other maps), and the output bias
db_O = -Σ_h dO_h e_h + |e| u with e_h = b_V + W_V β, e = b_O + Σ_h O_h e_h: then moving β, or a
value's bias, elsewhere changes nothing either. Queries that share a key add their Gram matrices.

Two biases b and c that act by their sum, as a recurrence has them, both have |b + c| u; behind a
normalisation |b + c + W β| u. A recurrent weight between ReLUs takes a factor d_i / d_j, and so
does its size.

References
----------
.. [1] Kristiadi, Dangel & Hennig (2023), The geometry of neural nets' parameter spaces under
       reparametrization, arXiv 2302.07384.
.. [2] da Silva, Dangel & Oore (2025), Hide & seek: transformer symmetries obscure sharpness &
       Riemannian geometry finds it, arXiv 2505.05409.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from landscape.curvature.symmetry.parts import (
    Block,
    Factor,
    Product,
    Symmetries,
    Values,
)
from landscape.linalg.linear_map import LinearMap
from landscape.parameters import ParameterLayout


class _Mixed(NamedTuple):
    """A factor's block: dU = G u Γ^-1, or its bias: db = G u."""

    block: Block
    G: Tensor  # (r, r), symmetric
    inverse: Tensor | None  # (d,), of Γ


class _Shear(NamedTuple):
    """db = … - e dW for a map with its inputs first, shape (d, out), and e of shape (d,)."""

    weight: Block
    vector: Tensor
    bias: Block


class FactorMetric(LinearMap):
    """S = (I + N) D: D blockwise, N from weights into biases.

    Parameters
    ----------
    layout
        θ, some or all of the parameters.
    values
        All parameters by name, those that are held fixed too.
    """

    def __init__(self, layout: ParameterLayout, values: Values, symmetries: Symmetries) -> None:
        self._layout, self._transposed = layout, False
        self.dim = layout.num_params
        own = set(layout.names)
        mixed = [m for product in symmetries.products for m in _mixed(product, values)]
        shears = _shears(values, symmetries)
        sizes = _sizes(layout.names, values, symmetries)
        self._diagonal = layout.flatten(sizes)
        plain = torch.equal(self._diagonal, layout.flatten(values).abs())
        self._mixed = [m for m in mixed if m.block.name in own]
        self._shears = [s for s in shears if s.weight.name in own and s.bias.name in own]
        self.is_weight = plain and not self._mixed and not self._shears  # S is |θ| everywhere

    def __matmul__(self, v: Tensor) -> Tensor:
        if not self._transposed:
            return self._sheared(self._blockwise(v))
        return self._blockwise(self._sheared(v.clone()))

    @property
    def T(self) -> "FactorMetric":
        other = object.__new__(FactorMetric)
        vars(other).update(vars(self), _transposed=not self._transposed)
        return other

    def _blockwise(self, v: Tensor) -> Tensor:
        """D v; D is symmetric."""
        out = self._diagonal * v
        before, after = self._layout.unflatten(v), self._layout.unflatten(out)
        for block, G, inverse in self._mixed:
            product = G @ block.of(before)
            block.of(after).copy_(product if inverse is None else product * inverse)
        return out

    def _sheared(self, v: Tensor) -> Tensor:
        """(I + N) v or its transpose, in place: N only reads what it does not write."""
        pieces = self._layout.unflatten(v)
        for weight, vector, bias in self._shears:
            W, b = weight.of(pieces), bias.of(pieces)
            if self._transposed:
                W -= torch.outer(vector, b)
            else:
                b -= vector @ W
        return v


def _sizes(names: Sequence[str], values: Values, symmetries: Symmetries) -> dict[str, Tensor]:
    """|θ|; of norms, and of biases that have a share in constants, what their moves leave alone."""
    sizes = {name: values[name].abs() for name in names}
    constants = {name: value.clone() for name, value in values.items() if value.ndim == 1}

    def put(block: Block, number: Tensor) -> None:
        if block.name in sizes:
            block.of(sizes).copy_(number.abs())

    for norm in symmetries.norms:
        put(norm.weight, norm.gamma(values))
        if norm.shifts and norm.beta is not None:
            put(norm.beta, norm.gamma(values))
            for weight, bias in norm.biased:
                bias.of(constants).add_(norm.beta.of(values) @ weight.of(values))
                put(bias, bias.of(constants))
    for pair in symmetries.sums:
        total = pair.first.of(constants) + pair.second.of(constants)
        put(pair.first, total)
        put(pair.second, total)
    for output in symmetries.outputs:
        put(output.bias, output.constant(values))
    return sizes


def _shears(values: Values, symmetries: Symmetries) -> list[_Shear]:
    found = []
    for norm in symmetries.norms:
        if norm.shifts and norm.beta is not None:
            found += [_Shear(weight, norm.beta.of(values), bias) for weight, bias in norm.biased]
    for output in symmetries.outputs:
        found += [
            _Shear(block, value.constant(values), output.bias) for block, value in output.terms
        ]
    return found


def _mixed(product: Product, values: Values) -> list[_Mixed]:
    left, right = _gram(product.left, values), _gram(product.right, values)
    r = len(left)
    squared = float((left * right).sum())  # ‖M‖² = tr(UU' VV')
    found = []
    for factors, other in ((product.left, right), (product.right, left)):
        rows = sum(f.weight.of(values).shape[1] for f in factors)
        size = (max(squared, 0.0) / (r * rows)) ** 0.5
        G = (_inverse_root(other) * size).to(values[factors[0].weight.name])
        for factor in factors:
            found.append(_Mixed(factor.weight, G, _inverse(factor, values)))
            if factor.bias is not None:
                found.append(_Mixed(factor.bias, G, None))
    return found


def _gram(factors: Sequence[Factor], values: Values) -> Tensor:
    """Σ U U' of the factors with their norms' weights in them, shape (r, r), float64."""
    folded = torch.cat([f.folded(values).double() for f in factors], dim=1)
    return folded @ folded.T


def _inverse_root(gram: Tensor) -> Tensor:
    """(U U')^(-1/2); 0 on directions without effect."""
    found, Q = torch.linalg.eigh(gram)
    kept = found > len(found) * torch.finfo(found.dtype).eps * found.max().clamp_min(0)
    roots = torch.zeros_like(found)
    roots[kept] = found[kept].rsqrt()
    root: Tensor = (Q * roots) @ Q.T
    return root


def _inverse(factor: Factor, values: Values) -> Tensor | None:
    if factor.norm is None:
        return None
    gamma = factor.gamma(values)
    inverse = torch.zeros_like(gamma)
    inverse[gamma != 0] = 1 / gamma[gamma != 0]
    return inverse
