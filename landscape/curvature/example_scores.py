"""Losses and right answers example by example, in one forward pass."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import NamedTuple

import torch
from torch import Tensor

from landscape.curvature.perturbation import ExampleLosses, mean_over_examples
from landscape.distributed import all_reduce_sum
from landscape.objective.halving import with_smaller_batches
from landscape.objective.risk import EmpiricalRisk
from landscape.values import Estimate

Watching = Callable[[], AbstractContextManager[Callable[[], object] | None]]


class ExampleScores(NamedTuple):
    """Of this process's examples."""

    losses: ExampleLosses
    answers: ExampleLosses  # right of asked; of nothing where the objective has no classes

    def __sub__(self, other: "ExampleScores") -> "ExampleScores":
        """Differences from ``other``, on the same examples."""
        return ExampleScores(
            *(a._replace(totals=a.totals - b.totals) for a, b in zip(self, other, strict=True))
        )

    @classmethod
    def mean(cls, several: Sequence["ExampleScores"]) -> "ExampleScores":
        """The mean of each example's over ``several`` passes."""
        return cls(
            *(
                column[0]._replace(totals=torch.stack([c.totals for c in column]).mean(0))
                for column in zip(*several, strict=True)
            )
        )

    @property
    def loss(self) -> Estimate:
        """Over all processes' examples."""
        return mean_over_examples(self.losses)

    @property
    def accuracy(self) -> Estimate | None:
        """The same; None: the objective has no classes."""
        asked = all_reduce_sum(self.answers.weights.sum().reshape(1))
        return mean_over_examples(self.answers) if float(asked) else None


def example_scores(
    risk: EmpiricalRisk,
    theta: Tensor,
    watching: Watching = nullcontext,
) -> ExampleScores:
    """Loss and right answers of each example at ``theta``, shape (P,).

    Parameters
    ----------
    watching
        A block around the pass, anew where memory did not suffice; what it gives, if anything, is
        called before each batch.
    """
    tensors = risk.layout.split(theta.detach())

    def scores() -> ExampleScores:
        losses, answers = _Columns(theta.device), _Columns(theta.device)
        with watching() as begin, risk.swapped(tensors):
            for index in range(len(risk.batches)):
                if begin is not None:
                    begin()
                terms, found, _ = risk.measure(index)
                losses.add(terms.totals, terms.weights)
                answers.add(*found)
        return ExampleScores(losses.joined(), answers.joined())

    return with_smaller_batches(risk, scores)


class _Columns:
    """Totals and weights of batch after batch."""

    def __init__(self, device: torch.device) -> None:
        none = torch.zeros(0, dtype=torch.float64, device=device)  # a process may have no batch
        self._totals, self._weights = [none], [none]

    def add(self, totals: Tensor, weights: Tensor) -> None:
        device = self._totals[0].device
        self._totals.append(totals.detach().to(device, torch.float64))
        self._weights.append(weights.to(device, torch.float64))

    def joined(self) -> ExampleLosses:
        return ExampleLosses(torch.cat(self._totals), torch.cat(self._weights))
