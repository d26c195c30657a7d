"""Fidelity in a report."""

from dataclasses import replace

from landscape.analysis.fidelity.run import fidelity, operator_names
from landscape.analysis.progress import Progress
from landscape.analysis.suite_settings import SuiteSettings
from landscape.analysis.target import Target
from landscape.analysis.work import Cost, Results, Work, state_of
from landscape.snn.altered import has_smooth_twin


def run(target: Target, settings: SuiteSettings, earlier: Results, progress: Progress) -> Results:
    """Whether each operator predicts the real loss."""
    asked = settings.budget.fidelity
    if not has_smooth_twin(target.model):
        asked = replace(asked, slopes=())  # a budget's sweep is of surrogates' slopes
    return {
        "fidelity": fidelity(
            target.part(settings.budget.part),
            settings=asked,
            state=state_of(settings, target, "fidelity.state"),
            progress=progress,
        )
    }


def cost(work: Work) -> Cost:
    """Eigenvectors of each operator, and losses to both sides along every direction."""
    asked = work.suite.budget.fidelity
    operators = len(operator_names(work.target, asked))
    own = operators * (asked.num_top + asked.num_bottom)
    directions = own + asked.num_random + asked.num_filter
    slopes = len(asked.slopes) if has_smooth_twin(work.target.model) else 0
    smoothed = 0 if asked.smoothing_radius is None else 6 * asked.num_pairs
    return work.on_part(
        Cost(
            operators * (asked.max_matvecs + (1 + slopes) * directions),
            1 + directions * (2 * len(asked.radii) + smoothed),
            work.kept_bytes,
        )
    )
