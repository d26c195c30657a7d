"""Analyses of a report: their names, what they are, and what runs, counts and draws them."""

from dataclasses import dataclass

from landscape.catalog.registry import Registry


@dataclass(frozen=True, kw_only=True)
class AnalysisKind:
    """An analysis that ``landscape analyze`` makes of each checkpoint.

    Attributes
    ----------
    name
        What users type: ``--only``, ``--skip``.
    sentence
        What it gives.
    run
        ``module:function`` of (target, settings, earlier results, progress), the results by the
        names of their files.
    cost
        ``module:function`` of a :class:`landscape.analysis.work.Work`, what it takes.
    gives
        Types of its results, by whose measures a gate may be named before they are there.
    scale
        Of the operator that these are of.
    section
        ``module:function`` of a :class:`landscape.page.material.Material`, its section of the page
        or None; of several analyses one section may be drawn. Empty: results of types that other
        sections show are shown there.
    figures
        How many figures it adds to a report, and how many more for each checkpoint.
    is_usual
        Whether it is run where no analysis is named; else by budgets that say so.
    """

    name: str
    sentence: str
    run: str
    cost: str
    gives: tuple[str, ...] = ()
    scale: str = "none"
    section: str = ""
    figures: tuple[int, int] = (0, 0)
    is_usual: bool = True


_SECTIONS = "landscape.report.sections"
_OF_A_SPECTRUM = ("Eigenvalues", "Trace", "SpectralDensity")

ANALYSES = Registry(
    "analysis",
    AnalysisKind(
        name="preflight",
        sentence="what must hold before a spectrum means anything",
        run="landscape.analysis.preflight.entry:run",
        cost="landscape.analysis.preflight.entry:cost",
        gives=("Preflight",),
    ),
    AnalysisKind(
        name="spectrum",
        sentence="eigenvalues at both ends, density and trace",
        run="landscape.analysis.spectrum.entry:run",
        cost="landscape.analysis.spectrum.entry:cost",
        gives=_OF_A_SPECTRUM,
        section=f"{_SECTIONS}.spectra:spectra_section",
        figures=(3, 0),
    ),
    AnalysisKind(
        name="scaled",
        sentence="the same of S A S with filter norms, and at the scale that is certified here",
        run="landscape.analysis.spectrum.entry:run_scaled",
        cost="landscape.analysis.spectrum.entry:cost_of_scaled",
        gives=_OF_A_SPECTRUM,
        scale="filter",
        section=f"{_SECTIONS}.spectra:spectra_section",
        figures=(3, 0),
    ),
    AnalysisKind(
        name="fidelity",
        sentence="whether each operator predicts the real loss",
        run="landscape.analysis.fidelity.entry:run",
        cost="landscape.analysis.fidelity.entry:cost",
        gives=("Fidelity",),
        section=f"{_SECTIONS}.fidelity:fidelity_section",
        figures=(0, 1),
    ),
    AnalysisKind(
        name="layers",
        sentence="the largest and smallest eigenvalue and the trace of each layer's block",
        run="landscape.analysis.layers.entry:run",
        cost="landscape.analysis.layers.entry:cost",
        section=f"{_SECTIONS}.layers:layers_section",
        figures=(1, 0),
    ),
    AnalysisKind(
        name="sharpness",
        sentence="sharpness measures, on the forward of the network as it is",
        run="landscape.analysis.sharpness.entry:run",
        cost="landscape.analysis.sharpness.entry:cost",
        gives=("SharpnessTable",),
        section=f"{_SECTIONS}.sharpness:sharpness_section",
        figures=(1, 0),
    ),
    AnalysisKind(
        name="robustness",
        sentence="what noise on the weights, fewer bits and shifted inputs cost, on held-out "
        "examples too",
        run="landscape.analysis.robustness.entry:run",
        cost="landscape.analysis.robustness.entry:cost",
        gives=("Robustness",),
        section=f"{_SECTIONS}.robustness:robustness_section",
        is_usual=False,
    ),
    AnalysisKind(
        name="activity",
        sentence="how often a spiking network's neurons fire, and its synaptic operations",
        run="landscape.analysis.activity.entry:run",
        cost="landscape.analysis.activity.entry:cost",
        gives=("Activity",),
        section=f"{_SECTIONS}.activity:activity_section",
        figures=(1, 0),
    ),
    AnalysisKind(
        name="surrogates",
        sentence="a spiking network's curvature under several surrogates (--surrogate)",
        run="landscape.analysis.surrogates.entry:run",
        cost="landscape.analysis.surrogates.entry:cost",
        section=f"{_SECTIONS}.surrogates:surrogates_section",
        is_usual=False,
    ),
    AnalysisKind(
        name="line",
        sentence="the loss along random lines",
        run="landscape.analysis.surface.entry:run_line",
        cost="landscape.analysis.surface.entry:cost_of_line",
        section=f"{_SECTIONS}.surfaces:surfaces_section",
        figures=(1, 0),
    ),
    AnalysisKind(
        name="plane",
        sentence="the loss over a random plane",
        run="landscape.analysis.surface.entry:run_plane",
        cost="landscape.analysis.surface.entry:cost_of_plane",
        section=f"{_SECTIONS}.surfaces:surfaces_section",
        figures=(1, 1),
    ),
    AnalysisKind(
        name="training",
        sentence="the curves that the trainer left beside the checkpoint",
        run="landscape.analysis.training_curves:run",
        cost="landscape.analysis.training_curves:cost",
        section=f"{_SECTIONS}.training:training_section",
        figures=(2, 0),
    ),
    AnalysisKind(
        name="probe",
        sentence="sharpness and the optimiser's edge while it trained, as a probe left them",
        run="landscape.analysis.probe_curves:run",
        cost="landscape.analysis.probe_curves:cost",
        section=f"{_SECTIONS}.probe:probe_section",
        figures=(1, 0),
    ),
)
