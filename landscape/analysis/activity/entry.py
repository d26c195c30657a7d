"""Activity in a report."""

from landscape.analysis.activity.run import activity
from landscape.analysis.progress import Progress
from landscape.analysis.suite_settings import SuiteSettings
from landscape.analysis.target import Target
from landscape.analysis.work import Cost, Results, Work


def run(target: Target, settings: SuiteSettings, earlier: Results, progress: Progress) -> Results:
    """How much a spiking network fires; nothing of others."""
    return {"activity": activity(target)} if target.subject.spiking else {}


def cost(work: Work) -> Cost:
    """One pass, in which the layers of weights are run a second time at most."""
    return Cost(0, int(work.target.subject.spiking), 0)
