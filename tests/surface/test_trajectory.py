"""The plane of a trajectory, against NumPy's singular value decomposition."""

import numpy as np
import pytest
import torch

from landscape.surface.trajectory import trajectory_plane


@pytest.fixture
def snapshots():
    steps = torch.randn(6, 40, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    return list(steps.cumsum(0))


def test_components_and_explained_variance_are_those_of_numpys_svd(snapshots):
    plane = trajectory_plane(snapshots)
    M = torch.stack(snapshots).numpy()
    _, s, Vt = np.linalg.svd(M - M.mean(0), full_matrices=False)
    for mine, theirs in zip(plane.directions.numpy(), Vt[:2], strict=True):
        np.testing.assert_allclose(abs(mine @ theirs), 1, atol=1e-10)
    np.testing.assert_allclose(plane.explained_variance, (s**2 / (s**2).sum())[:2], rtol=1e-10)


def test_coordinates_are_projections_through_the_last_snapshot_and_errors_what_they_miss(snapshots):
    plane = trajectory_plane(snapshots)
    last = snapshots[-1]
    for theta, (x, y), error in zip(snapshots, plane.coordinates, plane.errors, strict=True):
        shown = last + x * plane.directions[0] + y * plane.directions[1]
        residual = theta - shown
        np.testing.assert_allclose((plane.directions @ residual).numpy(), 0, atol=1e-10)
        np.testing.assert_allclose(residual.norm(), error * (theta - last).norm(), atol=1e-10)
    assert plane.coordinates[-1].tolist() == [0, 0]
    assert 0 < plane.reconstruction_error < 1


def test_a_trajectory_in_a_plane_is_shown_without_error(snapshots):
    a, b = snapshots[:2]
    flat = [a * np.cos(k) + b * k for k in range(5)]
    plane = trajectory_plane(flat)
    assert plane.reconstruction_error < 1e-7  # the square root of rounding
    assert sum(plane.explained_variance) == pytest.approx(1)


def test_too_few_snapshots_or_a_line_have_no_plane(snapshots):
    with pytest.raises(ValueError, match="at least 3 snapshots; got 2"):
        trajectory_plane(snapshots[:2])
    with pytest.raises(ValueError, match="on one line"):
        trajectory_plane([snapshots[0] * k for k in range(4)])
