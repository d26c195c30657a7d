"""Whether a network does on its data what it was trained to do: a wrong load is found here first.

Pixels that are scaled otherwise, classes in another order, another loss: curvature can be computed
of all of them, and means nothing.
"""

import math

import torch
from torch import Tensor

from landscape.distributed import all_reduce_sum
from landscape.objective.losses import IGNORED, cross_entropy, mse, nll
from landscape.objective.pair import Loss
from landscape.objective.risk import EmpiricalRisk, Evaluation
from landscape.results import TrainingInfo

_FAR = 10.0  # times a constant guess's loss: networks at their first weights come to some of it
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
    told = None
    if training is not None:
        told = training.train_accuracy if split == "train" else training.test_accuracy
    if told is not None and found.accuracy is not None and found.accuracy < told - _BELOW:
        return (
            f"the accuracy, {found.accuracy:.4f}, is below the {told:.4f} that the file names: "
            f"{_ADVICE}"
        )
    return ""


def constant_guess(risk: EmpiricalRisk) -> float | None:
    """The loss of the best prediction that does not look at its input; None: not known.

    The entropy of the classes for cross entropy, the variance of the targets for squared errors.
    """
    objective = risk.objective
    if not isinstance(objective, Loss):
        return None
    entropic = objective.function in (cross_entropy, nll) or isinstance(
        objective.function, torch.nn.CrossEntropyLoss | torch.nn.NLLLoss
    )
    squared = objective.function is mse or isinstance(objective.function, torch.nn.MSELoss)
    targets = [batch[1] for batch in risk.batches]
    if not all(isinstance(t, Tensor) for t in targets):
        return None
    numbers = all(t.is_floating_point() for t in targets)
    if squared and numbers:
        return _variance(targets, risk)
    if numbers or not (entropic or squared):
        return None
    shares = _shares(targets, risk)
    if shares is None:
        return None
    if entropic:
        return float(-(shares[shares > 0] * shares[shares > 0].log()).sum())
    return float((shares * (1 - shares)).mean())  # of one-hot vectors, mean over the classes


def _variance(targets: list[Tensor], risk: EmpiricalRisk) -> float | None:
    """Mean over the outputs of the variance over examples."""
    if len({t.shape[1:] for t in targets}) > 1:
        return None
    shape = targets[0].shape[1:] if targets else torch.Size()
    sums = torch.zeros(2, max(1, shape.numel()), dtype=torch.float64, device=risk.device)
    for t in targets:
        flat = t.double().reshape(len(t), -1)
        sums += torch.stack([flat.sum(0), flat.square().sum(0)])
    first, second = all_reduce_sum(sums) / risk.num_examples
    return float((second - first.square()).clamp_min(0).mean())


def _shares(targets: list[Tensor], risk: EmpiricalRisk) -> Tensor | None:
    """How often each class is the right one."""
    counts = torch.zeros(_MOST_CLASSES, dtype=torch.float64, device=risk.device)
    for t in targets:
        classes = t.reshape(-1)
        classes = classes[classes != IGNORED]
        if len(classes) and not 0 <= int(classes.min()) <= int(classes.max()) < _MOST_CLASSES:
            return None
        counts += torch.bincount(classes.long(), minlength=_MOST_CLASSES)
    counts = all_reduce_sum(counts)
    used = math.ceil(float(counts.nonzero().max()) + 1) if counts.any() else 0
    return counts[:used] / counts.sum() if used else None
