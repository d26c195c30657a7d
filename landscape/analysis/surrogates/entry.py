"""The table of surrogates in a report."""

from landscape.analysis.progress import Progress
from landscape.analysis.suite_settings import SuiteSettings
from landscape.analysis.surrogates.run import surrogate_table
from landscape.analysis.surrogates.settings import FIDELITY, SPECTRUM
from landscape.analysis.target import Target
from landscape.analysis.work import Cost, Results, Work, state_of
from landscape.snn.surrogate import SURROGATES, Surrogate, surrogate_called


def run(target: Target, settings: SuiteSettings, earlier: Results, progress: Progress) -> Results:
    """The same weights under the surrogates that were named."""
    return {
        "surrogates": surrogate_table(
            target.part(settings.budget.part),
            _surrogates(settings),
            state=state_of(settings, target, "surrogates.state"),
            progress=progress,
        )
    }


def cost(work: Work) -> Cost:
    """Of each surrogate a short spectrum and a short test, and once more of the network's own."""
    directions = FIDELITY.num_top + FIDELITY.num_random
    matvecs = work.search_of(SPECTRUM.num_largest) + SPECTRUM.num_probes * SPECTRUM.num_steps
    losses = 2 + 2 * directions * len(FIDELITY.radii)
    number = 1 + len(_surrogates(work.suite))
    each = Cost(number * (matvecs + directions), number * losses, work.kept_bytes)
    return work.on_part(each)


def _surrogates(settings: SuiteSettings) -> list[Surrogate]:
    """Those named, each once; where the analysis alone was asked for, all at their own slopes."""
    named = [surrogate_called(text) for text in settings.surrogates]
    return list(dict.fromkeys(named)) or [kind() for kind in SURROGATES.values()]  # type: ignore[call-arg]
