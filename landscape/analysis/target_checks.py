"""What is checked of a target before anything is computed from it."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import torch
from torch import Tensor

from landscape.curvature.halving import is_out_of_memory, with_smaller_batches
from landscape.curvature.risk import EmpiricalRisk, leaves
from landscape.data.dataset import Dataset
from landscape.distributed import PeerLostError, all_reduce_sum, rank, world_size

_NAMED = 4  # parameters in a note
_ROUNDING = 100  # eps: what sums in another order leave, on devices that have no fixed order


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


def first_batch_notes(risk: EmpiricalRisk) -> tuple[str, ...]:
    """What the first batch shows: unused parameters, a random forward, classes on either axis.

    Raises
    ------
    ValueError
        If the loss uses none of the parameters.
    """
    if not risk.batches:
        return ()
    found = with_smaller_batches(risk, lambda: _on_first_batch(risk))
    if len(found.unused) == len(risk.layout.names):
        raise ValueError(
            "the loss depends on none of the network's parameters, so there is nothing to "
            "differentiate. Look for torch.no_grad, .detach() or .item() in forward and loss."
        )
    notes = []
    if found.unused:
        more = len(found.unused) - _NAMED
        named = ", ".join(found.unused[:_NAMED]) + (f" and {more} more" if more > 0 else "")
        notes.append(f"the loss does not use {named}: all eigenvalues that belong to them are 0")
    if found.gap > _ROUNDING * torch.finfo(risk.dtype).eps:
        notes.append(
            f"two evaluations of one batch differ, an example's loss by up to {found.gap:.1e} of "
            "the largest: the forward pass is random (F.dropout without training=self.training?) "
            "or keeps state; do not trust what is measured here, residuals and errors included"
        )
    if found.ambiguous is not None:
        notes.append(
            f"in outputs of shape {found.ambiguous} classes could be on the second axis or on the "
            "last: the last is taken"
        )
    return tuple(notes)


class _Found(NamedTuple):
    unused: list[str]  # parameters on which the loss does not depend
    gap: float = 0.0  # between two evaluations of an example, relative to the largest loss
    ambiguous: tuple[int, ...] | None = None  # shape of outputs with classes on either axis


def _on_first_batch(risk: EmpiricalRisk) -> _Found:
    tensors, batch = leaves(risk.layout.split(risk.theta)), risk.batches[0]
    outputs = risk.outputs(tensors, batch.inputs)
    losses = risk.loss.per_example(outputs, batch.targets)
    if not losses.requires_grad:
        return _Found(list(risk.layout.names))
    gradient = torch.autograd.grad(losses.sum(), tensors, allow_unused=True)
    unused = [name for name, g in zip(risk.layout.names, gradient, strict=True) if g is None]
    shape = tuple(outputs.shape) if risk.loss.is_ambiguous(outputs, batch.targets) else None
    first = losses.detach()
    del outputs, losses  # and the graph with them
    again = risk.per_example(tensors, batch).detach()  # in grad mode too: others have fast paths
    size = float(first.abs().max().clamp_min(torch.finfo(first.dtype).tiny))
    return _Found(unused, float((first - again).abs().max()) / size, shape)


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
