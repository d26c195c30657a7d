"""From tridiagonal matrices to integrals against the spectral measure: zᵀ f(A) z ≈ Σ_k w_k f(θ_k).

One probe gives the measure of one vector; the mean over random probes estimates the spectral
density φ(λ) = (1/n) Σ_i δ(λ - λ_i) (stochastic Lanczos quadrature).

References
----------
.. [1] Golub & Meurant, Matrices, Moments and Quadrature with Applications (2010), chapter 6.
.. [2] Ubaru, Chen & Saad (2017), SIAM J. Matrix Anal. Appl. 38(4):1075-1099.
.. [3] Chen, Trogdon & Ubaru (2021), ICML, arXiv 2105.06595.
"""

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from scipy.linalg import eigh_tridiagonal
from torch import Tensor

from landscape.linalg.estimate import estimate_mean
from landscape.linalg.lanczos import Tridiagonal, lanczos
from landscape.linalg.operator import DenseOperator
from landscape.values import Estimate

_MOST_RULES = 16  # shorter rules that a rule is compared with


class GaussRule(NamedTuple):
    """Nodes and weights of one probe's quadrature; the weights sum to 1."""

    nodes: Tensor  # θ, ascending, shape (m,), float64, on the CPU
    weights: Tensor  # shape (m,), float64


def gauss_rule(T: Tridiagonal) -> GaussRule:
    """Gauss quadrature for the spectral measure of the start vector: exact below degree 2m.

    Nodes are the eigenvalues of T, weights the squared first components of its eigenvectors [1]_.
    """
    nodes, vectors = eigh_tridiagonal(T.alphas.numpy(), T.betas[:-1].numpy())
    return GaussRule(torch.from_numpy(nodes), torch.from_numpy(vectors[0] ** 2))


def integrate(rules: Sequence[GaussRule], f: Callable[[Tensor], Tensor]) -> Estimate:
    """Estimate (1/n) tr f(A) = ∫ f dφ: the mean over probes, with its standard error."""
    return estimate_mean(torch.stack([rule.weights @ f(rule.nodes) for rule in rules]))


def negative_mass(rules: Sequence[GaussRule], floor: float) -> Estimate:
    """Estimate the share of eigenvalues below ``-floor`` (≥ 0, units of λ).

    Choose ``floor`` above the solver's noise: the sign of an eigenvalue at rounding means nothing,
    and networks have many.
    """
    if floor < 0:
        raise ValueError(f"floor must be at least 0, in units of λ; got {floor}.")
    return integrate(rules, lambda nodes: (nodes < -floor).double())


def resolved_negative_mass(
    rules: Sequence[GaussRule], floor: float, *, dim: int, num_steps: int
) -> Estimate:
    """``negative_mass``, with what the number of steps leaves open in its error.

    A rule's own share jumps by a whole weight where a node passes -floor. The probes of a large
    operator agree on where the nodes are, so that their spread does not show how far off that is:
    ten standard errors and more. So each probe gives the mean share over its rules of m/2 to m
    steps, which lie in its rule of m, and their standard deviation goes into the error.

    Parameters
    ----------
    dim
        n: nodes of weight 1/n are locked eigenvalues, and known.
    num_steps
        m as it was asked for; a rule of fewer nodes has met an invariant space, and is exact.
    """
    if floor < 0:
        raise ValueError(f"floor must be at least 0, in units of λ; got {floor}.")
    shares = [_shares_below(rule, -floor, dim, num_steps) for rule in rules]
    found = estimate_mean(torch.stack([share.mean() for share in shares]))
    left_open = sum(float(share.std(correction=0)) for share in shares) / len(shares)
    return Estimate.of(found.mean, math.hypot(found.error, left_open), found.num_probes)


