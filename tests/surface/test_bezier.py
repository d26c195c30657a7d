"""A trained bend: the curve stays attached to its ends and goes round a hill."""

import pytest
import torch

from landscape.surface.bezier import train_bend
from landscape.surface.evaluate import Span, bezier_weights, chord_weights


def _valley(theta):
    """A ring of minima of radius 1 round a hill of height 1 at the origin."""
    return (theta.square().sum() - 1).square()


def _slope(theta):
    return 4 * (theta.square().sum() - 1) * theta


def _mean_loss(span, weights):
    times = torch.linspace(0, 1, 101, dtype=torch.float64).tolist()
    return sum(_valley(span.at(weights((t,)))).item() for t in times) / len(times)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_trained_bend_lowers_the_mean_loss_of_the_path(seed):
    start = torch.tensor([1.0, 0.0], dtype=torch.float64)
    end = torch.tensor([-0.8, 0.6], dtype=torch.float64)
    bend = train_bend(
        _slope,
        start,
        end,
        num_steps=300,
        learning_rate=0.05,
        rng=torch.Generator().manual_seed(seed),
        progress=lambda done, total: None,
    )
    curve, chord = Span([start, bend, end]), Span([start, end])
    assert _mean_loss(curve, bezier_weights) < 0.2 * _mean_loss(chord, chord_weights)
    assert torch.equal(curve.at(bezier_weights((0.0,))), start)
    assert torch.equal(curve.at(bezier_weights((1.0,))), end)


def test_a_gradient_that_is_not_finite_stops_with_the_step():
    with pytest.raises(ValueError, match="not finite at step 1"):
        train_bend(
            lambda theta: theta * torch.nan,
            torch.ones(2),
            torch.zeros(2),
            num_steps=5,
            learning_rate=0.1,
            rng=torch.Generator().manual_seed(0),
            progress=lambda done, total: None,
        )
