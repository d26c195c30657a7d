"""The spectrum in a report, plain and scaled."""

from landscape.analysis.progress import Progress
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
    """The same of S A S with filter norms: what rescaled weights cannot change."""
    return _run(target, settings, "filter", progress)


def cost(work: Work) -> Cost:
    """The search for eigenpairs, and the probes' steps."""
    budget = work.suite.budget
    krylov = krylov_memory(work.num_params, work.basis, work.target.risk.dtype)
    matvecs = work.search + budget.num_probes * budget.num_steps
    return Cost(matvecs, 0, work.kept_bytes + krylov)


def spectrum_settings(settings: SuiteSettings, scale: str) -> SpectrumSettings:
    """What a report asks of an operator of this scale."""
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


def _run(target: Target, settings: SuiteSettings, scale: str, progress: Progress) -> Results:
    found = spectrum(
        target,
        settings=spectrum_settings(settings, scale),
        state=state_of(settings, target, f"{stem_at('spectrum', scale)}.state"),
        progress=progress,
    )
    named = {"eigenvalues": found.eigenvalues, "density": found.density, "trace": found.trace}
    return {stem_at(name, scale): result for name, result in named.items()}
