"""From what a Krylov run gives to results: densities, estimates, the operator's header."""

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch

from landscape.analysis.memory import graph_memory
from landscape.analysis.spectrum.settings import OperatorSettings
from landscape.analysis.target import Target
from landscape.curvature.operators import make_operator
from landscape.linalg.operator import SelfAdjointOperator
from landscape.linalg.quadrature import (
    GaussRule,
    negative_mass,
    spectral_density,
    wasserstein_bound,
)
from landscape.objective.risk import EmpiricalRisk
from landscape.parameters import select_names
from landscape.results import OperatorSpec, Provenance, SpectralDensity
from landscape.values import Estimate


def operator_of(target: Target, settings: OperatorSettings) -> SelfAdjointOperator:
    """The operator, for work without a Krylov basis: half of ``--memory`` may keep graphs."""
    return make_operator(
        selected(target.risk, settings.params),
        settings.operator,
        scale=settings.scale,
        weight_decay=settings.weight_decay,
        graph_budget=graph_memory(target.settings.memory),
    )


def operator_spec(target: Target, settings: OperatorSettings) -> OperatorSpec:
    """The operator's name and everything that changes its spectrum."""
    return OperatorSpec(
        name=settings.operator,
        params=target.params if settings.params == "*" else settings.params,
        num_params=selected(target.risk, settings.params).num_params,
        scale=settings.scale,
        weight_decay=settings.weight_decay,
        batch_norm=target.risk.batch_norm,
        dtype=str(target.risk.dtype).removeprefix("torch."),
    )


def density_result(
    target: Target,
    settings: OperatorSettings,
    rules: Sequence[GaussRule],
    *,
    atoms: np.ndarray,
    num_steps: int,
    exact: bool,
    num_matvecs: int,
    provenance: Provenance,
    orthogonality_loss: float | None = None,
) -> SpectralDensity:
    """Put quadrature rules, one a probe, into a result.

    ``exact`` says that the Krylov space filled R^n: nothing was sampled. Eigenvalues count as
    negative from one kernel width below zero: nearer to it, where a network has most of them,
    quadrature cannot tell their sign.
    """
    spec = operator_spec(target, settings)
    curve = spectral_density(rules, dim=spec.num_params, num_steps=num_steps)
    nodes, weights = _padded(rules)
    steps = min(num_steps, nodes.shape[1])
    bound = wasserstein_bound(steps, len(rules), spec.num_params)
    # Of the rules themselves: rows of ``nodes`` are filled up with zeros.
    low, high = (float(end) for end in torch.cat([r.nodes for r in rules]).aminmax())
    negative = negative_mass(rules, curve.bandwidth, dim=spec.num_params, num_steps=num_steps)
    return SpectralDensity(
        subject=target.subject,
        provenance=provenance,
        operator=spec,
        nodes=nodes,
        weights=weights,
        atoms=atoms,
        grid=curve.grid.numpy(),
        density=curve.mean.numpy(),
        stderr=curve.stderr.numpy(),
        bandwidth=curve.bandwidth,
        num_probes=len(rules),
        num_steps=steps,
        num_matvecs=num_matvecs,
        wasserstein_bound=0.0 if exact else (high - low) * bound,
        negative_mass=vouched(negative, target),
        negative_threshold=curve.bandwidth,
        orthogonality_loss=orthogonality_loss,
    )


def _padded(rules: Sequence[GaussRule]) -> tuple[np.ndarray, np.ndarray]:
    longest = max(len(rule.nodes) for rule in rules)
    nodes, weights = np.zeros((len(rules), longest)), np.zeros((len(rules), longest))
    for row, rule in enumerate(rules):
        nodes[row, : len(rule.nodes)] = rule.nodes.numpy()
        weights[row, : len(rule.nodes)] = rule.weights.numpy()
    return nodes, weights


def vouched(found: Estimate, target: Target) -> Estimate:
    """``found``; without its error of 0 where the operator is not what it claims to be."""
    return Estimate(found.mean) if found.stderr == 0 and not target.is_trusted else found


def root_of(squared: Estimate, target: Target) -> Estimate:
    """√x, its error to first order: σ(√x) = σ(x) / (2 √x)."""
    root, known = math.sqrt(max(squared.mean, 0.0)), vouched(squared, target)
    stderr = None if known.stderr is None or root == 0 else known.stderr / (2 * root)
    return replace(known, mean=root, stderr=stderr)


def selected(risk: EmpiricalRisk, params: str) -> EmpiricalRisk:
    """The risk as a function of the parameters that the globs match."""
    return risk if params == "*" else risk.select(select_names(risk.layout.names, params))
