"""Measuring: CPU seconds of alternating runs, peak memory, the machine's matmul rate.

The clock is the CPU time of the process on one thread: on an idle machine that is the time by the
wall, and on a shared one the waiting for a processor is not in it. What others do to caches and
clock rates still is, so figures are medians over rounds in which the contenders take turns.
"""

import ctypes
import gc
import statistics
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import torch


class Timed(NamedTuple):
    """What a call returned, its CPU seconds, and how far memory rose above where it began."""

    value: Any
    seconds: float
    peak_mb: float | None


def timed(call: Callable[[], Any]) -> Timed:
    """Run ``call`` once."""
    gc.collect()
    before = _begin_peak()
    start = time.process_time()
    value = call()
    seconds = time.process_time() - start
    peak = None if before is None else max(0.0, _status_mb("VmHWM") - before)
    return Timed(value, seconds, peak)


def alternate(
    calls: Mapping[str, Callable[[], object]], *, rounds: int, warm_up: int = 1
) -> dict[str, list[float]]:
    """CPU seconds of each call in each round, in turns; ``warm_up`` rounds are not recorded."""
    seconds: dict[str, list[float]] = {name: [] for name in calls}
    for k in range(warm_up + rounds):
        for name, call in calls.items():
            start = time.process_time()
            call()
            if k >= warm_up:
                seconds[name].append(time.process_time() - start)
    return seconds


def ratio(of: Sequence[float], to: Sequence[float]) -> float:
    """Median over rounds of ``of / to``."""
    return statistics.median(a / b for a, b in zip(of, to, strict=True))


def matmul_rate(size: int = 1024) -> Callable[[], float]:
    """A function that measures FLOP/s of one product of float32 matrices of order ``size``."""
    a, b = torch.rand(size, size), torch.rand(size, size)
    out = torch.empty(size, size)

    def measure() -> float:
        start = time.process_time()
        for _ in range(3):
            torch.mm(a, b, out=out)
        return 3 * 2 * size**3 / (time.process_time() - start)

    measure()
    return measure


def _begin_peak() -> float | None:
    """Forget the peak so far; resident MB now, or None where the system does not tell."""
    if sys.platform != "linux":
        return None
    try:
        ctypes.CDLL("libc.so.6").malloc_trim(0)
        with open("/proc/self/clear_refs", "w", encoding="ascii") as file:
            file.write("5")  # proc(5): resets VmHWM
    except (OSError, AttributeError):
        return None
    return _status_mb("VmRSS")


def _status_mb(field: str) -> float:
    with open("/proc/self/status", encoding="ascii") as lines:
        for line in lines:
            if line.startswith(field + ":"):
                return int(line.split()[1]) / 1024
    raise RuntimeError(f"/proc/self/status has no {field}.")
