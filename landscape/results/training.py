"""How training went, epoch by epoch."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from landscape.results.base import Result

Array = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, eq=False)
class TrainingCurves(Result):
    """What the trainer logged; NaN where an epoch has no value."""

    epochs: Array  # shape (E,), counted from 1
    train_loss: Array  # shape (E,)
    train_accuracy: Array | None = None  # shape (E,)
    test_loss: Array | None = None  # shape (E,)
    test_accuracy: Array | None = None  # shape (E,)
