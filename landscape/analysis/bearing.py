"""At which scale a network is analysed, so that some measure of it can bear a verdict."""

from landscape.analysis.preflight.run import too_large_to_move
from landscape.analysis.work import Results, Work
from landscape.catalog.scales import BEARING
from landscape.curvature.symmetry.find import symmetries_of
from landscape.curvature.symmetry.parts import Symmetries
from landscape.results import Preflight


def bearing_scale(earlier: Results) -> str | None:
    """The first scale that the preflight among ``earlier`` results certifies as invariant.

    None: it certifies none, or there is no preflight.
    """
    found = (r.first_invariant(BEARING) for r in earlier.values() if isinstance(r, Preflight))
    return next(found, None)


def expected_bearing(work: Work) -> str | None:
    """The same before the preflight was run, where it is to be: by the symmetries alone.

    These are found once, by forward passes on a few examples.
    """
    if any(isinstance(result, Preflight) for result in work.earlier.values()):
        return bearing_scale(work.earlier)
    if "preflight" not in work.names or too_large_to_move(work.target):
        return None
    return _kept_along(symmetries_of(work.target.risk))


def _kept_along(found: Symmetries) -> str | None:
    """The first scale that moves of these kinds leave alone; None: they leave all of them."""
    if found.products or found.outputs or found.norms or found.sums:
        return "symmetry"
    if found.factors:
        return "weight"
    return "filter" if found.rows else None
