"""Loss along lines and over planes through a checkpoint. Values are stored as measured."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from landscape.results.base import Result

Array = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class DirectionSpec:
    """What a direction is, so that two surfaces can be seen to share it."""

    kind: str  # random | eigenvector | between | bezier | trajectory
    normalisation: str  # filter | layer | none
    seed: int | None = None
    sha256: str  # of the vector before it was normalised to this checkpoint
    norm: float  # ‖d‖₂ in units of θ, as walked
    description: str = ""  # e.g. eigenvector 1 of the hessian, λ = 1.38


@dataclass(frozen=True, kw_only=True, eq=False)
class LossLine(Result):
    """L(θ + x d) on ``axis``."""

    direction: DirectionSpec
    axis: Array  # shape (X,)
    losses: Array  # shape (X,); NaN or inf where the loss was
    accuracies: Array | None = None  # shape (X,)
    slope: float | None = None  # ∇L·d, for the quadratic prediction
    curvature: float | None = None  # dᵀAd of the operator named below
    operator_name: str | None = None
    batch_norm: str = "eval"


@dataclass(frozen=True, kw_only=True, eq=False)
class LossPlane(Result):
    """``losses[i, j]`` = L(θ + x_axis[i] d1 + y_axis[j] d2)."""

    directions: tuple[DirectionSpec, DirectionSpec]
    x_axis: Array  # shape (X,)
    y_axis: Array  # shape (Y,)
    losses: Array  # shape (X, Y)
    accuracies: Array | None = None  # shape (X, Y)
    batch_norm: str = "eval"
