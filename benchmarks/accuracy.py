"""How good a solver's pairs are: true residuals, and errors against a tight reference."""

from collections.abc import Callable

import torch
from torch import Tensor

from benchmarks.problem import Problem
from benchmarks.solvers import MAX_MATVECS, Found
from landscape.curvature.hessian import HessianOperator
from landscape.linalg.eigen import extreme_eigenpairs
from landscape.linalg.restart import Basis

_SPARE = 15  # of each end, so that the largest by absolute value are among the reference's
_TOL = 3e-6  # relative to ‖H‖; rounding of a float32 product keeps a residual from much less


def reference_values(problem: Problem, k: int) -> Tensor:
    """Eigenvalues of the package's network, k and some more from each end, float64."""
    pairs = extreme_eigenpairs(
        HessianOperator(problem.risk),
        num_largest=k + _SPARE,
        num_smallest=k + _SPARE,
        tol=_TOL,
        max_matvecs=MAX_MATVECS,
        rng=torch.Generator().manual_seed(1),
        basis=Basis(dtype=torch.float64),
    )
    worst = float(pairs.residuals.max()) / pairs.norm
    if worst > 10 * _TOL:
        raise RuntimeError(f"the reference eigenvalues did not converge: residual {worst:.1e}.")
    return pairs.values


def max_residual(found: Found, product: Callable[[Tensor], Tensor], norm: float) -> float:
    """Largest ‖H v - θ v‖ / ‖H‖ over the pairs, v scaled to length 1."""
    worst = 0.0
    for value, vector in zip(found.values.tolist(), found.vectors, strict=True):
        v = vector / vector.norm()
        worst = max(worst, float((product(v) - value * v).double().norm()) / norm)
    return worst


def max_error(found: Found, reference: Tensor) -> float:
    """Largest difference / ‖H‖ from the eigenvalues asked for; a missed one shows as an error."""
    count = len(found.values)
    if found.by_magnitude:
        expected = reference[reference.abs().argsort(descending=True)[:count]]
    else:
        expected = torch.cat([reference[: count // 2], reference[-(count // 2) :]])
    errors = (found.values.sort().values - expected.sort().values).abs()
    return float(errors.max() / reference.abs().max())
