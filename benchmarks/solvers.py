"""The eigensolvers: the package's and its opponents', each as its own users call it.

Each takes a network (either one), so that a difference between networks is never taken for one
between solvers. PyHessian and hessian-eigenthings rank by absolute value, in which both ends are
mixed; PyHessian is asked for half as many pairs as the others, since each costs it a power
iteration of its own.
"""

import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

import hessian_eigenthings as he
import numpy as np
import torch
from pyhessian import hessian as PyHessian
from pyhessian.utils import group_product, hessian_vector_product
from scipy.sparse.linalg import LinearOperator, eigsh
from torch import Tensor, nn

from benchmarks.problem import Problem, plain_product
from landscape.curvature.hessian import HessianOperator
from landscape.linalg.eigen import extreme_eigenpairs
from landscape.linalg.verify import num_verification

MAX_MATVECS = 20_000


class Found(NamedTuple):
    """Eigenvalues, vectors as rows, and what they cost."""

    values: Tensor  # (k,), float64
    vectors: Tensor  # (k, P)
    num_matvecs: int
    by_magnitude: bool  # the k of largest absolute value, not k / 2 from each end
    note: str = ""


Solver = Callable[[Problem, nn.Module, int], Found]


def landscape_solver(tol: float) -> Solver:
    """Ours, at ``tol`` relative to ‖H‖, the verification and the check for copies included."""

    def solve(problem: Problem, network: nn.Module, k: int) -> Found:
        rng = torch.Generator().manual_seed(0)
        pairs = extreme_eigenpairs(
            HessianOperator(problem.risk),
            num_largest=k,
            num_smallest=k,
            tol=tol,
            max_matvecs=MAX_MATVECS,
            rng=rng,
            verify_matvecs=num_verification(2 * k),
        )
        search = pairs.num_matvecs - pairs.num_verification - pairs.num_check
        note = (
            f"graph kept; {search} matvecs search, {pairs.num_check} look for copies, "
            f"{pairs.num_verification} verify"
        )
        return Found(pairs.values, pairs.vectors, pairs.num_matvecs, False, note)

    return solve


def arpack(tol: float) -> Solver:
    """SciPy's ``eigsh``, both ends in one run, on a plain double-backward product."""

    def solve(problem: Problem, network: nn.Module, k: int) -> Found:
        product = plain_product(problem, network)
        return eigsh_of(product, problem.risk.num_params, k, tol)._replace(note="graph rebuilt")

    return solve


def eigsh_of(product: Callable[[Tensor], Tensor], dim: int, k: int, tol: float) -> Found:
    """SciPy's ``eigsh`` of any product in float32, k pairs from each end."""
    count = 0

    def matvec(v: np.ndarray) -> np.ndarray:
        nonlocal count
        count += 1
        return product(torch.from_numpy(v.ravel())).numpy()

    A = LinearOperator((dim, dim), matvec=matvec, dtype=np.float32)
    v0 = np.random.default_rng(0).standard_normal(dim).astype(np.float32)
    values, vectors = eigsh(A, k=2 * k, which="BE", v0=v0, tol=tol)
    rows = torch.from_numpy(np.ascontiguousarray(vectors.T))
    return Found(torch.from_numpy(values).double(), rows, count, False)


def eigenthings(num_steps: int | None) -> Solver:
    """hessian-eigenthings, 2 k pairs by absolute value; None: its default number of steps."""

    def solve(problem: Problem, network: nn.Module, k: int) -> Found:
        result = he.lanczos(
            eigenthings_operator(problem, network),
            k=2 * k,
            max_iter=num_steps,
            reorthogonalize=None if num_steps is None else True,
            which="LM",
            seed=0,
        )
        note = (
            "graph rebuilt; its default number of steps"
            if num_steps is None
            else ("graph rebuilt; steps and reorthogonalisation set to reach the residual")
        )
        return Found(
            result.eigenvalues.double(), result.eigenvectors, result.iterations, True, note
        )

    return solve


def eigenthings_operator(problem: Problem, network: nn.Module) -> Any:
    """Its Hessian of the mean loss over the problem's one batch."""
    data = [(problem.inputs, problem.targets)]
    return he.HessianOperator(network, data, he.supervised_loss(problem.criterion))


class CountingPyHessian(PyHessian):  # type: ignore[misc]
    """PyHessian in its single-batch mode, which keeps the graph; its products are counted."""

    def __init__(self, problem: Problem, network: nn.Module) -> None:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Using backward\\(\\) with create_graph=True")
            super().__init__(
                network, problem.criterion, data=(problem.inputs, problem.targets), cuda=False
            )
        self.num_matvecs = 0
        self.full_dataset = True  # sends every product through the method below

    def dataloader_hv_product(self, v: list[Tensor]) -> tuple[float, list[Tensor]]:
        self.num_matvecs += 1
        product = hessian_vector_product(self.gradsH, self.params, v)
        return group_product(product, v).item(), product


def pyhessian(problem: Problem, network: nn.Module, k: int) -> Found:
    """PyHessian's ``eigenvalues`` at its defaults, k pairs by absolute value."""
    torch.manual_seed(0)
    run = CountingPyHessian(problem, network)
    values, vectors = run.eigenvalues(top_n=k)
    network.zero_grad(set_to_none=True)
    rows = torch.stack([torch.cat([p.flatten() for p in pieces]) for pieces in vectors]).detach()
    note = "graph kept; its defaults; half as many pairs as the others"
    return Found(torch.tensor(values).double(), rows, run.num_matvecs, True, note)
