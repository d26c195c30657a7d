"""What is checked of a target before anything is computed from it."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

from landscape.curvature.halving import is_out_of_memory
from landscape.curvature.risk import EmpiricalRisk
from landscape.data.dataset import Dataset
from landscape.distributed import PeerLostError, all_reduce_sum, rank, world_size


@contextmanager
def fitting_advice(label: str, risk: EmpiricalRisk, data: Dataset) -> Iterator[None]:
    """Turn what a network or loss raises on examples that are not its own into what to check.

    Raises
    ------
    ValueError
        With the shapes of an example, and the first line of what was raised.
    """
    try:
        yield
    except (RuntimeError, TypeError, LookupError, AttributeError) as error:
        if is_out_of_memory(error) or isinstance(error, PeerLostError):
            raise
        shapes = " and ".join(str(tuple(a.shape[1:])) for a in (data.inputs, data.targets))
        reason = (str(error).splitlines() or [type(error).__name__])[0].rstrip(". ")
        raise ValueError(
            f"{label}: network, data and loss do not fit one another: {reason}. An example of "
            f"{data.name} has input and target of shapes {shapes}; the loss is {risk.loss.name}. "
            "Check --model, --data and --loss (LANDSCAPE_TRACEBACK=1 shows where it failed)."
        ) from error


def check_agreement(theta: Tensor, data: Dataset) -> None:
    """Refuse processes that loaded other weights or examples: their sum would be no one's loss."""
    if world_size() == 1:
        return
    text = f"{sha256_of_theta(theta)} {data.sha256} {data.indices_sha256}"
    number = float(int(hashlib.sha256(text.encode()).hexdigest()[:12], 16))  # exact in float64
    seen = torch.zeros(world_size(), dtype=torch.float64)
    seen[rank()] = number
    if bool((all_reduce_sum(seen) != number).any()):
        raise ValueError(
            "the processes loaded different weights or examples. Give all of them the same files, "
            "by absolute paths on a shared file system, and --data-dir where data are fetched."
        )


def sha256_of_theta(theta: Tensor) -> str:
    """Names the weights, whatever file they came from."""
    return hashlib.sha256(theta.cpu().numpy().tobytes()).hexdigest()
