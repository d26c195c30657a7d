"""The table of layers in a report."""

from dataclasses import replace

from landscape.analysis.layers.rows import rows_within, usual_matvecs
from landscape.analysis.layers.run import layer_table
from landscape.analysis.progress import Progress
from landscape.analysis.spectrum.entry import spectrum_settings
from landscape.analysis.suite_settings import SuiteSettings
from landscape.analysis.target import Target
from landscape.analysis.work import Cost, Results, Work, state_of


def run(target: Target, settings: SuiteSettings, earlier: Results, progress: Progress) -> Results:
    """Each layer's block by itself."""
    return {
        "layers": layer_table(
            target,
            settings=replace(
                spectrum_settings(settings, "none"),
                num_probes=settings.budget.layer_probes,
                num_steps=settings.budget.layer_steps,
            ),
            limit=_limit(settings),
            state=state_of(settings, target, "layers.state"),
            progress=progress,
        )
    }


def cost(work: Work) -> Cost:
    """The usual products of a row, for the rows that the limit leaves."""
    budget = work.suite.budget
    probes = {"num_probes": budget.layer_probes, "num_steps": budget.layer_steps}
    rows = rows_within(work.target.risk.layout.names, **probes, limit=_limit(work.suite))
    return Cost(len(rows) * usual_matvecs(**probes), 0, work.kept_bytes)


def _limit(settings: SuiteSettings) -> int | None:
    return None if settings.all_layers else settings.budget.layers_max_matvecs
