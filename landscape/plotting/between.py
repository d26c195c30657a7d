"""Values between the points of a grid, for the eye: through every point, and beyond none."""

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import PchipInterpolator

_INTERVALS = 45  # an axis has so many at least once it is filled
_MOST_MARKED = 21  # points a side; more would hide what they mark

Values = NDArray[np.float64]


def is_filled(axis: Values) -> bool:
    """Whether an axis is so coarse that the measured points are worth marking."""
    return 2 <= len(axis) <= _MOST_MARKED


def filled_grid(x: Values, y: Values, values: Values) -> tuple[Values, Values, Values]:
    """Both axes with points between theirs, and ``values[i, j]`` there.

    By monotone cubic interpolation (Fritsch & Carlson 1980, SIAM J. Numer. Anal. 17(2):238-246)
    along one axis and then the other: no valley and no hill appears between neighbours on a grid
    line that these do not hold. As they are where a value is not finite, or an axis is fine.
    """
    if not np.isfinite(values).all():
        return x, y, values
    low, high = values.min(), values.max()  # beyond which rounding must not lead
    for axis, at in ((0, x), (1, y)):
        values = PchipInterpolator(at, values, axis=axis)(_refined(at)) if len(at) > 1 else values
    return _refined(x), _refined(y), values.clip(low, high)


def _refined(axis: Values) -> Values:
    """The same points and equally many in each interval."""
    if len(axis) < 2:
        return axis
    parts = -(-_INTERVALS // (len(axis) - 1))
    places = np.arange(parts * (len(axis) - 1) + 1) / parts
    return np.interp(places, np.arange(len(axis)), axis)
