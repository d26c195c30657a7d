"""Networks, losses and data as a Python session holds them, in the form that analyses work on."""

import copy
from collections.abc import Callable, Iterable, Mapping
from os import PathLike, fspath
from typing import Any

import torch
from torch import Tensor, nn

from landscape.analysis.choices import named_loss
from landscape.curvature.losses import Loss
from landscape.data.arrays import from_arrays
from landscape.data.dataset import Dataset
from landscape.data.opening import open_dataset
from landscape.distributed import check_whole

LossLike = str | Callable[[Tensor, Tensor], Tensor]


def loss_of(loss: LossLike) -> Loss:
    """A loss by its name on the command line, or a function of (outputs, targets).

    A PyTorch loss module that averages over the batch is asked for one value an example instead,
    where that is the same loss: errors over examples can then be given.

    Raises
    ------
    ValueError
        If it is neither, or a loss module that sums over the batch.
    """
    if isinstance(loss, str):
        return named_loss(loss)
    if not callable(loss):
        raise ValueError(
            f"loss must be a name, such as 'cross-entropy', or a function of (outputs, targets); "
            f"got a {type(loss).__name__}."
        )
    name = getattr(loss, "__name__", type(loss).__name__)
    reduction = getattr(loss, "reduction", None)
    if reduction == "sum":
        raise ValueError(
            f"loss {name} sums over the batch, so its size would set the curvature; make it with "
            "reduction='mean' or 'none'."
        )
    if reduction == "mean" and isinstance(loss, nn.Module) and _weighs_alike(loss):
        loss = copy.copy(loss)
        loss.reduction = "none"  # type: ignore[assignment]
    return Loss(name, loss)


def loss_notes(loss: LossLike) -> tuple[str, ...]:
    """What to know of a loss whose mean gives examples different weights, one line or none."""
    if not isinstance(loss, nn.CrossEntropyLoss | nn.NLLLoss):
        return ()
    if loss.reduction != "mean" or _weighs_alike(loss):
        return ()
    return (
        f"{type(loss).__name__} divides by the weights in each batch, so that results depend on "
        "batch_size; with all examples in one batch they are those of PyTorch's mean",
    )


def dataset_of(data: Any, *, split: str) -> Dataset:
    """Examples from a pair (x, y), a path or name as after ``--data``, or batches of pairs.

    Batches, those of a ``DataLoader`` for one, are gathered in the order they come in; PyTorch's
    global random numbers are afterwards where they were.

    Raises
    ------
    ValueError
        If ``data`` is none of these, or x and y do not fit one another.
    """
    if isinstance(data, Dataset):
        return data
    if isinstance(data, str | PathLike):
        return open_dataset(fspath(data), split=split)
    if isinstance(data, tuple | list) and len(data) == 2 and all(hasattr(d, "shape") for d in data):
        x, y = data
        source = "arrays in memory"
    elif isinstance(data, Iterable) and not isinstance(data, Mapping | Tensor):
        x, y = _gathered(data)
        source = "batches in memory"
    else:
        raise ValueError(
            f"data must be (x, y), a path to an .npz file, or batches of (x, y); got a "
            f"{type(data).__name__}."
        )
    return from_arrays(x, y, name="in memory", source=source, split=split, other_targets=[])


def copied(model: nn.Module) -> nn.Module:
    """A copy of ``model`` that shares nothing with it; wrappers of compilation and DDP come off.

    The state that spiking neurons keep between calls hangs on the graph of the last one, which
    ``copy.deepcopy`` refuses; the copy gets its values without the graph.

    Raises
    ------
    ValueError
        If its parameters are spread over processes.
    """
    check_whole(model)
    for wrapper in ("_orig_mod", "module"):
        inner = getattr(model, wrapper, None)
        if isinstance(inner, nn.Module) and len(list(model.children())) == 1:
            model = inner
    memo: dict[int, Any] = {}
    for module in model.modules():
        for held in _tensors_of(vars(module)):
            if not held.is_leaf:
                memo[id(held)] = held.detach().clone()
    return copy.deepcopy(model, memo)


def _tensors_of(value: object) -> Iterable[Tensor]:
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, Mapping):
        for inner in value.values():
            yield from _tensors_of(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _tensors_of(inner)


def _weighs_alike(loss: nn.Module) -> bool:
    """Whether the mean over a batch gives every example one weight."""
    return getattr(loss, "weight", None) is None and getattr(loss, "ignore_index", -100) < 0


def _gathered(batches: Iterable[Any]) -> tuple[Tensor, Tensor]:
    xs, ys = [], []
    with torch.random.fork_rng(devices=[]):
        for batch in batches:
            if not isinstance(batch, tuple | list) or len(batch) != 2:
                raise ValueError(
                    f"every batch of data must be a pair (x, y); got a {type(batch).__name__}. "
                    "Wrap the loader in a generator of such pairs."
                )
            xs.append(torch.as_tensor(batch[0]))
            ys.append(torch.as_tensor(batch[1]))
    if not xs:
        raise ValueError("data must hold at least one batch; the iterable gave none.")
    return torch.cat(xs), torch.cat(ys)
