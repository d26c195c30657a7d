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
        ``module:function`` of a :class:`landscape.analysis.costs.Work`, what it takes.
    figures
        How many figures it adds to a report, and how many more for each checkpoint.
    """

    name: str
    sentence: str
    run: str
    cost: str
    figures: tuple[int, int] = (0, 0)


ANALYSES = Registry(
    "analysis",
    AnalysisKind(
        name="preflight",
        sentence="what must hold before a spectrum means anything",
        run="landscape.analysis.suite:run_preflight",
        cost="landscape.analysis.costs:preflight",
    ),
    AnalysisKind(
        name="spectrum",
        sentence="eigenvalues at both ends, density and trace",
        run="landscape.analysis.suite:run_spectrum",
        cost="landscape.analysis.costs:spectrum",
        figures=(3, 0),
    ),
    AnalysisKind(
        name="scaled",
        sentence="the same of S A S with filter norms, which rescaled weights do not change",
        run="landscape.analysis.suite:run_scaled",
        cost="landscape.analysis.costs:spectrum",
        figures=(3, 0),
    ),
    AnalysisKind(
        name="layers",
        sentence="the largest and smallest eigenvalue and the trace of each layer's block",
        run="landscape.analysis.suite:run_layers",
        cost="landscape.analysis.costs:layers",
        figures=(1, 0),
    ),
    AnalysisKind(
        name="line",
        sentence="the loss along random lines",
        run="landscape.analysis.suite:run_line",
        cost="landscape.analysis.costs:line",
        figures=(1, 0),
    ),
    AnalysisKind(
        name="plane",
        sentence="the loss over a random plane",
        run="landscape.analysis.suite:run_plane",
        cost="landscape.analysis.costs:plane",
        figures=(1, 1),
    ),
    AnalysisKind(
        name="sharpness",
        sentence="sharpness measures, on the forward of the network as it is",
        run="landscape.analysis.suite:run_sharpness",
        cost="landscape.analysis.costs:sharpness",
        figures=(1, 0),
    ),
    AnalysisKind(
        name="fidelity",
        sentence="whether each operator predicts the real loss",
        run="landscape.analysis.suite:run_fidelity",
        cost="landscape.analysis.costs:fidelity",
        figures=(0, 1),
    ),
    AnalysisKind(
        name="training",
        sentence="the curves that the trainer left beside the checkpoint",
        run="landscape.analysis.suite:run_training",
        cost="landscape.analysis.costs:nothing",
        figures=(2, 0),
    ),
)
