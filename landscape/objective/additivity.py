"""Whether the loss of a batch is the sum of its examples': what cutting and averaging rest on.

A loss that sums over the batch, couples its examples, or averages over something else than they,
gives other numbers for other batches, without a word. So the first batch is evaluated whole, in
halves and in reverse order before anything is measured; of means and sums, so are two more.
"""

import math
from dataclasses import dataclass
from statistics import fmean, stdev
from typing import NamedTuple

import torch
from torch import Tensor

from landscape.data.reread import Reread
from landscape.distributed import alone, from_main
from landscape.nests import Nest, take_rows
from landscape.objective.batches import in_two, num_examples
from landscape.objective.halving import is_out_of_memory
from landscape.objective.risk import EmpiricalRisk
from landscape.objective.user_errors import UserCodeError

_MOST = 64  # examples: enough to tell, and quick in float64
_TOL = 1e-6  # of the loss in float64, where only parts of the network may compute in less
_TOL_ROUNDED = 1e-3  # in the risk's own precision
_TOL_SPIKING = 5e-2  # there, spikes at their threshold tip over with the size of the batch
_SEEDS = 16  # of a random forward pass
_SPREAD = 5.0  # standard errors


@dataclass(frozen=True)
class Additivity:
    """The outcome: additive; or why that was not checked, or does not matter."""

    checked: bool
    reason: str = ""
    uncut: str | None = None  # why batches must stay whole from here on
    is_coupled: bool = False  # it was checked, and does not add up

    def matters(self, risk: EmpiricalRisk) -> bool:
        """Whether an unchecked loss could give other numbers in other batches, unannounced."""
        return not self.checked and (risk.num_batches > 1 or self.uncut is not None)


class _Sum(NamedTuple):
    total: float
    weight: float
    stderr: float  # of the total, over random numbers
    values: Tensor | None  # of each example, where the objective gives them

    @property
    def mean(self) -> float:
        return self.total / self.weight if self.weight else 0.0

    @property
    def error_of_mean(self) -> float:
        return self.stderr / self.weight if self.weight else 0.0


def check_additivity(risk: EmpiricalRisk, *, spiking: bool) -> Additivity:
    """Evaluate parts of batches whole, in halves and reversed.

    Raises
    ------
    ValueError
        Naming what the loss does, and the cure; where all examples are in one batch, which is never
        cut, only a sum is refused, since then its numbers are those of the user's loss.
    """

    def judge() -> Additivity:
        with alone():  # process 0 looks, and sums over its own examples
            return _judge(risk, spiking)

    return from_main(judge)


def _judge(risk: EmpiricalRisk, spiking: bool) -> Additivity:
    if not risk.batches:
        return Additivity(False, "there is no batch here")
    if (coupled_by := risk.with_noise(None).coupled_by) is not None:
        return Additivity(False, f"batches are not cut, with {coupled_by}")
    found = Additivity(False, "there is no batch here")
    for index in _looked_at(risk):
        other, means = _judge_batch(risk, risk.batches[index], spiking)
        if index == 0 or other.uncut:  # one of a single example says nothing against the others
            found = other
        if not (found.checked and means):
            break  # where losses are examples', another batch says no more
    return found


