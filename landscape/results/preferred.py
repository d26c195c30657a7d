"""Which of several values of one measure stands for it where one is shown, or compared."""

import math
from collections.abc import Sequence

from landscape.catalog import MEASURES
from landscape.results.sharpness import Measure

FIRST_OPERATOR = "hessian"


def rank_of(row: Measure, scales: Sequence[str]) -> tuple[float, ...]:
    """To sort by: the first of ``scales``, of all layers, of the Hessian, at the usual radius."""
    usual = MEASURES[row.name].usual_radius
    far = abs(math.log(row.radius / usual)) if row.radius and usual else 0.0
    plain = row.operator in (None, FIRST_OPERATOR)
    return (scales.index(row.scale), row.layer is not None, not plain, far)
