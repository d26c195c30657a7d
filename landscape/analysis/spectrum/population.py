"""From a target's examples to the set that they stand for: what is asked, and what is found."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch

from landscape.analysis.spectrum.results import selected
from landscape.analysis.spectrum.settings import OperatorSettings
from landscape.analysis.target import Target
from landscape.catalog import OPERATORS
from landscape.curvature.operators import make_grouped_operator
from landscape.linalg.grouped import GroupedOperator, GroupSums, Split, TopShares
from landscape.results import Subject
from landscape.statistics.population import (
    LEAST_EXAMPLES,
    NUM_BEYOND,
    NUM_GROUPS,
    Bounds,
    Shares,
    largest_bounds,
    mean_bounds,
    norm_bounds,
    num_summed,
)
from landscape.values import Estimate, LargestSum, Population, finite_or_none


@dataclass(frozen=True, kw_only=True)
class Stated:
    """The set that a target's examples stand for; or why they stand for none but themselves."""

    of: str
    fraction: float  # n / N; 0: N is not bounded
    refused: str = ""

    @property
    def is_whole(self) -> bool:
        """Whether the examples are all of the set, so that nothing is estimated."""
        return self.fraction == 1

    @property
    def is_sampled(self) -> bool:
        """Whether groups of examples tell how far the set's number may lie from theirs."""
        return not (self.refused or self.is_whole)

    @property
    def of_probes(self) -> str:
        """Why nothing is said of what is estimated from probes."""
        return self.refused or (f"the examples are {self.of}" if self.is_whole else "")

    def exactly(self, value: float) -> Population:
        """What is known of a number of all of the set."""
        return Population(estimate=value, stderr=0.0, low=value, high=value, of=self.of)

    def within(self, bounds: Bounds) -> Population:
        """What groups of examples say."""
        estimate, stderr, low, high, warnings = bounds
        return Population(
            estimate=estimate,
            stderr=finite_or_none(stderr),
            low=low if low > -math.inf else None,
            high=high,
            of=self.of,
            warnings=warnings,
        )


def stated(target: Target) -> Stated:
    """Which set the target's examples stand for.

    Training examples have had their part in θ: they stand for the training split, of which they are
    a random subset. Held-out ones stand for the population that they come from.
    """
    s = target.subject
    of, fraction = _set_of(s)
    risk = target.risk
    refused = ""
    if fraction == 1:
        pass
    elif risk.coupled_by:
        refused = _clause(f"examples are coupled by {risk.coupled_by}. {risk.uncoupling}")
    elif not risk.is_cut_by_rows:
        refused = "batches are not held, or cannot be cut by rows, and so not dealt into groups"
    elif risk.num_examples < LEAST_EXAMPLES:
        refused = f"{risk.num_examples} examples are too few: take {LEAST_EXAMPLES} or more"
    elif not risk.has_equal_weights:
        refused = "examples weigh differently in the loss, for which the error is not known"
    return Stated(of=of, fraction=fraction, refused=refused)


def _clause(sentence: str) -> str:
    """A reason, as it stands within other sentences."""
    return sentence.removesuffix(".")


def _set_of(s: Subject) -> tuple[str, float]:
    in_order = "" if s.num_available else ", if its examples are in random order"
    if s.split != "train":
        return f"the population of the {s.split} split{in_order}", 0.0
    if s.num_available is None:
        return f"the training split{in_order}", 0.0
    return f"the training split of {s.num_available:,}", s.num_examples / s.num_available


def grouped_operator(target: Target, settings: OperatorSettings) -> GroupedOperator:
    """The operator as a mean over groups that the run's seed deals."""
    return make_grouped_operator(
        selected(target.risk, settings.params),
        settings.operator,
        NUM_GROUPS,
        target.generator("groups of examples"),
        scale=settings.scale,
        weight_decay=settings.weight_decay,
    )


def split_of(A: GroupedOperator, num_largest: int) -> Split:
    """Which products of a search for so many largest pairs are made group by group."""
    k = num_summed(num_largest)
    return Split(A, min(k, num_largest), min(k + NUM_BEYOND, num_largest))


class OfLargest(NamedTuple):
    """What is said of the largest eigenvalue, and of the sum of some; or why nothing is."""

    first: Population | None = None
    sum: LargestSum | None = None
    refused: str = ""


def of_largest(
    known: Stated,
    settings: OperatorSettings,
    values: Sequence[float],
    shares: TopShares | None,
) -> OfLargest:
    """From the largest eigenvalues, descending, and the groups' shares of their products."""
    if known.refused or not values:
        return OfLargest(refused=known.refused)
    definite = OPERATORS[settings.operator].is_definite and settings.weight_decay >= 0

    def of(count: int) -> Population:
        if shares is None:
            return known.exactly(sum(values[:count]))
        along = min(count + NUM_BEYOND, len(values))
        numbers = Shares(
            torch.tensor(values[:along], dtype=torch.float64).numpy(),
            shares.forms[:, :count, :along].numpy(),
            shares.squares[:, :count].numpy(),
            shares.mean_squares[:count].numpy(),
        )
        found = largest_bounds(numbers, fraction=known.fraction, is_definite=definite)
        return known.within(found)

    k = num_summed(len(values))
    try:
        first = of(1)
        has_sum = k > 1 and values[k - 1] > 0
        total = LargestSum(number=k, value=sum(values[:k]), population=of(k)) if has_sum else None
    except ValueError as error:
        return OfLargest(refused=_clause(str(error)))
    return OfLargest(first, total)


def of_trace(known: Stated, trace: Estimate, sums: GroupSums | None) -> Population | None:
    """What is said of the trace."""
    if sums is None:
        return None
    bounds = mean_bounds(
        trace.mean,
        sums.traces.numpy(),
        stderr=trace.stderr or 0.0,
        dof=trace.dof,
        fraction=known.fraction,
    )
    return known.within(bounds)


def of_norm(known: Stated, squared: Estimate, sums: GroupSums | None) -> Population | None:
    """What is said of the Frobenius norm, from its square."""
    if sums is None:
        return None
    bounds = norm_bounds(
        squared.mean,
        sums.excess,
        sums.with_others.numpy(),
        stderr=squared.stderr or 0.0,
        dof=squared.dof,
        fraction=known.fraction,
    )
    return known.within(bounds)
