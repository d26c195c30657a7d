"""The preflight in a report."""

from landscape.analysis.preflight.invariance import NUM_DRAWS
from landscape.analysis.preflight.run import FEW, preflight
from landscape.analysis.progress import Progress
from landscape.analysis.suite_settings import SuiteSettings
from landscape.analysis.target import Target
from landscape.analysis.work import Cost, Results, Work
from landscape.curvature.symmetry.confirm import NUM_TRIED

_MATVECS = 18  # on a few examples; those in float64 count twice
_OF_TRACES = 10 * NUM_DRAWS  # draws after moves, on fewer still, in float64; each like a product
_OF_MOVES = 600  # on as few; by how many kinds of symmetry there are
_LOSSES = 4  # on all: a gradient, and what single examples lose


def run(target: Target, settings: SuiteSettings, earlier: Results, progress: Progress) -> Results:
    """What must hold before a spectrum means anything."""
    found = preflight(
        target,
        operator_name=settings.operator,
        moves=settings.budget.moves,
        progress=progress,
    )
    return {"preflight": found}


def cost(work: Work) -> Cost:
    """As many products and losses over all examples as its checks take together."""
    moved = _OF_TRACES + (_OF_MOVES if work.suite.budget.moves else 0)
    on_few = _MATVECS * FEW + 2 * moved * NUM_TRIED
    matvecs = -(-on_few // max(FEW, work.target.risk.num_examples))
    return Cost(matvecs, _LOSSES, work.graph_bytes)
