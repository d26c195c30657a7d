"""The table of sharpness in a report."""

from dataclasses import replace

from landscape.analysis.bearing import bearing_scale, expected_bearing
from landscape.analysis.progress import Progress
from landscape.analysis.sharpness.rows import rows_of
from landscape.analysis.sharpness.run import sharpness
from landscape.analysis.sharpness.settings import SharpnessSettings
from landscape.analysis.suite_settings import SuiteSettings
from landscape.analysis.target import Target
from landscape.analysis.work import Cost, Results, Work, state_of
from landscape.results import Eigenvalues, Trace


def run(target: Target, settings: SuiteSettings, earlier: Results, progress: Progress) -> Results:
    """Every measure, also at the scale that bears a verdict; the spectral ones off the spectra."""
    return {
        "sharpness": sharpness(
            target,
            settings=_asked(settings, bearing_scale(earlier)),
            spectra=spectra_of(earlier),
            state=state_of(settings, target, "sharpness.state"),
            progress=progress,
        )
    }


def cost(work: Work) -> Cost:
    """What the rows take together."""
    rows = rows_of(work.target, _asked(work.suite, expected_bearing(work))).values()
    matvecs, losses = sum(r.num_matvecs for r in rows), sum(r.num_losses for r in rows)
    return Cost(matvecs, losses, work.graph_bytes)


def _asked(settings: SuiteSettings, bearing: str | None) -> SharpnessSettings:
    """At the budget's scales, and at the one that bears a verdict."""
    asked = settings.budget.sharpness
    if bearing is None or bearing in asked.scales:
        return asked
    return replace(asked, scales=(*asked.scales, bearing))


def spectra_of(earlier: Results) -> list[Eigenvalues | Trace]:
    """Those among earlier results, unscaled first: the order of their files must not matter."""
    found = [r for r in earlier.values() if isinstance(r, Eigenvalues | Trace)]
    return sorted(found, key=lambda r: (r.operator.scale != "none", type(r).__name__))
