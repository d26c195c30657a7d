"""Top 50 at both ends, density and trace together: one Krylov run against separate ones.

PyHessian's own work is less: half as many pairs, by absolute value, loosely, and a trace from a
few probes. So the package does that too, to a better residual, and PyHessian is compared with it.
"""

import statistics
from dataclasses import replace

import torch

from benchmarks.accuracy import max_residual
from benchmarks.density import eigenthings_density, plain_quadrature, pyhessian_trace
from benchmarks.eigenvalues import OPPONENT_TOL, ProductSeconds, own_tol, setting, time_products
from benchmarks.measure import Timed, timed
from benchmarks.problem import Problem
from benchmarks.record import Comparison, Row
from benchmarks.solvers import MAX_MATVECS, Found, arpack, eigenthings, pyhessian
from landscape.curvature.hessian import HessianOperator
from landscape.linalg.krylov import SpectralRun, analyse_spectrum
from landscape.linalg.verify import num_verification

_OURS, _OURS_LESS = "landscape", "landscape, PyHessian's work"
_LESS_TOL = 1e-2  # far below the residuals that PyHessian leaves
# Least ratio of each opponent's seconds to the package's, by network.
_TARGETS = {
    "PyHessian": {"SpikingJelly": 50.0, "landscape": 15.0},
    "ARPACK (SciPy)": {"SpikingJelly": 5.0, "landscape": 2.0},
    "hessian-eigenthings, tuned": {"SpikingJelly": 5.0, "landscape": 2.0},
}


def compare_spectrum(
    problem: Problem, k: int, *, num_probes: int, num_steps: int, few_images: int, count: int | None
) -> Comparison:
    """Run the package, ARPACK and hessian-eigenthings in full; PyHessian on ``few_images``.

    ``count`` is the number of PyHessian's products on them, where it is known already.
    """
    network = problem.networks["landscape"]
    products = time_products(problem)
    first = timed(lambda: arpack(OPPONENT_TOL)(problem, network, k))
    extra = timed(lambda: plain_quadrature(problem, network, num_probes, num_steps))
    residual = _residual(problem, first.value)
    tol = own_tol(residual)
    rows = [_opponent("ARPACK (SciPy)", first, extra, residual)]

    own = timed(lambda: _analyse(problem, k, tol, num_probes, num_steps))
    less = timed(lambda: _analyse_less(problem, k))
    own_run: SpectralRun = own.value
    steps = own_run.num_matvecs - own_run.eigenpairs.num_verification - num_probes * num_steps
    second = timed(lambda: eigenthings(max(2 * k, steps))(problem, network, k))
    extra = timed(lambda: eigenthings_density(problem, network, num_probes, num_steps))
    residual = _residual(problem, second.value)
    rows.append(_opponent("hessian-eigenthings, tuned", second, extra, residual))
    less_again = timed(lambda: _analyse_less(problem, k))
    rows.append(_pyhessian(problem, products, k, few_images, count))

    rows += [_on_theirs(row, products) for row in rows]
    less_seconds = statistics.median([less.seconds, less_again.seconds])
    against = {"PyHessian": less_seconds}
    own_rows = [_own(_OURS, own), replace(_own(_OURS_LESS, less), seconds=less_seconds)]
    return Comparison(
        name=f"top-{k}-density-trace",
        title=f"{k} largest and {k} smallest eigenvalues, density and trace",
        setting=f"{setting(problem)}; {num_probes} probes of {num_steps} steps",
        rows=(*own_rows, *(_judge(r, against.get(r.method, own.seconds)) for r in rows)),
        extra={
            "tol": tol,
            "seconds_of_a_product": {
                "HessianOperator": products.landscape,
                **{f"rebuilt {n}": s for n, s in products.rebuilt.items()},
                **{f"kept {n}": s for n, s in products.kept.items()},
            },
        },
    )


def _analyse(problem: Problem, k: int, tol: float, num_probes: int, num_steps: int) -> SpectralRun:
    return analyse_spectrum(
        HessianOperator(problem.risk),
        num_largest=k,
        num_smallest=k,
        tol=tol,
        num_probes=num_probes,
        num_steps=num_steps,
        max_matvecs=MAX_MATVECS,
        rng=torch.Generator().manual_seed(0),
        verify_matvecs=num_verification(2 * k),
    )


def _analyse_less(problem: Problem, k: int) -> SpectralRun:
    """Find the k of largest absolute value, 0.6 k from each end, and the trace by two probes.

    Raises
    ------
    RuntimeError
        If one end holds more than 0.6 k of them.
    """
    run = _analyse(problem, (3 * k + 4) // 5, _LESS_TOL, 2, 10)
    pairs = run.eigenpairs
    # What lies between the two ends is no larger than this.
    inner = max(abs(float(pairs.largest[-1])), abs(float(pairs.smallest[-1])))
    if int((pairs.values.abs() >= inner).sum()) < k:
        raise RuntimeError(f"one end holds more than {(3 * k + 4) // 5} of the {k} largest |λ|.")
    return run


def _own(method: str, run: Timed) -> Row:
    result: SpectralRun = run.value
    pairs = result.eigenpairs
    return Row(
        method=method,
        network="landscape",
        seconds=run.seconds,
        ratio=1.0,
        num_matvecs=result.num_matvecs,
        max_residual=float(pairs.residuals.max()) / pairs.norm,
        peak_mb=run.peak_mb,
        note=f"{pairs.num_largest} largest, {pairs.num_smallest} smallest; trace "
        f"{result.trace.mean:.2f} ± {result.trace.stderr:.2f}",
    )


def _residual(problem: Problem, found: Found) -> float:
    H = HessianOperator(problem.risk)
    return max_residual(found, H.__matmul__, float(found.values.abs().max()))


def _opponent(method: str, pairs: Timed, extra: Timed, residual: float) -> Row:
    count, note = extra.value
    return Row(
        method=method,
        network="landscape",
        seconds=pairs.seconds + extra.seconds,
        num_matvecs=pairs.value.num_matvecs + count,
        max_residual=residual,
        peak_mb=pairs.peak_mb,
        note=note,
    )


def _pyhessian(
    problem: Problem, products: ProductSeconds, k: int, few_images: int, count: int | None
) -> Row:
    """Its products are counted on fewer images, where each is cheap, and timed on all."""
    network = problem.networks["landscape"]
    if count is None:
        few = problem.first(few_images)
        count = pyhessian(few, few.networks["landscape"], k).num_matvecs
    trace_count, note = pyhessian_trace(problem, network)
    return Row(
        method="PyHessian",
        network="landscape",
        seconds=(count + trace_count) * products.of("PyHessian", "landscape"),
        num_matvecs=count + trace_count,
        extrapolated=True,
        note=f"{note}; products of the eigenvalues counted on {few_images} images",
    )


def _on_theirs(row: Row, products: ProductSeconds) -> Row:
    assert row.num_matvecs is not None
    ours, theirs = (products.of(row.method, name) for name in ("landscape", "SpikingJelly"))
    besides = max(0.0, row.seconds - row.num_matvecs * ours)
    return replace(
        row,
        network="SpikingJelly",
        seconds=besides + row.num_matvecs * theirs,
        max_residual=None,
        peak_mb=None,
        extrapolated=True,
        note="",
    )


def _judge(row: Row, own_seconds: float) -> Row:
    ratio, least = row.seconds / own_seconds, _TARGETS[row.method][row.network]
    return replace(row, ratio=ratio, target=f"≥ {least:g}", meets_target=ratio >= least)
