"""Flatness read off measured lines and planes. NumPy only; losses are used as measured.

A loss that is not finite counts as risen without bound. L(0) is the loss at the checkpoint, read
off the grid by interpolation where 0 lies between two coordinates.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.integrate import trapezoid

from landscape.results import LineMeasures, PlaneMeasures
from landscape.values import finite_or_none

Array = NDArray[np.float64]
_SAMPLES = 8  # sample points a cell and axis, for the area of a sublevel set


@np.errstate(invalid="ignore", over="ignore")  # inf - inf and the like: checked by its outcome
def line_measures(axis: Array, losses: Array, *, threshold: float) -> LineMeasures | None:
    """All measures of lines that share ``axis``, shape (X,); ``losses`` of shape (D, X).

    Rises are given at a tenth, a quarter, a half and the whole of the shorter side; asymmetry and
    roughness are means over the directions where they are finite. None where 0 is not inside, or
    the loss there is not finite.
    """
    if not (axis[0] < 0 < axis[-1] and np.isfinite(np.interp(0.0, axis, losses[0]))):
        return None
    reach = min(-axis[0], axis[-1])
    radii = reach * np.array([0.1, 0.25, 0.5, 1.0])
    rises = np.stack([loss_rises(axis, row, radii) for row in losses])
    count = len(losses)
    stderrs = rises.std(0, ddof=1) / np.sqrt(count) if count > 1 else np.full(4, np.nan)
    return LineMeasures(
        radii=tuple(radii.tolist()),
        rises=tuple(finite_or_none(v) for v in rises.mean(0)),
        rise_stderrs=tuple(finite_or_none(v) for v in stderrs),
        threshold=threshold,
        threshold_radii=tuple(
            finite_or_none(radius_of_rise(axis, row, threshold)) for row in losses
        ),
        asymmetry=_finite_mean([line_asymmetry(axis, row) for row in losses]),
        roughness=_finite_mean([roughness([axis], row) for row in losses]),
    )


@np.errstate(invalid="ignore", over="ignore")
def plane_measures(
    x_axis: Array, y_axis: Array, losses: Array, *, threshold: float
) -> PlaneMeasures | None:
    """All measures of a plane; ``losses`` of shape (X, Y).

    None where the origin is not inside, or the loss there is not finite.
    """
    if not (x_axis[0] < 0 < x_axis[-1] and y_axis[0] < 0 < y_axis[-1]):
        return None
    centre = float(_at(x_axis, y_axis, losses, np.zeros(1), np.zeros(1))[0])
    if not np.isfinite(centre):
        return None
    level = centre + threshold
    area = sublevel_area(x_axis, y_axis, losses, level)
    border = np.concatenate([losses[0], losses[-1], losses[:, 0], losses[:, -1]])
    convexity = convexity_map(x_axis, y_axis, losses)
    known = convexity[np.isfinite(convexity)]
    return PlaneMeasures(
        threshold=threshold,
        sublevel_area=area,
        sublevel_fraction=area / float(np.ptp(x_axis) * np.ptp(y_axis)),
        sublevel_cut=bool((border <= level).any()),
        asymmetry=finite_or_none(plane_asymmetry(x_axis, y_axis, losses)),
        roughness=finite_or_none(roughness([x_axis, y_axis], losses)),
        nonconvex_fraction=float((known < 0).mean()) if known.size else None,
        convexity=convexity,
    )


def loss_rises(axis: Array, losses: Array, radii: Array) -> Array:
    """½ (L(r) + L(-r)) - L(0) at each radius, shape (R,); NaN beyond the axis."""
    losses = _open(losses)
    ahead, behind = (
        np.interp(s * radii, axis, losses, left=np.nan, right=np.nan) for s in (1.0, -1.0)
    )
    rises: Array = (ahead + behind) / 2 - np.interp(0.0, axis, losses)
    return rises


def radius_of_rise(axis: Array, losses: Array, threshold: float) -> float:
    """Smallest abs(x) at which L(x) - L(0) = ``threshold``, to either side; inf where it is not.

    Between two coordinates the loss is taken to be linear; at one where it is not finite, the
    rise is there.
    """
    centre = np.interp(0.0, axis, losses)
    found = np.inf
    for sign in (1.0, -1.0):
        side = sign * axis > 0
        r = np.concatenate([[0.0], np.sort(np.abs(axis[side]))])
        rise = np.concatenate([[0.0], losses[side][:: int(sign)] - centre])
        risen = np.flatnonzero(~(rise < threshold))  # NaN has risen
        if risen.size:
            k = risen[0]
            step = rise[k] - rise[k - 1]
            share = (threshold - rise[k - 1]) / step if np.isfinite(step) else 1.0
            found = min(found, float(r[k - 1] + share * (r[k] - r[k - 1])))
    return found


def line_asymmetry(axis: Array, losses: Array) -> float:
    """∫ abs(L(x) - L(-x)) dx / ∫ abs(L(x) + L(-x) - 2 L(0)) dx over 0 < x < the shorter side.

    0: even about the checkpoint. Large: the checkpoint lies on the side of a valley (He et al.
    2019, Asymmetric valleys). NaN where the loss is constant or not finite.
    """
    reach = min(-axis[0], axis[-1])
    r = np.unique(np.concatenate([np.abs(axis[np.abs(axis) <= reach]), [0.0, reach]]))
    ahead, behind = np.interp(r, axis, losses), np.interp(-r, axis, losses)
    odd = trapezoid(np.abs(ahead - behind), r)
    even = trapezoid(np.abs(ahead + behind - 2 * np.interp(0.0, axis, losses)), r)
    return float(odd / even) if even > 0 else np.nan


def plane_asymmetry(x_axis: Array, y_axis: Array, losses: Array) -> float:
    """Like :func:`line_asymmetry`, over the largest grid that is symmetric about the origin."""
    x, y = _symmetric(x_axis), _symmetric(y_axis)
    X, Y = np.meshgrid(x, y, indexing="ij")
    there = _at(x_axis, y_axis, losses, X.ravel(), Y.ravel())
    back = _at(x_axis, y_axis, losses, -X.ravel(), -Y.ravel())
    centre = _at(x_axis, y_axis, losses, np.zeros(1), np.zeros(1))
    odd, even = (
        trapezoid(trapezoid(np.abs(values).reshape(X.shape), y), x)
        for values in (there - back, there + back - 2 * centre)
    )
    return float(odd / even) if even > 0 else np.nan


def roughness(axes: list[Array], losses: Array) -> float:
    """Share of the variation of L over the grid that no quadratic function explains: 1 - R².

    The quadratic, with its constant and linear terms, is fitted by least squares to the finite
    losses; the variation is the sum of squares about their mean. 0: exactly quadratic. NaN where
    there are no more points than coefficients, or the loss does not vary.
    """
    coordinates = [c.ravel() for c in np.meshgrid(*axes, indexing="ij")]
    values, finite = losses.ravel(), np.isfinite(losses.ravel())
    reach = [np.abs(axis).max() for axis in axes]
    scaled = [c[finite] / r for c, r in zip(coordinates, reach, strict=True)]
    columns = [np.ones(int(finite.sum())), *scaled]
    columns += [a * b for k, a in enumerate(scaled) for b in scaled[k:]]
    design, target = np.stack(columns, axis=1), values[finite]
    total = float(np.square(target - target.mean()).sum()) if target.size else 0.0
    if len(target) <= design.shape[1] or np.ptp(target) == 0:
        return np.nan
    fitted = design @ np.linalg.lstsq(design, target, rcond=None)[0]
    return float(np.square(target - fitted).sum() / total)


def sublevel_area(x_axis: Array, y_axis: Array, losses: Array, level: float) -> float:
    """Area of {L ≤ level} in units of x times y, L being bilinear in each cell.

    Each cell is sampled at 8 × 8 points; a cell with a corner that is not finite is outside.
    """
    offsets = (np.arange(_SAMPLES) + 0.5) / _SAMPLES
    u, v = np.meshgrid(offsets, offsets, indexing="ij")
    corners = [losses[a : a - 1 or None, b : b - 1 or None] for a in (0, 1) for b in (0, 1)]
    weights = [(1 - u) * (1 - v), (1 - u) * v, u * (1 - v), u * v]
    with np.errstate(invalid="ignore"):
        inside = sum(np.multiply.outer(c, w) for c, w in zip(corners, weights, strict=True))
    shares = (np.asarray(inside) <= level).mean(axis=(2, 3))
    return float((shares * np.outer(np.diff(x_axis), np.diff(y_axis))).sum())


def convexity_map(x_axis: Array, y_axis: Array, losses: Array) -> Array:
    """λ_min / max(abs(λ_min), abs(λ_max)) of the plane's 2 × 2 Hessian, shape (X-2, Y-2).

    By central differences of the grid, exact for quadratics, at its interior points. In [-1, 1]:
    negative where the loss curves down in some direction of the plane (Li et al. 2018, sec. 7
    draw its absolute value). NaN where a neighbour is not finite or the loss is flat.
    """
    with np.errstate(invalid="ignore"):
        xx = _second_differences(x_axis, losses)[:, 1:-1]
        yy = _second_differences(y_axis, losses.T).T[1:-1]
        xy = np.gradient(np.gradient(losses, x_axis, axis=0), y_axis, axis=1)[1:-1, 1:-1]
        middle, radius = (xx + yy) / 2, np.hypot((xx - yy) / 2, xy)
        low, high = middle - radius, middle + radius
        largest = np.maximum(np.abs(low), np.abs(high))
        return np.divide(low, largest, out=np.full_like(low, np.nan), where=largest > 0)


def _second_differences(axis: Array, losses: Array) -> Array:
    """∂²L along the first index, at its interior points, on an axis of unequal steps."""
    before, after = np.diff(axis)[:-1, None], np.diff(axis)[1:, None]
    rise, fall = (losses[2:] - losses[1:-1]) / after, (losses[1:-1] - losses[:-2]) / before
    second: Array = 2 * (rise - fall) / (before + after)
    return second


def _at(x_axis: Array, y_axis: Array, losses: Array, x: Array, y: Array) -> Array:
    """Bilinear interpolation at points inside the grid, shape (n,)."""
    i = np.clip(np.searchsorted(x_axis, x, side="right") - 1, 0, len(x_axis) - 2)
    j = np.clip(np.searchsorted(y_axis, y, side="right") - 1, 0, len(y_axis) - 2)
    u = (x - x_axis[i]) / (x_axis[i + 1] - x_axis[i])
    v = (y - y_axis[j]) / (y_axis[j + 1] - y_axis[j])
    terms = [
        (w, losses[i + a, j + b])
        for w, a, b in (
            ((1 - u) * (1 - v), 0, 0),
            ((1 - u) * v, 0, 1),
            (u * (1 - v), 1, 0),
            (u * v, 1, 1),
        )
    ]
    # A corner of weight 0 must not bring its infinity in.
    values: Array = sum(
        (np.where(w > 0, w * np.where(w > 0, c, 0), 0) for w, c in terms), np.zeros(len(x))
    )
    return values


def _symmetric(axis: Array) -> Array:
    reach = min(-axis[0], axis[-1])
    inner = np.abs(axis[np.abs(axis) <= reach])
    both: Array = np.unique(np.concatenate([inner, -inner, [0.0, reach, -reach]]))
    return both


def _open(losses: Array) -> Array:
    return np.where(np.isnan(losses), np.inf, losses)


def _finite_mean(values: list[float]) -> float | None:
    finite = [v for v in values if np.isfinite(v)]
    return float(np.mean(finite)) if finite else None
