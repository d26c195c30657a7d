"""Curvature matrices of any network as operators, and what can be read off any operator.

A matrix is never formed: it is known by its products ``H @ v``. Operators can be added and
multiplied by numbers, and handed to SciPy::

    H = landscape.hessian(model, "cross-entropy", (x, y), params="*lora*")
    found = landscape.eigenvalues(H + 0.01 * landscape.identity(H), num_largest=5)
    found.largest, found.residuals, found.converged
    scipy.sparse.linalg.lobpcg(H.to_scipy(), X)

>>> import torch, landscape
>>> _ = torch.manual_seed(0)
>>> model = torch.nn.Linear(3, 1).double()
>>> x, y = torch.randn(20, 3).double(), torch.randn(20, 1).double()
>>> H = landscape.hessian(model, "mse", (x, y), dtype="float64")

The Hessian of a linear model's squared error is 2 XᵀX / N, with a column of ones for the bias:

>>> X = torch.cat([x, torch.ones(20, 1)], dim=1).double()
>>> dense = 2 * X.T @ X / 20
>>> v = torch.arange(4.0).double()
>>> torch.allclose(H @ v, dense @ v)
True
>>> found = landscape.eigenvalues(H, num_largest=4, num_smallest=0)
>>> torch.allclose(found.largest, torch.linalg.eigvalsh(dense).flip(0))
True
>>> bool(found.converged.all())
True
>>> abs(landscape.trace(H).mean - float(dense.trace())) < 1e-12
True
>>> torch.allclose(landscape.diagonal(H).mean, dense.diagonal())
True
"""

from collections.abc import Callable
from typing import Any, TypedDict, Unpack

import torch
from torch import Generator, nn

from landscape.analysis.opening import target_in_memory
from landscape.analysis.target_settings import TargetSettings
from landscape.curvature.operators import make_operator
from landscape.linalg.diagonal import Diagonal, estimate_diagonal
from landscape.linalg.eigen import Eigenpairs, extreme_eigenpairs
from landscape.linalg.estimate_trace import estimate_trace
from landscape.linalg.operator import Identity, SelfAdjointOperator
from landscape.linalg.quadrature import DensityCurve, spectral_density
from landscape.linalg.slq import spectral_quadrature
from landscape.linalg.verify import num_verification
from landscape.objective.named import objective_of
from landscape.objective.objective import Objective
from landscape.values import Estimate

__all__ = ["density", "diagonal", "eigenvalues", "fisher", "ggn", "hessian", "identity", "trace"]

Loss = str | Callable[..., Any] | Objective | None


class Where(TypedDict, total=False):
    """On what function an operator is; the defaults are those of ``landscape.analyze``."""

    objective: Callable[..., Any] | Objective  # in place of the loss: fn(model, batch)
    params: str  # globs of parameter names, comma-separated; !GLOB excludes
    scale: str  # none, filter, weight or symmetry: the operator is S'AS
    pairs: tuple[str, ...]  # weights that act by their product alone, see --pairs
    layout: str | None  # T-first or N-first: where the network has time
    time_steps: int | None  # T, where network and data do not have it
    readout: str | Callable[..., Any] | None  # what the loss gets of outputs over time
    examples: int | str | None  # N, START:STOP or all; None: up to 1,000
    split: str
    keep: str  # memory or reread
    batch_size: int
    batch_norm: str  # eval or train
    dtype: str  # float32 or float64
    device: str
    seed: int  # of the subset of examples, and of the objective's random numbers
    copy: bool  # work on a copy of the network


def hessian(
    model: nn.Module, loss: Loss = None, data: Any = None, **where: Unpack[Where]
) -> SelfAdjointOperator:
    """H = ∇²L(θ), shape (P, P), of the mean loss over ``data``, by double backward.

    On a spiking network it is the formal one, of the surrogate's derivatives. ``model``, ``loss``
    and ``data`` are those of :func:`landscape.analyze`; after each product the network is as
    it was.

    Raises
    ------
    ValueError
        If they do not fit one another, or an option is out of range.
    """
    return _operator("hessian", model, loss, data, where)


