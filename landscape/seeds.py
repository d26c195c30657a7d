"""Random numbers of a forward pass: found, and fixed by a seed, the caller's own left alone."""

import hashlib
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch


@contextmanager
def seeded(device: torch.device, *parts: int) -> Iterator[None]:
    """A block whose random numbers are a function of ``parts`` alone; afterwards all is as before.

    Those of PyTorch, on the CPU and on ``device``, of NumPy's global generator, and of Python's.
    """
    digest = hashlib.sha256(" ".join(map(str, parts)).encode()).digest()
    with _kept(device):
        torch.manual_seed(int.from_bytes(digest[:7], "big"))
        np.random.seed(int.from_bytes(digest[:4], "big"))  # noqa: NPY002  # the user's code uses it
        random.seed(digest)
        yield


def draws_random_numbers(run: Callable[[], object], device: torch.device) -> bool:
    """Whether ``run()`` draws from a generator that :func:`seeded` sets; they stay as they were."""
    with _kept(device):
        before = _states(device)
        run()
        return any(a != b for a, b in zip(before, _states(device), strict=True))


@contextmanager
def _kept(device: torch.device) -> Iterator[None]:
    devices = [device] if device.type == "cuda" else []
    python, numpy = random.getstate(), np.random.get_state()  # noqa: NPY002
    try:
        with torch.random.fork_rng(devices=devices):
            yield
    finally:
        random.setstate(python)
        np.random.set_state(numpy)  # noqa: NPY002


def _states(device: torch.device) -> list[Any]:
    name, keys, *rest = np.random.get_state()  # noqa: NPY002
    states: list[Any] = [torch.get_rng_state().tolist(), random.getstate(), (name, *rest)]
    states.append(np.asarray(keys).tolist())
    if device.type == "cuda":
        states.append(torch.cuda.get_rng_state(device).tolist())
    return states
