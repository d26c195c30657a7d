"""Inputs as they are not in training: noisy, moved, of less contrast."""

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

import torch
from torch import Generator, Tensor

from landscape.analysis.robustness.settings import RobustnessSettings
from landscape.data.reread import Reread
from landscape.distributed import all_reduce_sum
from landscape.nests import Nest, map_tensors, num_rows, tensors_in
from landscape.objective.pair import Loss
from landscape.objective.risk import EmpiricalRisk
from landscape.results.robustness import CONTRAST, INPUT_NOISE, TRANSLATION

_SMALLEST_IMAGE = 8  # pixels a side: a kernel's or a channel's axis is shorter

Change = Callable[[Tensor], Tensor]  # of one batch of inputs, the first dimension its examples


class InputShift(NamedTuple):
    """A disturbance of the inputs: the mean over its variants, each a pass over the examples."""

    name: str
    size: float
    variants: tuple[Change, ...]


def input_shifts(
    risk: EmpiricalRisk, settings: RobustnessSettings, rng: Generator
) -> tuple[tuple[InputShift, ...], str]:
    """What the inputs of ``risk`` allow, and why not all of it; empty: all of it.

    - ``input-noise``: x + s σ ε, ε ~ N(0, I) drawn once for each example, σ the standard deviation
      of all inputs.
    - ``translation``: images moved by whole pixels up, down, left and right, the edge repeated.
    - ``contrast``: m + c (x - m) with m the mean of each channel of an image, as in [1].

    Images are inputs whose last two of four dimensions or more are at least 8 long.

    References
    ----------
    .. [1] Hendrycks & Dietterich (2019), arXiv 1903.12261.
    """
    inputs, reason = _inputs_of(risk)
    if reason:
        return (), f"shifted inputs: {reason}"
    size = settings.input_noise * _deviation(inputs, risk)
    noise = InputShift(INPUT_NOISE, settings.input_noise, (partial(_noisy, size=size, rng=rng),))
    if not all(x.ndim >= 4 and min(x.shape[-2:]) >= _SMALLEST_IMAGE for x in inputs):
        return (noise,), "translation and contrast: the inputs are no images"
    far = settings.shift
    moves = ((far, 0), (-far, 0), (0, far), (0, -far))
    return (
        noise,
        InputShift(TRANSLATION, far, tuple(partial(_moved, down=d, right=r) for d, r in moves)),
        InputShift(CONTRAST, settings.contrast, (partial(_faded, factor=settings.contrast),)),
    ), ""


def with_inputs(risk: EmpiricalRisk, change: Change) -> EmpiricalRisk:
    """The risk over the same examples with ``change`` of their inputs."""

    def changed(x: Tensor) -> Tensor:
        return change(x) if x.is_floating_point() else x

    return risk.on([(map_tensors(changed, batch[0]), batch[1]) for batch in risk.batches])


def _inputs_of(risk: EmpiricalRisk) -> tuple[Sequence[Tensor], str]:
    """The one tensor of real numbers among the inputs of each batch; or why there is none."""
    if not isinstance(risk.objective, Loss):
        return (), "the objective does not say what of a batch is the input"
    if isinstance(risk.batches, Reread):
        return (), "the examples are read again at each pass (--keep reread)"
    found = []
    for batch in risk.batches:
        numbers = [t for t in tensors_in(batch[0]) if t.is_floating_point()]
        if not numbers:
            return (), "the inputs are no real numbers"
        if len(numbers) > 1 or not _has_rows(batch):
            return (), "the inputs are not one tensor, a row an example"
        found += numbers
    return found, ""


def _has_rows(batch: Nest) -> bool:
    rows = num_rows(batch)
    return rows is not None and num_rows(batch[0]) == rows


def _deviation(inputs: Sequence[Tensor], risk: EmpiricalRisk) -> float:
    """Of all numbers in the inputs of all processes from their mean."""

    def mean_of(f: Callable[[Tensor], Tensor]) -> float:
        total = torch.zeros(2, dtype=torch.float64, device=risk.device)
        for x in inputs:
            total += torch.stack([f(x.double()).sum(), total.new_tensor(float(x.numel()))])
        summed, count = all_reduce_sum(total).tolist()
        return float(summed / count)

    mean = mean_of(lambda x: x)
    return math.sqrt(mean_of(lambda x: (x - mean).square()))


def _noisy(x: Tensor, *, size: float, rng: Generator) -> Tensor:
    # One example after the other: the same draws however they fall into batches.
    drawn = torch.stack([torch.randn(x.shape[1:], generator=rng) for _ in range(len(x))])
    return x + size * drawn.to(x)


def _moved(x: Tensor, *, down: int, right: int) -> Tensor:
    for axis, by in ((-2, down), (-1, right)):
        places = torch.arange(x.shape[axis], device=x.device) - by
        x = x.index_select(axis, places.clamp(0, x.shape[axis] - 1))
    return x


def _faded(x: Tensor, *, factor: float) -> Tensor:
    mean = x.mean((-2, -1), keepdim=True)
    return mean + factor * (x - mean)
