"""Weights rounded to few bits: a worked example, and what holds for every network."""

import pytest
import torch
from torch.testing import assert_close

from landscape.curvature.rounding import rounded
from landscape.parameters import ParameterLayout


def layout_of(*shapes):
    return ParameterLayout(
        tuple(f"w{k}" for k in range(len(shapes))), tuple(torch.Size(s) for s in shapes)
    )


SHAPES = ((4, 3, 2, 2), (5, 7), (6,))


@pytest.fixture(params=[torch.float32, torch.float64])
def drawn(request, rng):
    layout = layout_of(*SHAPES)
    return layout, torch.randn(layout.num_params, generator=rng, dtype=request.param)


def test_a_worked_example_of_three_bits():
    """Levels are the largest over 3, times -3 … 3, a filter each; halves go to the even one."""
    layout = layout_of((3, 4), (2,))
    w = torch.tensor([[3.0, 1.4, -1.5, -0.4], [-0.6, 0.29, 0.11, 0.09], [0.0, 0.0, 0.0, 0.0]])
    expected = torch.tensor([[3.0, 1.0, -2.0, 0.0], [-0.6, 0.2, 0.2, 0.0], [0.0, 0.0, 0.0, 0.0]])
    vector = torch.tensor([0.7, -0.1])  # stays as it is
    found = rounded(layout, torch.cat([w.flatten(), vector]), 3)
    assert_close(found, torch.cat([expected.flatten(), vector]), rtol=1e-7, atol=0)


@pytest.mark.parametrize("bits", [2, 3, 4, 8])
def test_rounding_is_idempotent_and_within_half_a_step(drawn, bits):
    layout, theta = drawn
    found = rounded(layout, theta, bits)
    assert torch.equal(rounded(layout, found, bits), found)
    for w, q in zip(layout.split(theta), layout.split(found), strict=True):
        if w.ndim < 2:
            assert torch.equal(w, q)
            continue
        largest = w.abs().flatten(1).amax(1)
        allowed = largest / (2 * (2 ** (bits - 1) - 1)) + 2 * torch.finfo(w.dtype).eps * largest
        assert bool(((w - q).abs().flatten(1).amax(1) <= allowed).all())
        assert all(len(row.unique()) <= 2**bits - 1 for row in q)
        assert torch.equal(q.abs().flatten(1).amax(1), largest)


def test_more_bits_have_a_smaller_bound_and_a_smaller_error(drawn):
    layout, theta = drawn
    errors = [float((rounded(layout, theta, b) - theta).norm()) for b in (2, 3, 4, 8, 16)]
    assert errors == sorted(errors, reverse=True)


def test_eight_bits_leave_a_network_alone_that_has_no_more(rng):
    layout = layout_of((4, 9), (3, 2, 5, 5))
    levels = torch.randint(-127, 128, (layout.num_params,), generator=rng)
    whole = layout.split(levels.float())
    for w in whole:
        w.flatten(1)[:, 0] = 127.0  # each filter reaches its largest level
    theta = layout.flatten([w / 128 for w in whole])
    assert torch.equal(rounded(layout, theta, 8), theta)


def test_a_factor_on_a_filter_is_one_on_its_levels(drawn):
    """So networks that are one function before a batch norm are one function when rounded."""
    layout, theta = drawn
    factors = layout.flatten(
        [
            (2.0 ** torch.arange(len(w), dtype=w.dtype)).view(-1, *[1] * (w.ndim - 1)).expand_as(w)
            for w in layout.split(theta)
        ]
    )
    assert torch.equal(rounded(layout, factors * theta, 4), factors * rounded(layout, theta, 4))


def test_one_bit_is_refused():
    with pytest.raises(ValueError, match="bits must be at least 2"):
        rounded(layout_of((2, 2)), torch.ones(4), 1)
