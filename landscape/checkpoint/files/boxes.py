"""Boxes that a tensor was cut into."""

import itertools
import math
from collections import Counter
from collections.abc import Sequence

_MAX_SPLIT_AXES = 6


def cover_once(
    shape: tuple[int, ...], boxes: Sequence[tuple[tuple[int, ...], tuple[int, ...]]]
) -> bool:
    """Whether boxes, as offsets and sizes, fill ``shape`` without overlap; linear in their number.

    A sum of boxes is determined by its corners, counted with the sign (-1)^(upper ends): they
    must be those of the one large box.

    Raises
    ------
    ValueError
        If they are cut along more axes than anybody cuts.
    """
    if not math.prod(shape):
        return True
    axes = [a for a, n in enumerate(shape) if any((o[a], s[a]) != (0, n) for o, s in boxes)]
    if len(axes) > _MAX_SPLIT_AXES:
        raise ValueError(f"boxes must be cut along at most {_MAX_SPLIT_AXES} axes")
    left: Counter[tuple[int, ...]] = Counter()
    whole = ((0,) * len(shape), shape)
    for sign, (offsets, sizes) in [(-1, whole), *((1, box) for box in boxes)]:
        for ends in itertools.product((0, 1), repeat=len(axes)):
            corner = tuple(offsets[a] + end * sizes[a] for a, end in zip(axes, ends, strict=True))
            left[corner] += sign * (-1) ** sum(ends)
    return not any(left.values())
