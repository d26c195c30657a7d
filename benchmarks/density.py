"""Density and trace as each opponent's users get them: (products, what came out)."""

import hessian_eigenthings as he
import numpy as np
import torch
from scipy.linalg import eigh_tridiagonal
from torch import nn

from benchmarks.problem import Problem, plain_product, unit_vector
from benchmarks.solvers import CountingPyHessian, eigenthings_operator

_TRACE_MATVECS = 100  # hessian-eigenthings' default


def plain_quadrature(
    problem: Problem, network: nn.Module, num_probes: int, num_steps: int
) -> tuple[int, str]:
    """What SciPy's user writes: Lanczos with full reorthogonalisation; nodes, weights, trace."""
    product, dim = plain_product(problem, network), problem.risk.num_params
    traces = []
    for seed in range(num_probes):
        q, basis, alphas, betas = unit_vector(dim, seed), torch.empty(num_steps, dim), [], []
        for j in range(num_steps):
            basis[j] = q
            r = product(q)
            alphas.append(float(q @ r))
            r = r - basis[: j + 1].T @ (basis[: j + 1] @ r)
            r = r - basis[: j + 1].T @ (basis[: j + 1] @ r)
            betas.append(float(r.norm()))
            q = r / r.norm()
        nodes, vectors = eigh_tridiagonal(np.array(alphas), np.array(betas[:-1]))
        traces.append(dim * float(vectors[0] ** 2 @ nodes))
    error = float(np.std(traces, ddof=1)) / num_probes**0.5
    note = f"a hand-written quadrature, trace {np.mean(traces):.3f} ± {error:.3f}"
    return num_probes * num_steps, note


def eigenthings_density(
    problem: Problem, network: nn.Module, num_probes: int, num_steps: int
) -> tuple[int, str]:
    operator = eigenthings_operator(problem, network)
    he.spectral_density(operator, num_runs=num_probes, lanczos_steps=num_steps, seed=0)
    result = he.trace(operator, num_matvecs=_TRACE_MATVECS, seed=0)
    note = f"its density and Hutch++ trace {result.estimate:.3f} ± {result.stderr:.3f}"
    return num_probes * num_steps + 3 * (_TRACE_MATVECS // 3), note


def pyhessian_trace(problem: Problem, network: nn.Module) -> tuple[int, str]:
    torch.manual_seed(1)
    run = CountingPyHessian(problem, network)
    samples = np.array(run.trace())
    network.zero_grad(set_to_none=True)
    error = float(samples.std(ddof=1)) / len(samples) ** 0.5 if len(samples) > 1 else float("nan")
    note = f"no density; trace {samples.mean():.3f} ± {error:.3f} from {len(samples)} probes"
    return run.num_matvecs, note
