"""Robustness in a report."""

from landscape.analysis.progress import Progress
from landscape.analysis.robustness.run import robustness
from landscape.analysis.suite_settings import SuiteSettings
from landscape.analysis.target import Target
from landscape.analysis.work import Cost, Results, Work, state_of
from landscape.catalog.words import MOST_EXAMPLES


def run(target: Target, settings: SuiteSettings, earlier: Results, progress: Progress) -> Results:
    """What disturbed weights and inputs cost."""
    return {
        "robustness": robustness(
            target,
            settings=settings.budget.robustness,
            state=state_of(settings, target, "robustness.state"),
            progress=progress,
        )
    }


def cost(work: Work) -> Cost:
    """Losses on a part of the examples, and on as many held-out ones as there may be."""
    asked, target = work.suite.budget.robustness, work.target
    own = -(-asked.num_passes // target.stride(asked.part))
    held_out = -(-asked.num_passes * MOST_EXAMPLES // target.risk.num_examples)
    is_own = target.subject.split == "train"
    return Cost(0, own + is_own * held_out, work.graph_bytes)
