"""Whether a network does on its data what it was trained to do: a wrong load is found here first.

Pixels that are scaled otherwise, classes in another order, another loss: curvature can be computed
of all of them, and means nothing.
"""

import math
from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor, nn

from landscape.distributed import all_reduce_sum, alone, from_main
from landscape.nests import is_dense, map_tensors, tensors_in
from landscape.objective.losses import IGNORED, cross_entropy, mse, nll
from landscape.objective.pair import Loss
from landscape.objective.risk import EmpiricalRisk, Evaluation
from landscape.results import TrainingInfo

_FAR = 10.0  # times a constant guess's loss: networks at their first weights come to some of it
# Of inputs that look like bytes: they are whole numbers, the largest of which counts seldom reach.
_BRIGHT = 128
_BETTER = 0.9  # than a constant guess, which no network is that takes nothing from its inputs
_BYTES, _MOST_RIGHT = 2.0, 0.5  # times its loss, at an accuracy that no confident network has
_ROUNDING = 1e-12  # of the mean square: less than that of a variance is rounding in float64
_MOST_CLASSES = 100_000
_BELOW = 0.15  # accuracy below the one that the file names: more than a subset's scatter
_ADVICE = (
    "are these the data, their scale (pixel/255?), the classes' order and the loss of its training?"
)


def doubt(risk: EmpiricalRisk, found: Evaluation, training: TrainingInfo | None, split: str) -> str:
    """What speaks against this network on these data, in words; empty: nothing does."""
    guess = constant_guess(risk)
    if guess is not None and found.loss > _FAR * guess + 1e-3:
        return (
            f"the loss, {found.loss:.4g}, is far above that of a constant guess, {guess:.4g}: "
            f"{_ADVICE}"
        )
    if guess is not None and found.loss > guess:
        scaled = from_main(partial(_divided_by_255, risk))
        is_lost = found.loss > _BYTES * guess and (found.accuracy or 0.0) <= _MOST_RIGHT
        if scaled is not None and (scaled.after < _BETTER * scaled.guess or is_lost):
            return (
                f"the loss, {found.loss:.4g}, is above that of a constant guess, {guess:.4g}, and "
                "the inputs are whole numbers from 0 to 255, like the bytes of pictures: divided "
                f"by 255 they give {scaled.after:.4g} on the first batch. Scale them as its "
                "training did (pixel/255, and its mean and deviation)"
            )
    told = None
    if training is not None:
        told = training.train_accuracy if split == "train" else training.test_accuracy
    if told is not None and found.accuracy is not None and found.accuracy < told - _BELOW:
        return (
            f"the accuracy, {found.accuracy:.4f}, is below the {told:.4f} that the file names: "
            f"{_ADVICE}"
        )
    return ""


class _Divided(NamedTuple):
    """Losses of the first batch: with its inputs divided by 255, and of a constant guess."""

    after: float
    guess: float


def _divided_by_255(risk: EmpiricalRisk) -> _Divided | None:
    """What dividing does to inputs of classes that look like bytes; None: they do not."""
    inputs, targets = risk.batches[0]
    kind = _kind(risk)
    numbers = [t for t in tensors_in(inputs) if t.is_floating_point() and is_dense(t)]
    if kind is None or not kind.entropic or not numbers or not all(map(_are_bytes, numbers)):
        return None
    small = map_tensors(lambda t: t / 255 if t.is_floating_point() else t, inputs)
    with alone():
        guess = constant_guess(risk.on([(inputs, targets)]))
        after = risk.on([(small, targets)]).evaluate().loss
    return None if guess is None else _Divided(after, guess)


def _are_bytes(tensor: Tensor) -> bool:
    low, high = (float(end) for end in tensor.aminmax()) if tensor.numel() else (0.0, 0.0)
    return low >= 0 and _BRIGHT <= high <= 255 and bool((tensor == tensor.round()).all())


def constant_guess(risk: EmpiricalRisk) -> float | None:
    """The loss of the best prediction that does not look at its input; None: not known.

    The entropy of the classes for cross entropy, the variance of the targets for squared errors.
    Of targets that are all the same there is none: to guess them takes only to have seen them.
    """
    loss = _best_constant(risk)
    return loss if loss else None


def _best_constant(risk: EmpiricalRisk) -> float | None:
    # Told by process 0, which has the first examples: all sum the same things.
    kind = from_main(partial(_kind, risk))
    if kind is None:
        return None
    targets = [batch[1] for batch in risk.batches]
    if kind.shape is not None:
        return _variance(targets, kind.shape, risk)
    shares = _shares(targets, risk)
    if shares is None:
        return None
    if kind.entropic:
        return float((shares[shares > 0] * -shares[shares > 0].log()).sum())
    return float((shares * (1 - shares)).mean())  # of one-hot vectors, mean over the classes


class _Kind(NamedTuple):
    entropic: bool
    shape: tuple[int, ...] | None  # of an example's numbers; None: classes


def _kind(risk: EmpiricalRisk) -> _Kind | None:
    function = risk.objective.function if isinstance(risk.objective, Loss) else None
    entropic = function in (cross_entropy, nll) or isinstance(
        function, nn.CrossEntropyLoss | nn.NLLLoss
    )
    squared = function is mse or isinstance(function, nn.MSELoss)
    if not (entropic or squared) or not risk.batches or not isinstance(risk.batches[0][1], Tensor):
        return None
    targets = risk.batches[0][1]
    if not targets.is_floating_point():
        return _Kind(entropic, None)
    return None if entropic else _Kind(False, tuple(targets.shape[1:]))


def _variance(targets: list[Tensor], shape: tuple[int, ...], risk: EmpiricalRisk) -> float | None:
    """Mean over the outputs of the variance over examples."""
    sums = torch.zeros(3, max(1, math.prod(shape)), dtype=torch.float64, device=risk.device)
    for t in targets:
        if tuple(t.shape[1:]) != shape:
            sums[2] += 1
            continue
        flat = t.double().reshape(len(t), -1)
        sums[:2] += torch.stack([flat.sum(0), flat.square().sum(0)])
    first, second, others = all_reduce_sum(sums) / risk.num_examples
    if others.any():  # padded to other lengths
        return None
    spread = second - first.square()
    return float(spread.where(spread > _ROUNDING * second, 0.0).mean())


def _shares(targets: list[Tensor], risk: EmpiricalRisk) -> Tensor | None:
    """How often each class is the right one; None where the numbers are none of classes."""
    counts = torch.zeros(_MOST_CLASSES + 1, dtype=torch.float64, device=risk.device)
    for t in targets:
        classes = t.reshape(-1)[t.reshape(-1) != IGNORED].long()
        outside = (classes < 0) | (classes >= _MOST_CLASSES)
        counts += torch.bincount(
            classes.where(~outside, _MOST_CLASSES), minlength=_MOST_CLASSES + 1
        )
    counts = all_reduce_sum(counts)
    if counts[-1] > 0 or not counts.any():
        return None
    return counts[: int(counts.nonzero().max()) + 1] / counts.sum()
