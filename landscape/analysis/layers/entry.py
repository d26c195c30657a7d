"""The table of layers in a report."""

from dataclasses import replace

from landscape.analysis.layers.rows import rows_within, usual_matvecs
from landscape.analysis.layers.run import layer_table, shared_layers
from landscape.analysis.progress import Progress
from landscape.analysis.spectrum.entry import cost as cost_of_spectrum
from landscape.analysis.spectrum.entry import run as run_spectrum
from landscape.analysis.spectrum.entry import spectrum_settings
from landscape.analysis.spectrum.results import operator_spec
from landscape.analysis.suite_settings import SuiteSettings
from landscape.analysis.target import Target
from landscape.analysis.work import Cost, Results, Work, state_of
from landscape.results import Trace


def run(target: Target, settings: SuiteSettings, earlier: Results, progress: Progress) -> Results:
    """Each layer's block by itself, or where the budget spares that, its share of the trace."""
    if not settings.budget.layer_probes:
        whole = spectrum_settings(settings, "none")
        return {
            "layers": shared_layers(
                target, whole, _limit(settings), _trace(target, settings, earlier, progress)
            )
        }
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
    if not budget.layer_probes:
        return Cost(0, 0, 0) if "spectrum" in work.names else cost_of_spectrum(work)
    probes = {"num_probes": budget.layer_probes, "num_steps": budget.layer_steps}
    rows = rows_within(work.target.risk.layout.names, **probes, limit=_limit(work.suite))
    return Cost(len(rows) * usual_matvecs(**probes), 0, work.kept_bytes)


def _trace(target: Target, settings: SuiteSettings, earlier: Results, progress: Progress) -> Trace:
    """That of the report's spectrum, which is computed here where it is not there."""
    found = earlier.get("trace")
    if isinstance(found, Trace) and found.tensors and _is_of(found, target, settings):
        return found
    spectrum = run_spectrum(target, settings, earlier, progress)["trace"]
    assert isinstance(spectrum, Trace)
    return spectrum


def _is_of(found: Trace, target: Target, settings: SuiteSettings) -> bool:
    mine, its = target.subject, found.subject
    return found.operator == operator_spec(target, spectrum_settings(settings, "none")) and (
        mine.checkpoint_sha256,
        mine.examples_sha256,
        mine.loss_name,
    ) == (its.checkpoint_sha256, its.examples_sha256, its.loss_name)


def _limit(settings: SuiteSettings) -> int | None:
    return None if settings.all_layers else settings.budget.layers_max_matvecs
