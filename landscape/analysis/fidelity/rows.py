"""From measured rises to the row of a direction."""

from collections.abc import Sequence

import numpy as np

from landscape.analysis.fidelity.directions import Direction
from landscape.analysis.fidelity.fit import fit_cusp_slope, fit_exponent, ratio_of
from landscape.analysis.fidelity.measure import Walk
from landscape.results import DirectionFidelity
from landscape.values import Estimate


def direction_row(
    direction: Direction,
    slope: float,
    curvatures: tuple[Estimate, ...],
    measured: Walk,
    distances: tuple[float, ...],
    fitted: np.ndarray,
) -> DirectionFidelity:
    """All that was measured along a direction; ``fitted`` says which distances enter fits."""
    t = np.array(distances)
    rise, error = _rises(measured)
    kappa, kappa_error = 2 * rise / t**2, 2 * error / t**2
    without = measured.without
    exponent = fit_exponent([without[:, fitted]], [rise[fitted]], [error[fitted]], t[fitted])
    return DirectionFidelity(
        name=direction.name,
        kind=direction.kind,
        operator=direction.operator,
        slope=slope,
        curvatures=tuple(c.mean for c in curvatures),
        plus=tuple(e.mean for e in measured.plus),
        plus_stderr=tuple(e.error for e in measured.plus),
        minus=tuple(e.mean for e in measured.minus),
        minus_stderr=tuple(e.error for e in measured.minus),
        kappa=tuple(kappa.tolist()),
        kappa_stderr=tuple(kappa_error.tolist()),
        ratios=tuple(
            tuple(ratio_of(Estimate.of(k, e), c) for k, e in zip(kappa, kappa_error, strict=True))
            for c in curvatures
        ),
        exponent=exponent,
        cusp_slope=fit_cusp_slope(without[:, fitted], rise[fitted], t[fitted]),
    )


def mean_exponent(
    tested: Sequence[DirectionFidelity],
    walks: Sequence[Walk],
    distances: tuple[float, ...],
    fitted: np.ndarray,
) -> Estimate | None:
    """Mean exponent of the rise along the top directions."""
    top = [w for d, w in zip(tested, walks, strict=True) if d.kind == "top"]
    rises = [_rises(w) for w in top]
    return fit_exponent(
        [w.without[:, fitted] for w in top],
        [rise[fitted] for rise, _ in rises],
        [error[fitted] for _, error in rises],
        np.array(distances)[fitted],
    )


def _rises(measured: Walk) -> tuple[np.ndarray, np.ndarray]:
    return (
        np.array([e.mean for e in measured.symmetric]),
        np.array([e.error for e in measured.symmetric]),
    )
