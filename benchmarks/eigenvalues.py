"""Top eigenvalues at both ends: the package against PyHessian, ARPACK and hessian-eigenthings."""

import statistics
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

from torch import Tensor

from benchmarks.accuracy import max_error, max_residual, reference_values
from benchmarks.measure import Timed, alternate, timed
from benchmarks.problem import Problem, kept_product, plain_product, unit_vector
from benchmarks.record import Comparison, Row
from benchmarks.solvers import Found, Solver, arpack, eigenthings, landscape_solver, pyhessian
from landscape.curvature.hessian import HessianOperator

OPPONENT_TOL = 1e-3  # ARPACK's, relative to each eigenvalue; PyHessian's default is as large
_LOOSEST, _TIGHTEST = 1e-3, 3e-6  # of the package's own tolerance, relative to ‖H‖


@dataclass(frozen=True)
class ProductSeconds:
    """CPU seconds of one product, median of alternating rounds."""

    landscape: float  # HessianOperator, graph kept
    rebuilt: dict[str, float]  # by network: the textbook's double backward
    kept: dict[str, float]

    def of(self, solver: str, network: str) -> float:
        return (self.kept if solver == "PyHessian" else self.rebuilt)[network]


@dataclass(frozen=True)
class Session:
    """What the comparisons of one run share."""

    problem: Problem
    reference: Tensor
    products: ProductSeconds
    limit: float  # CPU seconds above which a run on SpikingJelly's network is extrapolated

    @property
    def norm(self) -> float:
        return float(self.reference.abs().max())


def begin(problem: Problem, max_pairs: int, *, limit: float) -> Session:
    """Time the products and compute the reference, once for all numbers of pairs."""
    products = time_products(problem)
    return Session(problem, reference_values(problem, max_pairs), products, limit)


def time_products(problem: Problem) -> ProductSeconds:
    """One product in each way that the solvers here take it, in turns."""
    v = unit_vector(problem.risk.num_params)
    H = HessianOperator(problem.risk)
    calls: dict[str, Callable[[], object]] = {"landscape": lambda: H @ v}
    for name, network in problem.networks.items():
        calls[f"rebuilt {name}"] = partial(plain_product(problem, network), v)
        calls[f"kept {name}"] = partial(kept_product(problem, network), v)
    medians = {k: statistics.median(s) for k, s in alternate(calls, rounds=7).items()}
    return ProductSeconds(
        medians["landscape"],
        {name: medians[f"rebuilt {name}"] for name in problem.networks},
        {name: medians[f"kept {name}"] for name in problem.networks},
    )


def own_tol(*rivals: float | None) -> float:
    """The package's tolerance: the rivals' worst residual, within what float32 allows."""
    return min(_LOOSEST, max(_TIGHTEST, *(r for r in rivals if r is not None)))


def compare_eigenvalues(session: Session, k: int, *, rounds: int) -> Comparison:
    """Every solver on both networks, ``k`` pairs from each end."""
    opponents: dict[str, Solver] = {
        "ARPACK (SciPy)": arpack(OPPONENT_TOL),
        "hessian-eigenthings, default": eigenthings(None),
        "PyHessian": pyhessian,
    }
    rows = [_run_on_ours(session, name, solve, k) for name, solve in opponents.items()]
    tol = own_tol(*(r.max_residual for r in rows if r.method.startswith("ARPACK")))
    ours = landscape_solver(tol)
    network = session.problem.networks["landscape"]
    runs = [timed(lambda: ours(session.problem, network, k)) for _ in range(rounds)]
    own = _row(session, "landscape", "landscape", runs[0], tol=tol)
    own = replace(own, seconds=statistics.median(r.seconds for r in runs), ratio=1.0)
    found: Found = runs[0].value
    # The same Krylov space: as many steps as the search above took, so the same residuals.
    steps = int(found.note.split(" matvecs search")[0].split("; ")[1])
    tuned = eigenthings(steps)
    opponents["hessian-eigenthings, tuned"] = tuned
    rows.append(_run_on_ours(session, "hessian-eigenthings, tuned", tuned, k))
    theirs = [_run_on_theirs(session, row, opponents[row.method], k) for row in rows]
    compared = [replace(r, ratio=r.seconds / own.seconds) for r in (*rows, *theirs)]
    return Comparison(
        name=f"top-{k}",
        title=f"{k} largest and {k} smallest eigenvalues",
        setting=setting(session.problem),
        rows=(own, *sorted(compared, key=lambda r: (r.network, r.method))),
        extra={"tol": tol, "largest_abs_eigenvalue": session.norm},
    )


def _run_on_ours(session: Session, name: str, solve: Solver, k: int) -> Row:
    network = session.problem.networks["landscape"]
    run = timed(lambda: solve(session.problem, network, k))
    return _row(session, name, "landscape", run)


def _run_on_theirs(session: Session, row: Row, solve: Solver, k: int) -> Row:
    """On SpikingJelly's network; past the limit, the same matvecs at that network's cost of one."""
    assert row.num_matvecs is not None
    count, ours = row.num_matvecs, session.products.of(row.method, "landscape")
    theirs = session.products.of(row.method, "SpikingJelly")
    if count * theirs > session.limit:
        besides = max(0.0, row.seconds - count * ours)
        return replace(
            row,
            network="SpikingJelly",
            seconds=besides + count * theirs,
            max_residual=None,
            max_error=None,
            peak_mb=None,
            extrapolated=True,
            note=f"{count} matvecs as on our network, {theirs:.3f} s each as measured here",
        )
    network = session.problem.networks["SpikingJelly"]
    return _row(
        session, row.method, "SpikingJelly", timed(lambda: solve(session.problem, network, k))
    )


def _row(session: Session, name: str, network: str, run: Timed, tol: float | None = None) -> Row:
    found: Found = run.value
    product = plain_product(session.problem, session.problem.networks[network])
    if network == "landscape":
        H = HessianOperator(session.problem.risk)
        product = H.__matmul__
    return Row(
        method=name,
        network=network,
        seconds=run.seconds,
        num_matvecs=found.num_matvecs,
        max_residual=max_residual(found, product, session.norm),
        # Rounding tips a few spikes of one network and not of the other, so that the reference is
        # that of one network only.
        max_error=max_error(found, session.reference) if network == "landscape" else None,
        peak_mb=run.peak_mb,
        note=found.note if tol is None else f"tol {tol:.1e}; {found.note}",
    )


def setting(problem: Problem) -> str:
    """What is analysed, in words."""
    return f"{problem.risk.num_params:,} parameters, {problem.risk.num_examples} images, float32"
