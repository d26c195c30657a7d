"""The analyses of one checkpoint, and the one loop that runs them for Python, commands, studies."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import numpy as np

from landscape.analysis.fidelity import fidelity
from landscape.analysis.layers import layer_table
from landscape.analysis.preflight import preflight
from landscape.analysis.progress import Progress
from landscape.analysis.provenance import start_clock
from landscape.analysis.sharpness import sharpness
from landscape.analysis.spectrum import spectrum
from landscape.analysis.spectrum_settings import SpectrumSettings
from landscape.analysis.suite_settings import SuiteSettings
from landscape.analysis.surface import loss_plane, random_lines
from landscape.analysis.surface_course import random_course
from landscape.analysis.surface_settings import SurfaceSettings
from landscape.analysis.target import Target
from landscape.catalog import ANALYSES, resolve
from landscape.results import DoesNotApply, Eigenvalues, LeftOut, Result, Trace
from landscape.results.training import curves_from_metrics
from landscape.snn.altered import has_smooth_twin

Results = Mapping[str, Result]  # by the name of their file


def run_preflight(
    target: Target, settings: SuiteSettings, earlier: Results, progress: Progress
) -> Results:
    return {"preflight": preflight(target, operator_name=settings.operator, progress=progress)}


def run_spectrum(
    target: Target, settings: SuiteSettings, earlier: Results, progress: Progress
) -> Results:
    """Eigenvalues, density and trace of the operator, from one Krylov run."""
    return _spectrum(target, settings, "none", progress)


def run_scaled(
    target: Target, settings: SuiteSettings, earlier: Results, progress: Progress
) -> Results:
    """The same of S A S with filter norms: what rescaled weights cannot change."""
    return _spectrum(target, settings, "filter", progress)


def run_layers(
    target: Target, settings: SuiteSettings, earlier: Results, progress: Progress
) -> Results:
    return {
        "layers": layer_table(
            target,
            settings=replace(
                spectrum_settings(settings, "none"),
                num_probes=settings.budget.layer_probes,
                num_steps=settings.budget.layer_steps,
            ),
            limit=None if settings.all_layers else settings.budget.layers_max_matvecs,
            state=_work(settings, target, "layers.state"),
            progress=progress,
        )
    }


def run_line(
    target: Target, settings: SuiteSettings, earlier: Results, progress: Progress
) -> Results:
    """The loss along random filter-normalised lines that every checkpoint of a report shares."""
    axis = np.linspace(-settings.extent, settings.extent, settings.budget.line_points)
    return {
        "line": random_lines(
            target,
            num_directions=settings.budget.num_directions,
            normalisation="filter",
            axis=axis,
            settings=SurfaceSettings(
                operator=settings.operator, store=_work(settings, target, "line.points")
            ),
            progress=progress,
        )
    }


def run_plane(
    target: Target, settings: SuiteSettings, earlier: Results, progress: Progress
) -> Results:
    axis = np.linspace(-settings.extent, settings.extent, settings.budget.plane_points)
    return {
        "plane": loss_plane(
            target,
            course=random_course(target, dimensions=2, normalisation="filter"),
            x_axis=axis,
            y_axis=axis,
            settings=SurfaceSettings(store=_work(settings, target, "plane.points")),
            progress=progress,
        )
    }


def run_sharpness(
    target: Target, settings: SuiteSettings, earlier: Results, progress: Progress
) -> Results:
    """Every measure; the spectral ones are read off the spectra that were computed before."""
    return {
        "sharpness": sharpness(
            target,
            settings=settings.budget.sharpness,
            spectra=spectra_of(earlier),
            state=_work(settings, target, "sharpness.state"),
            progress=progress,
        )
    }


def spectra_of(earlier: Results) -> list[Eigenvalues | Trace]:
    """Those among earlier results, unscaled first: the order of their files must not matter."""
    found = [r for r in earlier.values() if isinstance(r, Eigenvalues | Trace)]
    return sorted(found, key=lambda r: (r.operator.scale != "none", type(r).__name__))


def run_fidelity(
    target: Target, settings: SuiteSettings, earlier: Results, progress: Progress
) -> Results:
    asked = settings.budget.fidelity
    if not has_smooth_twin(target.model):
        asked = replace(asked, slopes=())  # a budget's sweep is of surrogates' slopes
    return {
        "fidelity": fidelity(
            target,
            settings=asked,
            state=_work(settings, target, "fidelity.state"),
            progress=progress,
        )
    }


def run_training(
    target: Target, settings: SuiteSettings, earlier: Results, progress: Progress
) -> Results:
    """The curves that the trainer left beside the checkpoint; nothing where there are none."""
    metrics = Path(target.subject.checkpoint).with_suffix(".metrics.jsonl")
    if not metrics.is_file():
        return {}
    provenance = start_clock().provenance_of(target)
    curves = curves_from_metrics(
        metrics.read_text(encoding="utf-8"), subject=target.subject, provenance=provenance
    )
    return {} if curves is None else {"training": curves}


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


def run_analyses(
    target: Target,
    settings: SuiteSettings,
    names: Sequence[str],
    *,
    progress: Callable[[str], AbstractContextManager[Progress]],
    earlier: Results = MappingProxyType({}),
    is_done: Callable[[str], bool] = lambda name: False,
) -> Iterator[tuple[str, Results]]:
    """Run analyses one after the other, each given what the earlier ones found.

    Parameters
    ----------
    progress
        A block for the analysis of a name, and what its progress is told to.
    earlier
        Results from before.
    is_done
        Whether an analysis need not be run again; its results are among ``earlier``.
    """
    known = dict(earlier)
    for name in names:
        if is_done(name):
            continue
        with progress(name) as report:
            found = run_analysis(name, target, settings, known, report)
        known |= found
        yield name, found


def _spectrum(target: Target, settings: SuiteSettings, scale: str, progress: Progress) -> Results:
    suffix = "" if scale == "none" else f"-{scale}"
    found = spectrum(
        target,
        settings=spectrum_settings(settings, scale),
        state=_work(settings, target, f"spectrum{suffix}.state"),
        progress=progress,
    )
    return {
        f"eigenvalues{suffix}": found.eigenvalues,
        f"density{suffix}": found.density,
        f"trace{suffix}": found.trace,
    }


def spectrum_settings(settings: SuiteSettings, scale: str) -> SpectrumSettings:
    """What the suite asks of an operator of this scale."""
    budget = settings.budget
    return SpectrumSettings(
        operator=settings.operator,
        scale=scale,
        weight_decay=settings.weight_decay,
        num_largest=budget.num_largest,
        num_smallest=budget.num_smallest,
        tol=budget.tol,
        num_probes=budget.num_probes,
        num_steps=budget.num_steps,
        max_matvecs=budget.max_matvecs,
        num_shards=settings.num_shards,
    )


def _work(settings: SuiteSettings, target: Target, name: str) -> Path | None:
    return None if settings.work is None else settings.work / target.subject.label / name
