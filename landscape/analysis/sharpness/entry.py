"""The table of sharpness in a report."""

from dataclasses import replace

from landscape.analysis.bearing import bearing_scale
from landscape.analysis.progress import Progress
from landscape.analysis.sharpness.rows import rows_of
from landscape.analysis.sharpness.run import sharpness
from landscape.analysis.suite_settings import SuiteSettings
from landscape.analysis.target import Target
from landscape.analysis.work import Cost, Results, Work, state_of
from landscape.results import Eigenvalues, Trace


def run(target: Target, settings: SuiteSettings, earlier: Results, progress: Progress) -> Results:
    """Every measure, also at the scale that bears a verdict; the spectral ones off the spectra."""
    asked = settings.budget.sharpness
    bearing = bearing_scale(earlier)
    if bearing is not None and bearing not in asked.scales:
        asked = replace(asked, scales=(*asked.scales, bearing))
    return {
        "sharpness": sharpness(
            target,
            settings=asked,
            spectra=spectra_of(earlier),
            state=state_of(settings, target, "sharpness.state"),
            progress=progress,
        )
    }


def cost(work: Work) -> Cost:
    """What the rows take together."""
    rows = rows_of(work.target, work.suite.budget.sharpness).values()
    matvecs, losses = sum(r.num_matvecs for r in rows), sum(r.num_losses for r in rows)
    return Cost(matvecs, losses, work.graph_bytes)


def spectra_of(earlier: Results) -> list[Eigenvalues | Trace]:
    """Those among earlier results, unscaled first: the order of their files must not matter."""
    found = [r for r in earlier.values() if isinstance(r, Eigenvalues | Trace)]
    return sorted(found, key=lambda r: (r.operator.scale != "none", type(r).__name__))
