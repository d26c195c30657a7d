"""What each analysis of a report takes, counted before it is run."""

from typing import NamedTuple

from landscape.analysis.fidelity import operator_names
from landscape.analysis.layer_rows import rows_within, usual_matvecs
from landscape.analysis.sharpness_rows import rows_of
from landscape.analysis.suite_settings import SuiteSettings
from landscape.analysis.target import Target
from landscape.linalg.eigen import choose_max_basis, krylov_memory
from landscape.snn.altered import has_smooth_twin

# Matvecs that thick-restart Lanczos takes a wanted pair, beyond a constant; measured on trained
# spiking networks (benchmarks/README.md).
_MATVECS_A_PAIR = 2.5
_MATVECS_AT_LEAST = 20
_PREFLIGHT_MATVECS, _PREFLIGHT_LOSSES = 16, 4


class Cost(NamedTuple):
    """Passes over the examples, and bytes at most."""

    num_matvecs: int
    num_losses: int
    peak_bytes: int


class Work(NamedTuple):
    """What is to be done, on what, with graphs of what size."""

    target: Target
    suite: SuiteSettings
    graph_bytes: int  # of the largest batch's graph
    kept_bytes: int  # of all graphs that are kept between products, and one more

    @property
    def num_params(self) -> int:
        return self.target.risk.num_params

    @property
    def num_pairs(self) -> int:
        budget = self.suite.budget
        return min(self.num_params, budget.num_largest + budget.num_smallest)

    @property
    def search(self) -> int:
        """Matvecs of the search for eigenpairs, each of which orthogonalises."""
        return int(_MATVECS_AT_LEAST + _MATVECS_A_PAIR * self.num_pairs + self.num_pairs)

    @property
    def basis(self) -> int:
        """Rows of the Krylov basis."""
        steps = self.suite.budget.num_steps
        dtype = self.target.risk.dtype
        return choose_max_basis(self.num_params, self.num_pairs, dtype, num_spare=steps)


def nothing(work: Work) -> Cost:
    return Cost(0, 0, 0)


def preflight(work: Work) -> Cost:
    return Cost(_PREFLIGHT_MATVECS, _PREFLIGHT_LOSSES, work.graph_bytes)


def spectrum(work: Work) -> Cost:
    budget = work.suite.budget
    krylov = krylov_memory(work.num_params, work.basis, work.target.risk.dtype)
    matvecs = work.search + budget.num_probes * budget.num_steps
    return Cost(matvecs, 0, work.kept_bytes + krylov)


def layers(work: Work) -> Cost:
    budget = work.suite.budget
    probes = {"num_probes": budget.layer_probes, "num_steps": budget.layer_steps}
    limit = None if work.suite.all_layers else budget.layers_max_matvecs
    rows = rows_within(work.target.risk.layout.names, **probes, limit=limit)
    return Cost(len(rows) * usual_matvecs(**probes), 0, work.kept_bytes)


def line(work: Work) -> Cost:
    budget = work.suite.budget
    return Cost(1, budget.num_directions * budget.line_points, work.graph_bytes)


def plane(work: Work) -> Cost:
    return Cost(0, work.suite.budget.plane_points**2, work.graph_bytes)


def sharpness(work: Work) -> Cost:
    rows = rows_of(work.target, work.suite.budget.sharpness).values()
    matvecs, losses = sum(r.num_matvecs for r in rows), sum(r.num_losses for r in rows)
    return Cost(matvecs, losses, work.graph_bytes)


def fidelity(work: Work) -> Cost:
    asked = work.suite.budget.fidelity
    operators = len(operator_names(work.target, asked))
    own = operators * (asked.num_top + asked.num_bottom)
    directions = own + asked.num_random + asked.num_filter
    slopes = len(asked.slopes) if has_smooth_twin(work.target.model) else 0
    smoothed = 0 if asked.smoothing_radius is None else 6 * asked.num_pairs
    return Cost(
        operators * (asked.max_matvecs + (1 + slopes) * directions),
        1 + directions * (2 * len(asked.radii) + smoothed),
        work.kept_bytes,
    )
