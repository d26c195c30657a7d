"""The preflight in a report."""

from landscape.analysis.preflight.run import FEW, preflight
from landscape.analysis.progress import Progress
from landscape.analysis.suite_settings import SuiteSettings
from landscape.analysis.target import Target
from landscape.analysis.work import Cost, Results, Work

_MATVECS = 18  # on a few examples; those in float64 count twice
_LOSSES = 4  # on all: a gradient, and what single examples lose


def run(target: Target, settings: SuiteSettings, earlier: Results, progress: Progress) -> Results:
    """What must hold before a spectrum means anything."""
    return {"preflight": preflight(target, operator_name=settings.operator, progress=progress)}


def cost(work: Work) -> Cost:
    """As many products and losses over all examples as its checks take together."""
    matvecs = -(-_MATVECS * FEW // max(FEW, work.target.risk.num_examples))
    return Cost(matvecs, _LOSSES, work.graph_bytes)
