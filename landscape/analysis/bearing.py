"""At which scale a network is analysed, so that some measure of it can bear a verdict."""

from landscape.analysis.work import Results
from landscape.catalog.scales import BEARING
from landscape.results import Preflight


def bearing_scale(earlier: Results) -> str | None:
    """The first scale that the preflight among ``earlier`` results certifies as invariant.

    None: it certifies none, or there is no preflight.
    """
    found = (r.first_invariant(BEARING) for r in earlier.values() if isinstance(r, Preflight))
    return next(found, None)