def _shares_below(rule: GaussRule, x: float, dim: int, num_steps: int) -> Tensor:
    """The measure's share below ``x`` by its rules of m/2 to m steps, shape (s,)."""
    is_locked = rule.weights == 1 / dim
    known = float(rule.weights[is_locked & (rule.nodes < x)].sum())
    nodes, weights = rule.nodes[~is_locked], rule.weights[~is_locked]
    if len(rule.nodes) < num_steps or len(nodes) < 2:
        return (known + weights[nodes < x].sum()).reshape(1)
    # A discrete measure's own Lanczos run gives back the T that its rule was made of.
    T = lanczos(DenseOperator(torch.diag(nodes)), weights.sqrt(), len(nodes))
    m = len(T.alphas)
    shares = []
    for steps in sorted({round(s) for s in torch.linspace((m + 1) // 2, m, _MOST_RULES).tolist()}):
        part = gauss_rule(Tridiagonal(T.basis[:0], T.alphas[:steps], T.betas[:steps]))
        shares.append(known + weights.sum() * part.weights[part.nodes < x].sum())
    return torch.stack(shares)


class DensityCurve(NamedTuple):
    """A function of λ on a grid: the mean over probes and the standard error of that mean."""

    grid: Tensor  # λ, ascending, shape (g,), float64
    mean: Tensor  # shape (g,); a density in 1/λ (integrates to 1), or a share of eigenvalues
    stderr: Tensor  # shape (g,); NaN with a single probe, which has no error to show
    bandwidth: float  # standard deviation of the Gaussian kernel, units of λ; 0 where none is used


def density_grid(rules: Sequence[GaussRule], num_points: int, bandwidth: float) -> Tensor:
    """Equally spaced λ over all nodes, with four kernel widths to spare at both ends."""
    low = min(float(rule.nodes.min()) for rule in rules)
    high = max(float(rule.nodes.max()) for rule in rules)
    return torch.linspace(
        low - 4 * bandwidth, high + 4 * bandwidth, num_points, dtype=torch.float64
    )


def default_bandwidth(rules: Sequence[GaussRule]) -> float:
    """One hundredth of the nodes' range: scaled to the spectrum, whatever its units."""
    low = min(float(rule.nodes.min()) for rule in rules)
    high = max(float(rule.nodes.max()) for rule in rules)
    # A single point has no range: its own size then sets the scale, and 1 that of the zero matrix.
    return 0.01 * ((high - low) or abs(high) or 1.0)


def spectral_density(
    rules: Sequence[GaussRule], *, num_points: int = 1024, bandwidth: float | None = None
) -> DensityCurve:
    """Smooth the spectral measure with a Gaussian kernel of standard deviation ``bandwidth``."""
    _refuse_empty(rules)
    width = default_bandwidth(rules) if bandwidth is None else bandwidth
    if not width > 0:
        raise ValueError(f"bandwidth must be positive, a standard deviation in λ; got {width}.")
    grid = density_grid(rules, num_points, width)
    curves = torch.stack([_gaussian_sum(rule, grid, width) for rule in rules])
    return DensityCurve(grid, *_mean_and_stderr(curves), width)


def wasserstein_bound(num_steps: int, num_probes: int, dim: int, failure: float = 0.01) -> float:
    """Wasserstein-1 error, as a share of the range, that steps and probes guarantee [3]_.

    The larger of what the steps and the probes allow, with probability 1 - ``failure``; at most 1,
    which any two measures on the range meet. A worst case: spectra met in practice do better.
    """
    if num_steps < 1 or num_probes < 1:
        raise ValueError(
            f"num_steps and num_probes must be at least 1; got {num_steps}, {num_probes}."
        )
    from_probes = math.sqrt(4 * math.log(2 * dim / failure) / ((dim + 2) * num_probes))
    return min(1.0, max(12 / (num_steps - 0.5), from_probes))


def _gaussian_sum(rule: GaussRule, grid: Tensor, width: float) -> Tensor:
    z = (grid[:, None] - rule.nodes[None, :]) / width
    return torch.exp(-0.5 * z**2) @ rule.weights / (width * math.sqrt(2 * math.pi))


def _mean_and_stderr(curves: Tensor) -> tuple[Tensor, Tensor]:
    mean = curves.mean(0)
    if len(curves) == 1:
        return mean, torch.full_like(mean, math.nan)
    return mean, curves.std(0) / math.sqrt(len(curves))


def _refuse_empty(rules: Sequence[GaussRule]) -> None:
    if not rules:
        raise ValueError("rules must hold at least one probe's quadrature; got none.")