def ggn(
    model: nn.Module, loss: Loss = None, data: Any = None, **where: Unpack[Where]
) -> SelfAdjointOperator:
    """The Gauss-Newton matrix (1/N) Σ Jᵀ ∇²ℓ J; see :func:`hessian`.

    An ``Objective`` must say what its outputs are: ``Objective(fn, outputs=…, loss_of_outputs=…)``.
    """
    return _operator("ggn", model, loss, data, where)


def fisher(
    model: nn.Module, loss: Loss = None, data: Any = None, **where: Unpack[Where]
) -> SelfAdjointOperator:
    """The empirical Fisher matrix (1/N) Σ g gᵀ of examples' gradients; see :func:`hessian`.

    The loss must give one value an example.
    """
    return _operator("fisher", model, loss, data, where)


def identity(like: SelfAdjointOperator) -> SelfAdjointOperator:
    """I on the space of another operator: ``H + wd * identity(H)`` is that of the decayed loss."""
    return Identity(like)


def eigenvalues(
    A: SelfAdjointOperator,
    *,
    num_largest: int = 10,
    num_smallest: int = 0,
    tol: float = 1e-4,
    max_matvecs: int = 5_000,
    seed: int = 0,
) -> Eigenpairs:
    """Eigenpairs at both ends, to a residual of ``tol`` ‖A‖, with what bounds their errors."""
    num_largest, num_smallest = min(num_largest, A.dim), min(num_smallest, A.dim)
    return extreme_eigenpairs(
        A,
        num_largest=num_largest,
        num_smallest=num_smallest,
        tol=tol,
        max_matvecs=max_matvecs,
        rng=_generator(seed),
        verify_matvecs=num_verification(min(A.dim, num_largest + num_smallest)),
    )


def trace(
    A: SelfAdjointOperator,
    *,
    num_matvecs: int = 200,
    rel_error: float | None = None,
    seed: int = 0,
) -> Estimate:
    """Tr A with its standard error; exact where ``num_matvecs`` reach the size of A.

    With ``rel_error`` it ends as soon as the error is this share of the estimate.
    """
    return estimate_trace(A, num_matvecs=num_matvecs, rng=_generator(seed), rel_error=rel_error)[0]


def density(
    A: SelfAdjointOperator,
    *,
    num_probes: int = 10,
    num_steps: int = 80,
    bandwidth: float | None = None,
    num_points: int = 1024,
    seed: int = 0,
) -> DensityCurve:
    """φ(λ), the density of the eigenvalues on a grid, with its error over probes and steps.

    ``bandwidth`` is the standard deviation of the kernel, in units of λ; None: one hundredth of the
    spectrum's range.
    """
    rules = spectral_quadrature(A, num_probes=num_probes, num_steps=num_steps, rng=_generator(seed))
    return spectral_density(
        rules, dim=A.dim, num_steps=num_steps, num_points=num_points, bandwidth=bandwidth
    )


def diagonal(A: SelfAdjointOperator, *, num_matvecs: int = 200, seed: int = 0) -> Diagonal:
    """The entries A_ii with their standard errors; exact where ``num_matvecs`` reach A's size."""
    return estimate_diagonal(A, num_matvecs=num_matvecs, rng=_generator(seed))


def _operator(
    name: str, model: nn.Module, loss: Loss, data: Any, where: Where
) -> SelfAdjointOperator:
    told = dict(where)
    if unknown := set(told) - set(Where.__annotations__):
        raise TypeError(
            f"{name}() got an unexpected keyword argument {min(unknown)!r}; it takes "
            f"{', '.join(Where.__annotations__)}."
        )
    objective = objective_of(loss, told.pop("objective", None))
    params, scale = str(told.pop("params", "*")), str(told.pop("scale", "none"))
    copy = bool(told.pop("copy", False))
    read: Any = told.pop("readout") if callable(told.get("readout")) else None
    # Whole numbers and torch devices are taken too.
    told |= {k: str(told[k]) for k in ("examples", "device") if told.get(k) is not None}
    settings = TargetSettings(**told, command=f"landscape.{name}")  # type: ignore[arg-type]
    target = target_in_memory(
        model,
        objective,
        data,
        settings,
        params=params,
        copy=copy,
        readout=read,
    )
    return make_operator(target.risk, name, scale=scale)


def _generator(seed: int) -> Generator:
    return torch.Generator().manual_seed(seed)
