"""One Hessian-vector product, as a ratio to SpikingJelly's and to the arithmetic limit.

The limit: double backward does the arithmetic of 6 forward passes where the gradient's graph was
kept and of 9 where it is rebuilt, at the rate of a large float32 matrix product in the same run.
"""

import statistics
from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor

from benchmarks.measure import alternate, matmul_rate, ratio
from benchmarks.problem import (
    Problem,
    forward_flops,
    kept_product,
    load_problem,
    plain_product,
    unit_vector,
)
from benchmarks.record import Comparison, Row
from landscape.curvature.hessian import HessianOperator
from landscape.snn import CSNN

_PASSES = {"kept": 6, "rebuilt": 9}
_MOST_OF_LIMIT = 1.3
_LEAST_RATIO = 5.0


def compare_hvp(problem: Problem, *, rounds: int) -> Comparison:
    """Both networks, graph kept and rebuilt, in turns with the matmul."""
    v = unit_vector(problem.risk.num_params)
    ours = problem.networks["landscape"]
    theirs = problem.networks["SpikingJelly"]
    assert isinstance(ours, CSNN)
    products: dict[str, Callable[[Tensor], Tensor]] = {
        "landscape kept": HessianOperator(problem.risk).__matmul__,
        "landscape rebuilt": HessianOperator(problem.risk, graph_budget=0).__matmul__,
        "SpikingJelly kept": kept_product(problem, theirs),
        "SpikingJelly rebuilt": plain_product(problem, theirs),
    }
    rate = matmul_rate()
    rates: list[float] = []
    calls: dict[str, Callable[[], object]] = {k: partial(p, v) for k, p in products.items()}
    calls["matmul"] = lambda: rates.append(rate())
    seconds = alternate(calls, rounds=rounds)
    flops = forward_flops(ours.channels) * problem.risk.num_examples
    speed = statistics.median(rates)
    rows = []
    for name in products:
        network, graph = name.split()
        limit = _PASSES[graph] * flops / speed
        of_limit = statistics.median(seconds[name]) / limit
        own = seconds[f"landscape {graph}"]
        faster = ratio(seconds[f"SpikingJelly {graph}"], own)
        is_ours = network == "landscape"
        rows.append(
            Row(
                method=f"HVP, graph {graph}",
                network=network,
                seconds=statistics.median(seconds[name]),
                ratio=1.0 if is_ours else faster,
                target=f"≤ {_MOST_OF_LIMIT} x limit" if is_ours else f"≥ {_LEAST_RATIO:g}",
                meets_target=of_limit <= _MOST_OF_LIMIT if is_ours else faster >= _LEAST_RATIO,
                num_matvecs=1,
                note=f"{of_limit:.2f} x the arithmetic limit of {limit:.4f} s",
            )
        )
    across = ratio(seconds["SpikingJelly rebuilt"], seconds["landscape kept"])
    return Comparison(
        name="hvp",
        title="One Hessian-vector product",
        setting=f"C = {ours.channels}, {problem.risk.num_examples} images, float32",
        rows=rows,
        extra={
            "matmul_gflops": speed / 1e9,
            "spikingjelly_rebuilt_over_ours_kept": across,
            "relative_difference": {
                "float32": _difference(problem),
                "float64": _difference(load_problem(problem.risk.num_examples, dtype="float64")),
            },
        },
    )


def _difference(problem: Problem) -> float:
    """‖H v - H' v‖ / ‖H v‖ between the two networks' products."""
    v = unit_vector(problem.risk.num_params, dtype=problem.risk.dtype)
    ours = HessianOperator(problem.risk) @ v
    theirs = plain_product(problem, problem.networks["SpikingJelly"])(v)
    return float(torch.linalg.vector_norm(ours - theirs) / torch.linalg.vector_norm(ours))
