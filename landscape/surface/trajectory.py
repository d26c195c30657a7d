"""The plane in which a training trajectory moves most: PCA of its snapshots."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor


class TrajectoryPlane(NamedTuple):
    """Two orthonormal directions through the last snapshot, and how well they show the rest."""

    directions: Tensor  # shape (2, P)
    coordinates: Tensor  # shape (S, 2), float64, of snapshot - last snapshot
    errors: Tensor  # shape (S,): distance to the plane / distance to the last snapshot; the last 0
    explained_variance: tuple[float, float]  # share of the snapshots' variance, by component
    reconstruction_error: float  # root of Σ distances to the plane² / Σ distances to the last²


def trajectory_plane(snapshots: Sequence[Tensor]) -> TrajectoryPlane:
    """Principal components of snapshots θ_1 … θ_S, each of shape (P,), S ≥ 3, in order of time.

    The components are those of the centred snapshots (Li et al. 2018 [1]_, sec. 7); the plane
    is laid through θ_S, the network whose surface it shows, so that the distances of the other
    snapshots from it are part of the answer. Computed from the S × S Gram matrix in float64:
    O(S² P) work, no P × P matrix.

    Raises
    ------
    ValueError
        With fewer than three snapshots, or snapshots that lie on one line.

    References
    ----------
    .. [1] Li et al., Visualizing the loss landscape of neural nets, NeurIPS 2018.
    """
    if len(snapshots) < 3:
        raise ValueError(
            f"a trajectory's plane needs at least 3 snapshots; got {len(snapshots)}. Train with "
            "--snapshots K, or name more checkpoints of the run."
        )
    steps = torch.stack([s.double() for s in snapshots]) - snapshots[-1].double()
    centred = steps - steps.mean(0)
    values, vectors = torch.linalg.eigh(centred @ centred.T)
    values, vectors = values.flip(0), vectors.flip(1)
    if values[1] <= 1e-12 * values[0] or values[0] <= 0:
        raise ValueError(
            "the snapshots lie on one line (or are all equal), which has no plane; use "
            "`--direction between` for a line, or name more snapshots of one run."
        )
    directions = vectors[:, :2].T @ centred / values[:2].sqrt()[:, None]
    coordinates = steps @ directions.T
    to_plane = (steps - coordinates @ directions).norm(dim=1)
    to_last = steps.norm(dim=1)
    errors = to_plane / torch.where(to_last > 0, to_last, 1)
    shares = (values[:2] / values.clamp(min=0).sum()).tolist()
    total = (to_plane.square().sum() / to_last.square().sum()).sqrt().item()
    return TrajectoryPlane(
        directions.to(snapshots[-1].dtype), coordinates, errors, (shares[0], shares[1]), total
    )
