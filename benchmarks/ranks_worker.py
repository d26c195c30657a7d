"""One process of ``python -m benchmarks.ranks``: times matvecs and all-reduces, started by it."""

import json
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist

from benchmarks.problem import load_problem, load_risk, unit_vector
from benchmarks.scaling import risk_of_width
from landscape.allocator import keep_freed_memory
from landscape.curvature.hessian import HessianOperator
from landscape.distributed import all_reduce_sum, is_main, process_group
from landscape.objective.risk import EmpiricalRisk

_REDUCE_SIZES = (1_000, 30_000, 300_000, 3_000_000)
_BATCH = 64
_WIDE_CHANNELS, _WIDE_EXAMPLES = 128, 32


def main(target: Path, examples: list[int], rounds: int) -> None:
    """Write wall seconds of matvecs by number of examples, and of all-reduces by length."""
    torch.set_num_threads(1)
    keep_freed_memory()
    with process_group():
        found: dict[str, Any] = {
            "matvec": {n: _matvec(load_risk(n, batch_size=_BATCH), rounds) for n in examples},
            "reduce": {
                n: _times(partial(all_reduce_sum, torch.ones(n)), rounds) for n in _REDUCE_SIZES
            },
        }
        if not dist.is_initialized():
            wide = risk_of_width(load_problem(_WIDE_EXAMPLES), _WIDE_CHANNELS)
            found["wide"] = {_WIDE_EXAMPLES: _matvec(wide, 3)}
            shipped = load_risk(1, batch_size=1)
            found["params"] = {"shipped": shipped.num_params, "wide": wide.num_params}
        if is_main():
            target.write_text(json.dumps(found), encoding="utf-8")


def _matvec(risk: EmpiricalRisk, rounds: int) -> list[float]:
    H, v = HessianOperator(risk), unit_vector(risk.num_params)
    return _times(lambda: H @ v, rounds)


def _times(call: Callable[[], object], rounds: int) -> list[float]:
    seconds = []
    for k in range(rounds + 2):
        if dist.is_initialized():
            dist.barrier()
        began = time.perf_counter()
        call()
        if k >= 2:
            seconds.append(time.perf_counter() - began)
    return seconds


if __name__ == "__main__":
    main(Path(sys.argv[1]), [int(n) for n in sys.argv[2].split(",")], int(sys.argv[3]))
