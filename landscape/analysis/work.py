"""What analyses of a report are given, and what they say of their cost before they are run."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from landscape.analysis.suite_settings import SuiteSettings
from landscape.analysis.target import Target
from landscape.linalg.eigen import choose_max_basis
from landscape.results import Result

Results = Mapping[str, Result]  # by the name of their file

# Matvecs that thick-restart Lanczos takes a wanted pair, beyond a constant; measured on trained
# spiking networks (benchmarks/README.md).
_MATVECS_A_PAIR = 2.5
_MATVECS_AT_LEAST = 20

_LOSSES_A_MATVEC = 4  # forward and backward, each differentiated: no timing, but near enough


class Cost(NamedTuple):
    """Passes over the examples, and bytes at most."""

    num_matvecs: int
    num_losses: int
    peak_bytes: int

    @property
    def passes(self) -> int:
        """In forward passes, by count: what a bar of progress moves by."""
        return _LOSSES_A_MATVEC * self.num_matvecs + self.num_losses


class Work(NamedTuple):
    """What is to be done, on what, with graphs of what size."""

    target: Target
    suite: SuiteSettings
    graph_bytes: int  # of the largest batch's graph
    kept_bytes: int  # of all graphs that are kept between products, and one more
    names: Sequence[str] = ()  # of the analyses that are run together
    earlier: Results = MappingProxyType({})  # that are there already

    @property
    def num_params(self) -> int:
        return self.target.risk.num_params

    @property
    def num_pairs(self) -> int:
        budget = self.suite.budget
        return min(self.num_params, budget.num_largest + budget.num_smallest)

    def search_of(self, num_pairs: int) -> int:
        """Matvecs of the search for so many eigenpairs, each of which orthogonalises."""
        pairs = min(self.num_params, num_pairs)
        return int(_MATVECS_AT_LEAST + _MATVECS_A_PAIR * pairs + pairs)

    def on_part(self, cost: Cost) -> Cost:
        """What passes over the budget's part of the examples cost, in passes over all."""
        every = self.target.stride(self.suite.budget.part)
        return cost._replace(
            num_matvecs=-(-cost.num_matvecs // every), num_losses=-(-cost.num_losses // every)
        )

    @property
    def basis(self) -> int:
        """Rows of the Krylov basis."""
        steps = self.suite.budget.num_steps
        dtype = self.target.risk.dtype
        return choose_max_basis(self.num_params, self.num_pairs, dtype, num_spare=steps)


def state_of(settings: SuiteSettings, target: Target, name: str) -> Path | None:
    """The file where an unfinished analysis of ``target`` keeps its state; None: nowhere."""
    if settings.folder is None:
        return None
    return settings.folder.unfinished(target.subject.label, name)