def _looked_at(risk: EmpiricalRisk) -> list[int]:
    """The first batch, one in the middle and the last: masks may differ between them."""
    last = len(risk.batches) - 1
    return [0] if isinstance(risk.batches, Reread) else sorted({0, last // 2, last})


def _judge_batch(risk: EmpiricalRisk, batch: Nest, spiking: bool) -> tuple[Additivity, bool]:
    """The outcome on a batch, and whether the objective gives means or sums of it only."""
    if risk.objective.split is None and num_examples(batch) > _MOST:
        batch = take_rows(batch, slice(0, _MOST))
    halves = in_two(batch, risk.objective)
    if halves is None:
        reason = "batches cannot be cut: their tensors share no first dimension"
        return Additivity(False, reason), False
    try:
        whole, parts, reverse, tol = _evaluated(risk, batch, halves, spiking)
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        return _judge_batch(risk, halves[0], spiking)
    except _CannotBeCutError as error:
        reason = f"a part of a batch cannot be evaluated by itself: {error}"
        return Additivity(False, reason, uncut="a loss that takes whole batches only"), False
    means = whole.values is None
    if not all(math.isfinite(s.total) for s in (whole, *parts)):
        return Additivity(False, "the loss is not finite"), means
    if _adds_up(risk, whole, parts, reverse, tol):
        return Additivity(True), means
    return _told(risk, whole, parts, reverse, tol), means


class _CannotBeCutError(Exception):
    pass


def _evaluated(
    risk: EmpiricalRisk, first: Nest, halves: tuple[Nest, Nest], spiking: bool
) -> tuple[_Sum, list[_Sum], _Sum | None, float]:
    """The batch, its halves, the batch in reverse; in float64 where that can be had."""
    reverse = []
    if risk.objective.split is None:
        reverse.append(take_rows(first, torch.arange(num_examples(first) - 1, -1, -1)))
    few, tol = risk.on([first, *halves, *reverse]), _TOL_SPIKING if spiking else _TOL_ROUNDED
    try:
        wide = few.in_dtype(torch.float64)
        whole = _sum_of(wide, 0)
        few, tol = wide, _TOL
    except UserCodeError:  # it holds float32 of its own
        whole = _sum_of(few, 0)
    try:
        others = [_sum_of(few, index) for index in range(1, len(few.batches))]
    except ValueError as error:  # what a named loss says of it, too
        raise _CannotBeCutError(str(error)) from error
    return whole, others[:2], others[2] if reverse else None, tol


def _sum_of(risk: EmpiricalRisk, index: int) -> _Sum:
    """The batch's sum; the mean over several seeds where the forward pass is random."""
    found = []
    # An objective's own draws are averaged within each evaluation.
    count = max(3, _SEEDS // risk.objective.draws)
    seeds = [None] if risk.noise is None else range(count)
    for seed in seeds:
        own = risk.with_noise(seed)
        with own.swapped(own.layout.split(own.theta)):
            found.append(own.terms(index))
    totals = [float(terms.totals.detach().double().sum()) for terms in found]
    weight = float(found[0].weights.double().sum())
    stderr = stdev(totals) / len(totals) ** 0.5 if len(totals) > 1 else 0.0
    values = found[0].totals.detach().double() if found[0].by_example else None
    return _Sum(fmean(totals), weight, stderr, values if risk.noise is None else None)


def _adds_up(
    risk: EmpiricalRisk, whole: _Sum, parts: list[_Sum], reverse: _Sum | None, tol: float
) -> bool:
    total, weight = sum(p.total for p in parts), sum(p.weight for p in parts)
    values = [p.values for p in parts if p.values is not None]
    if whole.values is not None and len(values) == 2 and risk.objective.split is None:
        together = torch.cat(values)
        if together.shape != whole.values.shape:
            return False
        room = tol * float(whole.values.abs().max())
        if bool(((together - whole.values).abs() > room).any()):
            return False
    if abs(weight - whole.weight) > tol * whole.weight:
        return False
    ends = [total, whole.total] if reverse is None else [total, whole.total, reverse.total]
    spread = _SPREAD * sum(s.stderr**2 for s in (whole, *parts)) ** 0.5
    apart: float = max(ends) - min(ends)
    return bool(apart <= tol * max(map(abs, ends)) + spread)


def _told(
    risk: EmpiricalRisk, whole: _Sum, parts: list[_Sum], reverse: _Sum | None, tol: float
) -> Additivity:
    name = risk.objective.name
    means = [p.mean for p in parts]
    seen = f"on one batch it is {whole.mean:.6g}, on its halves {means[0]:.6g} and {means[1]:.6g}"
    spread = _SPREAD * sum(s.error_of_mean**2 for s in (whole, *parts)) ** 0.5
    room = tol * max(abs(whole.mean), *(abs(m) for m in means)) + spread
    if whole.values is None and abs(whole.mean - sum(means)) <= room < abs(whole.mean) / 4:
        raise ValueError(
            f"the loss {name} is a sum over the batch, not a mean ({seen}), so the size of the "
            "batches would set the curvature. Divide it by their number, return one loss an "
            "example, or return (total, weight)."
        )
    if risk.num_batches == 1:
        return Additivity(
            False,
            f"the loss {name} couples the examples of a batch ({seen}); all of them are in one, "
            "which is never cut",
            uncut="a loss that couples the examples of a batch",
            is_coupled=True,
        )
    if reverse is not None and abs(reverse.mean - whole.mean) > room:
        cause = f"depends on the order of the examples (in reverse {reverse.mean:.6g}). " + (
            f"The network was led through time with {led}, and they influence each other: look "
            "for what it keeps from one to the next, or that mixes them"
            if (led := risk.objective.in_time)
            else "Is their axis the first one? Of a network with time first say --layout T-first"
        )
    elif min(means) - room <= whole.mean <= max(means) + room:
        cause = (
            "is a mean over something else than the examples, such as tokens that are not masked. "
            "Return (total, weight), or give Objective(…, count=…), the number that it is the mean "
            "over"
        )
    else:
        cause = (
            "couples the examples of a batch, as a contrastive loss does. Put all of them into one "
            f"batch (--batch-size {risk.num_examples}); or, if the batches are those of training "
            "and the loss is the mean over them, say so with Objective(…, split=False)"
        )
    raise ValueError(
        f"the loss {name} is not the mean of its examples' losses ({seen}): it {cause}."
    )
