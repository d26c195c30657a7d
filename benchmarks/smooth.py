"""A smooth network: the package against curvlinops, which cannot run surrogate spikes."""

import statistics
from collections.abc import Callable
from functools import partial
from typing import Any

import curvlinops
import torch
from torch import Tensor, nn

from benchmarks.accuracy import max_error, max_residual, reference_values
from benchmarks.eigenvalues import OPPONENT_TOL, own_tol
from benchmarks.measure import alternate, ratio, timed
from benchmarks.problem import Problem, kept_product, plain_product, unit_vector
from benchmarks.record import Comparison, Row
from benchmarks.solvers import Found, eigsh_of, landscape_solver
from examples.resnet import make
from landscape.curvature.hessian import HessianOperator
from landscape.data.dataset import cut
from landscape.data.fashion_mnist import load_embedded
from landscape.objective.pair import loss_of
from landscape.objective.risk import EmpiricalRisk

_NAME = "ResNet"
_WIDTH = 24


def load_smooth_problem(num_examples: int) -> Problem:
    """The residual network of ``examples/resnet.py``, wider, after a short training."""
    data = load_embedded("train")
    x, y = nn.functional.avg_pool2d(data.inputs[:1000], 2), data.targets[:1000]
    torch.manual_seed(0)
    network = make(_WIDTH)
    optimiser = torch.optim.SGD(network.parameters(), lr=0.1, momentum=0.9)
    for _ in range(5):
        for part in torch.split(torch.randperm(len(x)), 100):
            optimiser.zero_grad()
            nn.functional.cross_entropy(network(x[part]), y[part]).backward()  # type: ignore[no-untyped-call]
            optimiser.step()
    network.eval()
    batches = cut(x[:num_examples], y[:num_examples], num_examples)
    risk = EmpiricalRisk(network, loss_of("cross-entropy"), batches)
    return Problem(risk, {_NAME: network})


def compare_smooth_hvp(problem: Problem, *, rounds: int) -> Comparison:
    """One product: the package's, curvlinops' and those of the textbook, in turns."""
    v, network = unit_vector(problem.risk.num_params), problem.networks[_NAME]
    products: dict[str, Callable[[Tensor], Tensor]] = {
        "landscape, graph kept": HessianOperator(problem.risk).__matmul__,
        "landscape, graph rebuilt": HessianOperator(problem.risk, graph_budget=0).__matmul__,
        "PyHessian's product, graph kept": kept_product(problem, network),
        "double backward, graph rebuilt": plain_product(problem, network),
        "curvlinops": _curvlinops(problem).__matmul__,
    }
    seconds = alternate({k: partial(p, v) for k, p in products.items()}, rounds=rounds)
    own = seconds["landscape, graph kept"]
    exact, theirs = (products[n](v) for n in ("landscape, graph kept", "curvlinops"))
    return Comparison(
        name="smooth-hvp",
        title="A smooth network: one Hessian-vector product",
        setting=_setting(problem),
        rows=tuple(
            Row(
                method=name,
                network=_NAME,
                seconds=statistics.median(taken),
                ratio=ratio(taken, own),
                num_matvecs=1,
            )
            for name, taken in seconds.items()
        ),
        extra={"relative_difference": float((exact - theirs).norm() / exact.norm())},
    )


def compare_smooth_eigenvalues(problem: Problem, k: int) -> Comparison:
    """``k`` pairs from each end: the package against ARPACK on curvlinops' operator."""
    network, H = problem.networks[_NAME], HessianOperator(problem.risk)
    reference = reference_values(problem, k)
    norm = float(reference.abs().max())
    arpack = timed(lambda: _arpack(problem, k))
    worst = max_residual(arpack.value, H.__matmul__, norm)
    tol = own_tol(worst)
    solve = landscape_solver(tol)
    ours = timed(lambda: solve(problem, network, k))
    rows = []
    for method, run in (("landscape", ours), ("ARPACK (SciPy) on curvlinops", arpack)):
        found: Found = run.value
        rows.append(
            Row(
                method=method,
                network=_NAME,
                seconds=run.seconds,
                ratio=run.seconds / ours.seconds,
                num_matvecs=found.num_matvecs,
                max_residual=max_residual(found, H.__matmul__, norm),
                max_error=max_error(found, reference),
                peak_mb=run.peak_mb,
                note=f"tol {tol:.1e}; {found.note}" if run is ours else found.note,
            )
        )
    return Comparison(
        name=f"smooth-top-{k}",
        title=f"A smooth network: {k} largest and {k} smallest eigenvalues",
        setting=_setting(problem),
        rows=tuple(rows),
        extra={"tol": tol, "largest_abs_eigenvalue": norm},
    )


def _setting(problem: Problem) -> str:
    return (
        f"The network of `examples/resnet.py` with {_WIDTH} channels, "
        f"{problem.risk.num_params:,} parameters, {problem.risk.num_examples} images, float32"
    )


def _curvlinops(problem: Problem) -> Any:
    network = problem.networks[_NAME]
    return curvlinops.HessianLinearOperator(
        network,
        nn.CrossEntropyLoss(),
        list(network.parameters()),
        [(problem.inputs, problem.targets)],
        check_deterministic=False,
    )


def _arpack(problem: Problem, k: int) -> Found:
    """SciPy's ``eigsh`` on the operator as curvlinops hands it to SciPy."""
    inner = _curvlinops(problem).to_scipy()

    def product(v: Tensor) -> Tensor:
        return torch.from_numpy(inner.matvec(v.numpy()))

    found = eigsh_of(product, inner.shape[0], k, OPPONENT_TOL)
    return found._replace(note="graph rebuilt")
