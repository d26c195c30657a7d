"""Several processes as one: the process group under ``torchrun``, and the one collective used."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import torch
import torch.distributed as dist
from torch import Tensor

# A rank that died must end the others within a minute, not after PyTorch's half-hour default.
_TIMEOUT = timedelta(seconds=45)


def rank() -> int:
    """This process's number; 0 where there is only one process."""
    return dist.get_rank() if _is_active() else 0


def world_size() -> int:
    """How many processes share the work."""
    return dist.get_world_size() if _is_active() else 1


def is_main() -> bool:
    """Whether this process prints and writes files."""
    return rank() == 0


def all_reduce_sum(tensor: Tensor) -> Tensor:
    """Sum ``tensor`` over all processes, in place, and return it; one process: unchanged."""
    if _is_active():
        dist.all_reduce(tensor, op=dist.ReduceOp.SUM)
    return tensor


@contextmanager
def process_group() -> Iterator[None]:
    """Join the group that ``torchrun`` describes in the environment; without it, do nothing."""
    if int(os.environ.get("WORLD_SIZE", "1")) == 1 or dist.is_initialized():
        yield
        return
    backend = "nccl" if torch.cuda.is_available() else "gloo"
    if backend == "nccl":
        torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")))
    dist.init_process_group(backend, timeout=_TIMEOUT)
    try:
        yield
    finally:
        dist.destroy_process_group()


def _is_active() -> bool:
    return dist.is_available() and dist.is_initialized()
