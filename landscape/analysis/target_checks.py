"""What is checked of a target before anything is computed from it."""

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from landscape.data.source import Source
from landscape.distributed import all_reduce_sum, rank, world_size
from landscape.objective.objective import Objective
from landscape.objective.pair import Loss
from landscape.objective.risk import EmpiricalRisk
from landscape.objective.user_errors import UserCodeError

# With fewer examples a process, a matvec's time hardly shrinks any more (docs/scaling.md).
_LEAST_SHARE = 64
_TWO_TYPES = ("same dtype", "expected scalar type", "type (", "must have the type")


@contextmanager
def fitting_advice(label: str, risk: EmpiricalRisk, data: Source) -> Iterator[None]:
    """Turn what a network or loss raises on examples that are not its own into what to check.

    Raises
    ------
    ValueError
        With the module, the shapes of an example, and the first line of what was raised.
    """
    try:
        yield
    except UserCodeError as error:
        reason, objective = str(error), risk.objective
        raise ValueError(
            f"{label}: network, data and loss do not fit one another: {reason}. {data.name} gives "
            f"{data.outline()}; the loss is {objective.name}.{_hint(reason, objective)} Check "
            "--model, --data and --loss (LANDSCAPE_TRACEBACK=1 shows where it failed)."
        ) from error


def _hint(reason: str, objective: Objective) -> str:
    """What to look at first, where the reason or the objective tells."""
    if isinstance(objective, Loss) and not objective.takes_prediction:
        hint = (
            " A loss function of your own gets what the network returned as it is (a tuple, a "
            "dict, an object with .logits), not the tensor in it: pick it inside."
        )
    elif isinstance(getattr(objective.fn, "__self__", None), nn.Module):
        hint = (
            " An objective is called as fn(model, batch): of a method that is bound to the network "
            "give lambda model, batch: model.training_step(batch), or the like."
        )
    else:
        hint = ""
    if any(text in reason for text in _TWO_TYPES):
        hint += (
            " All that the network and modules of the objective hold is cast to --dtype; what lies "
            "in a plain list or a closure, or is cast in forward, keeps its own type: register it "
            "(nn.ModuleList, register_buffer), or take a --dtype that fits."
        )
    return hint


def check_agreement(theta: Tensor, data: Source) -> None:
    """Refuse processes that loaded other weights or examples: their sum would be no one's loss."""
    if world_size() == 1:
        return
    text = f"{sha256_of_theta(theta)} {data.digest}"
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


def open_device(name: str) -> torch.device:
    """The device called ``name``, once it has held a float64 and given it back.

    Raises
    ------
    ValueError
        If it is unknown, or cannot be used here.
    """
    if name == "cuda" and "LOCAL_RANK" in os.environ:  # under torchrun, a GPU each
        name = f"cuda:{os.environ['LOCAL_RANK']}"
    try:
        device = torch.device(name)
        torch.zeros((), dtype=torch.float64, device=device).item()
    except (RuntimeError, AssertionError, TypeError) as error:
        reason = str(error).splitlines()[0]
        raise ValueError(f"device {name!r} cannot be used: {reason}. Try --device cpu.") from error
    return device


def refuse_inference_mode() -> None:
    """Nothing can be differentiated within ``torch.inference_mode``.

    Raises
    ------
    ValueError
        If it is on.
    """
    if torch.is_inference_mode_enabled():
        raise ValueError(
            "torch.inference_mode is on, in which nothing can be differentiated; call this outside "
            "of it (torch.no_grad does no harm)."
        )


def divide_probes(share: str, num_examples: int) -> bool:
    """Whether processes take probes of their own on all examples, rather than a part of these."""
    few = num_examples < _LEAST_SHARE * world_size()
    return world_size() > 1 and (share == "probes" or (share == "auto" and few))
