"""The spectrum in a report, plain and scaled."""

from landscape.analysis.bearing import bearing_scale
from landscape.analysis.progress import Progress
from landscape.analysis.spectrum.rounding import asks_float64
from landscape.analysis.spectrum.run import spectrum
from landscape.analysis.spectrum.settings import SpectrumSettings
from landscape.analysis.suite_settings import SuiteSettings
from landscape.analysis.target import Target
from landscape.analysis.work import Cost, Results, Work, state_of
from landscape.linalg.eigen import krylov_memory
from landscape.results import stem_at


def run(target: Target, settings: SuiteSettings, earlier: Results, progress: Progress) -> Results:
    """Eigenvalues, density and trace of the operator, from one Krylov run."""
    return _run(target, settings, "none", progress)


def run_scaled(
    target: Target, settings: SuiteSettings, earlier: Results, progress: Progress
) -> Results:
    """The same of S A S with filter norms, and at the scale that bears a verdict, if another.

    Filter norms cancel rescaled filters before batch norms, and not what else a network may have.
    """
    scales = dict.fromkeys(("filter", bearing_scale(earlier) or "filter"))
    return {
        stem: result
        for scale in scales
        for stem, result in _run(target, settings, scale, progress).items()
    }


def cost(work: Work) -> Cost:
    """The search for eigenpairs, and the probes' steps."""
    return _cost(work, "none")


def cost_of_scaled(work: Work) -> Cost:
    """The same of the one with filter norms, of which a budget may want less.

    Whether there is another is known once the preflight was run.
    """
    return _cost(work, "filter")


def spectrum_settings(settings: SuiteSettings, scale: str) -> SpectrumSettings:
    """What a report asks of an operator of this scale."""
    budget = settings.budget
    asked = (scale != "none" and budget.scaled) or budget
    return SpectrumSettings(
        operator=settings.operator,
        scale=scale,
        weight_decay=settings.weight_decay,
        num_largest=asked.num_largest,
        num_smallest=asked.num_smallest,
        tol=budget.tol,
        num_probes=budget.num_probes,
        num_steps=asked.num_steps,
        max_matvecs=budget.max_matvecs,
        num_shards=settings.num_shards,
    )


def _cost(work: Work, scale: str) -> Cost:
    asked = spectrum_settings(work.suite, scale)
    num_pairs = asked.num_largest + asked.num_smallest
    krylov = krylov_memory(work.num_params, work.basis, work.target.risk.dtype)
    matvecs = work.search_of(num_pairs) + asked.num_probes * asked.num_steps
    if asks_float64(work.target, asked):
        matvecs += 2  # one, in twice the bits
    return Cost(matvecs, 0, work.kept_bytes + krylov)


def _run(target: Target, settings: SuiteSettings, scale: str, progress: Progress) -> Results:
    found = spectrum(
        target,
        settings=spectrum_settings(settings, scale),
        state=state_of(settings, target, f"{stem_at('spectrum', scale)}.state"),
        progress=progress,
    )
    named: Results = {"eigenvalues": found.eigenvalues, "trace": found.trace}
    if found.density.tells_shape:
        named = {**named, "density": found.density}
    return {stem_at(name, scale): result for name, result in named.items()}
