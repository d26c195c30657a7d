"""The analyses of one checkpoint, and the one loop that runs them for Python, commands, studies."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict
from types import MappingProxyType

from landscape.analysis.progress import Progress
from landscape.analysis.provenance import start_clock
from landscape.analysis.suite_settings import SuiteSettings
from landscape.analysis.target import Target
from landscape.analysis.work import Cost, Results, Work
from landscape.catalog import ANALYSES, resolve
from landscape.results import DoesNotApply, LeftOut
from landscape.store.finished import Finished
from landscape.store.identity import Identity, identity_of


def run_analysis(
    name: str, target: Target, settings: SuiteSettings, earlier: Results, progress: Progress
) -> Results:
    """The results of one analysis; a note in their place where it does not apply to the network."""
    clock = start_clock()
    try:
        found: Results = resolve(ANALYSES[name].run)(target, settings, earlier, progress)
        return found
    except DoesNotApply as error:
        provenance = clock.provenance_of(target)
        note = LeftOut(
            subject=target.subject, provenance=provenance, analysis=name, reason=str(error)
        )
        return {f"left-out-{name}": note}


def passes_of(
    name: str, target: Target, settings: SuiteSettings, earlier: Results = MappingProxyType({})
) -> int:
    """What an analysis takes of ``target``, counted in passes and not timed; at least one.

    What it takes may hang on ``earlier`` results.
    """
    work = Work(target, settings, graph_bytes=0, kept_bytes=0, earlier=earlier)
    cost: Cost = resolve(ANALYSES[name].cost)(work)
    return max(1, cost.passes)


def run_analyses(
    target: Target,
    settings: SuiteSettings,
    names: Sequence[str],
    *,
    progress: Callable[[str], AbstractContextManager[Progress]],
    finished: Finished | None = None,
) -> Iterator[tuple[str, Results]]:
    """Run analyses one after the other, each given what the earlier ones and earlier runs found.

    Parameters
    ----------
    progress
        A block for the analysis of a name, and what its progress is told to.
    finished
        Where results are kept; an analysis that is finished there is not run again.
    """
    known = {} if finished is None else finished.results()
    for name in names:
        if finished is not None and finished.is_done(name):
            continue
        with progress(name) as report:
            found = run_analysis(name, target, settings, known, report)
        known |= found
        if finished is not None:
            finished.add(name, found)
        yield name, found


def suite_identity(target: Target, settings: SuiteSettings) -> Identity:
    """What the results of a report's analyses of ``target`` belong to."""
    wanted = asdict(settings)
    del wanted["folder"]
    if not settings.surrogates:  # what earlier versions did not know
        del wanted["surrogates"]
    return identity_of(target, wanted)
