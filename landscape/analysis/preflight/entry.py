"""The preflight in a report."""

from landscape.analysis.preflight.run import preflight
from landscape.analysis.progress import Progress
from landscape.analysis.suite_settings import SuiteSettings
from landscape.analysis.target import Target
from landscape.analysis.work import Cost, Results, Work

_MATVECS, _LOSSES = 16, 4


def run(target: Target, settings: SuiteSettings, earlier: Results, progress: Progress) -> Results:
    """What must hold before a spectrum means anything."""
    return {"preflight": preflight(target, operator_name=settings.operator, progress=progress)}


def cost(work: Work) -> Cost:
    """As many products and losses as its checks take together."""
    return Cost(_MATVECS, _LOSSES, work.graph_bytes)
