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
from collections.abc import Sequence
from typing import NamedTuple

import torch
from scipy.linalg import eigh_tridiagonal
from torch import Tensor

from landscape.linalg.lanczos import Tridiagonal, lanczos
from landscape.linalg.operator import DenseOperator
from landscape.values import Estimate, gamma_interval

_FAILURE = 0.01  # the chance that a Wasserstein bound does not hold
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


def negative_mass(
    rules: Sequence[GaussRule], floor: float, *, dim: int, num_steps: int
) -> Estimate:
    """Estimate the share of eigenvalues below ``-floor`` (≥ 0, units of λ).

    Choose ``floor`` above the solver's noise: the sign of an eigenvalue at rounding means nothing,
    and networks have many.

    A rule's own share jumps by a whole weight where a node passes -floor. The probes of a large
    operator agree on where the nodes are, so that their spread does not show how far off that is:
    ten standard errors and more. So each probe gives the mean share over its rules of m/2 to m
    steps, which lie in its rule of m, and their standard deviation goes into the error. The
    probes' part of it is :func:`_form_variance`.

    Parameters
    ----------
    dim
        n: nodes of weight 1/n are locked eigenvalues, and known.
    num_steps
        m as it was asked for; a rule of fewer nodes has met an invariant space, and is exact.
    """
    if floor < 0:
        raise ValueError(f"floor must be at least 0, in units of λ; got {floor}.")
    total, variance, left_open = 0.0, 0.0, 0.0
    for rule in rules:
        parts = _by_steps(rule, dim, num_steps)
        shares = torch.stack([part.weights[part.nodes < -floor].sum() for part in parts])
        total += float(shares.mean())
        left_open += float(shares.std(correction=0))
        below = [(part.nodes < -floor).double() for part in parts]
        variances = [_form_variance(*each, dim) for each in zip(parts, below, strict=True)]
        variance += float(torch.stack(variances).mean())
    p = len(rules)
    return Estimate(total / p, math.hypot(math.sqrt(variance) / p, left_open / p), p)


def _by_steps(rule: GaussRule, dim: int, num_steps: int) -> list[GaussRule]:
    """A probe's rules of m/2 to m steps, all of which lie in that of m."""
    is_locked = rule.weights == 1 / dim
    nodes, weights = rule.nodes[~is_locked], rule.weights[~is_locked]
    if len(rule.nodes) < num_steps or len(nodes) < 2:
        return [rule]
    # A discrete measure's own Lanczos run gives back the T that its rule was made of.
    T = lanczos(DenseOperator(torch.diag(nodes)), weights.sqrt(), len(nodes))
    m = len(T.alphas)
    rules = []
    for steps in sorted({round(s) for s in torch.linspace((m + 1) // 2, m, _MOST_RULES).tolist()}):
        part = gauss_rule(Tridiagonal(T.basis[:0], T.alphas[:steps], T.betas[:steps]))
        rules.append(
            GaussRule(
                torch.cat([rule.nodes[is_locked], part.nodes]),
                torch.cat([rule.weights[is_locked], weights.sum() * part.weights]),
            )
        )
    return rules


def _form_variance(rule: GaussRule, values: Tensor, dim: int) -> Tensor:
    """Variance over probes of ∫ f dφ by one probe's rule, from f at its nodes, shape (…, m).

    For z uniform on the sphere in R^d, d of the n dimensions being sampled, that of (d/n) zᵀ f z is
    (d/n)² 2/(d + 2) (tr f²/d - (tr f/d)²); the probe's own zᵀ f² z and (zᵀ f z)² in place of the
    traces, and 2/d in that of 2/(d + 2), give it without bias. The spread of two or three probes,
    which could stand here, is now and then close to nothing.
    """
    sampled = rule.weights != 1 / dim
    d = dim - int((~sampled).sum())
    u = rule.weights[sampled] * (dim / d) if d else rule.weights[sampled]
    f = values[..., sampled]
    spread: Tensor = (f**2 @ u - (f @ u) ** 2).clamp(min=0)
    return 2 * d / dim**2 * spread


class DensityCurve(NamedTuple):
    """A function of λ on a grid: the mean over probes and the standard error of that mean."""

    grid: Tensor  # λ, ascending, shape (g,), float64
    mean: Tensor  # shape (g,); a density in 1/λ (integrates to 1)
    stderr: Tensor  # shape (g,); over probes, and what the number of steps leaves open
    bandwidth: float  # standard deviation of the Gaussian kernel, units of λ

    def interval(self, level: float = 0.95) -> tuple[Tensor, Tensor]:
        """Both ends at each point, shape (g,): see :func:`landscape.values.gamma_interval`."""
        low, high = gamma_interval(self.mean.numpy(), self.stderr.numpy(), level)
        return torch.from_numpy(low), torch.from_numpy(high)


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
    rules: Sequence[GaussRule],
    *,
    dim: int,
    num_steps: int,
    num_points: int = 1024,
    bandwidth: float | None = None,
) -> DensityCurve:
    """Smooth the spectral measure with a Gaussian kernel of standard deviation ``bandwidth``.

    Its error holds, beside :func:`_form_variance` of the probes, how far a probe's rules of m/2 to
    m steps lie from that of m: a kernel narrower than the distance of the nodes shows these, which
    the probes have in common. ``dim`` and ``num_steps`` as in :func:`negative_mass`.
    """
    if not rules:
        raise ValueError("rules must hold at least one probe's quadrature; got none.")
    width = default_bandwidth(rules) if bandwidth is None else bandwidth
    if not width > 0:
        raise ValueError(f"bandwidth must be positive, a standard deviation in λ; got {width}.")
    grid = density_grid(rules, num_points, width)
    mean, variance, left_open = torch.zeros(3, num_points, dtype=torch.float64)
    for rule in rules:
        kernels = _kernels(rule, grid, width)
        curve = kernels @ rule.weights
        mean += curve
        variance += _form_variance(rule, kernels, dim)
        others = [
            (_kernels(part, grid, width) @ part.weights - curve) ** 2
            for part in _by_steps(rule, dim, num_steps)
        ]
        left_open += torch.stack(others).mean(0).sqrt()
    p = len(rules)
    return DensityCurve(grid, mean / p, (variance + left_open**2).sqrt() / p, width)


def wasserstein_bound(num_steps: int, num_probes: int, dim: int) -> float:
    """Wasserstein-1 error, as a share of the range, that steps and probes guarantee [3]_.

    The larger of what the steps and the probes allow, with 99 % probability; at most 1,
    which any two measures on the range meet. A worst case: spectra met in practice do better.
    """
    if num_steps < 1 or num_probes < 1:
        raise ValueError(
            f"num_steps and num_probes must be at least 1; got {num_steps}, {num_probes}."
        )
    from_probes = math.sqrt(4 * math.log(2 * dim / _FAILURE) / ((dim + 2) * num_probes))
    return min(1.0, max(12 / (num_steps - 0.5), from_probes))


def _kernels(rule: GaussRule, grid: Tensor, width: float) -> Tensor:
    """The kernel around each node, shape (g, m)."""
    z = (grid[:, None] - rule.nodes[None, :]) / width
    return torch.exp(-0.5 * z**2) / (width * math.sqrt(2 * math.pi))
