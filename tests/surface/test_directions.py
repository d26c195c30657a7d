"""Directions: Li's rescaling, orthogonality that survives it, files that are shared."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from torch.testing import assert_close

from landscape.parameters import ParameterLayout
from landscape.surface.direction_files import RawDirections, load_directions, save_directions
from landscape.surface.directions import (
    check_plane,
    cosine,
    normalise,
    random_directions,
    sha256_of_direction,
)


@pytest.fixture
def net() -> nn.Module:
    net = nn.Sequential(nn.Conv2d(2, 3, 3), nn.BatchNorm2d(3), nn.Flatten(), nn.Linear(12, 4))
    generator = torch.Generator().manual_seed(5)
    for p in net.parameters():
        p.data.copy_(torch.randn(p.shape, generator=generator))
    return net.double()


@pytest.fixture
def layout(net) -> ParameterLayout:
    return ParameterLayout.of(dict(net.named_parameters()))


@pytest.fixture
def theta(net, layout):
    return layout.flatten([p.detach() for p in net.parameters()])


def _released_filter_normalisation(direction, weights):
    """As in the code released with Li et al. (2018), 'filter' with 'biasbn' ignored."""
    out = []
    for drawn, w in zip(direction, weights, strict=True):
        d = drawn.clone()
        if d.dim() <= 1:
            d.fill_(0)
        else:
            for row, filter_ in zip(d, w, strict=True):
                row.mul_(filter_.norm() / (row.norm() + 1e-10))
        out.append(d)
    return out


def test_filter_normalisation_is_that_of_the_released_code(layout, theta):
    (raw,) = random_directions(layout, 1, torch.Generator().manual_seed(0))
    expected = _released_filter_normalisation(layout.split(raw), layout.split(theta))
    # Its 1e-10 in the divisor is relative to filter norms of about 0.1.
    assert_close(
        normalise(raw, theta, layout, "filter"), layout.flatten(expected), rtol=1e-8, atol=0
    )


def test_layer_normalisation_gives_each_weight_its_own_norm_and_vectors_none(layout, theta):
    (raw,) = random_directions(layout, 1, torch.Generator().manual_seed(0))
    d = normalise(raw, theta, layout, "layer")
    for part, weight in zip(layout.split(d), layout.split(theta), strict=True):
        assert_close(part.norm(), weight.norm() if weight.ndim > 1 else weight.new_zeros(()))


def test_without_normalisation_a_drawn_direction_is_a_unit_vector(layout, theta):
    (raw,) = random_directions(layout, 1, torch.Generator().manual_seed(0))
    assert_close(normalise(raw, theta, layout, "none"), raw)
    assert_close(raw.norm().item(), 1.0)


@pytest.mark.parametrize("how", ["filter", "layer"])
def test_zero_filters_and_zero_directions_give_zero_and_no_nan(how):
    layout = ParameterLayout(("w",), (torch.Size((2, 3)),))
    theta = torch.tensor([0.0, 0, 0, 1, 2, 2])
    d = normalise(torch.ones(6), theta, layout, how)
    assert d.isfinite().all()
    if how == "filter":
        assert_close(d[:3], torch.zeros(3))
        assert_close(d[3:].norm(), torch.tensor(3.0))
    assert_close(normalise(torch.zeros(6), theta, layout, how), torch.zeros(6))


@given(
    rows=st.integers(1, 4),
    columns=st.integers(2, 6),
    seed=st.integers(0, 10_000),
    how=st.sampled_from(["filter", "layer", "none"]),
)
def test_two_drawn_directions_stay_orthogonal_under_every_normalisation(rows, columns, seed, how):
    shapes = (torch.Size((rows, columns)), torch.Size((columns,)), torch.Size((2, rows, 2, 2)))
    layout = ParameterLayout(("a", "b", "c"), shapes)
    generator = torch.Generator().manual_seed(seed)
    theta = torch.randn(layout.num_params, generator=generator, dtype=torch.float64)
    first, second = (
        normalise(d, theta, layout, how) for d in random_directions(layout, 2, generator)
    )
    # Nearly parallel draws lose digits: the bound is far above 1e-16 but far below any angle.
    assert abs(cosine(first, second)) < 1e-10
    assert check_plane(first, second) == cosine(first, second)


def test_filters_of_one_entry_cannot_be_orthogonal_and_the_cosine_says_so():
    layout = ParameterLayout(("w",), (torch.Size((50, 1)),))
    theta = torch.ones(50, dtype=torch.float64)
    first, second = (
        normalise(d, theta, layout, "filter")
        for d in random_directions(layout, 2, torch.Generator().manual_seed(1))
    )
    signs = (first * second).sign().mean().item()
    assert cosine(first, second) == pytest.approx(signs)


def test_a_seed_means_the_same_direction_and_other_seeds_others(layout):
    a, b, c = (random_directions(layout, 1, torch.Generator().manual_seed(s))[0] for s in (3, 3, 4))
    assert torch.equal(a, b)
    assert sha256_of_direction(a) == sha256_of_direction(b) != sha256_of_direction(c)


@pytest.mark.parametrize("second", [torch.tensor([2.0, 0.0]), torch.zeros(2)])
def test_a_plane_over_parallel_or_zero_directions_is_refused(second):
    with pytest.raises(ValueError, match="direction"):
        check_plane(torch.tensor([1.0, 0.0]), second)


def test_saved_directions_come_back_bit_for_bit_for_any_checkpoint(tmp_path, layout):
    vectors = tuple(random_directions(layout, 2, torch.Generator().manual_seed(0)))
    raw = RawDirections(vectors, "random", 0, ("first", "second"))
    save_directions(tmp_path / "d.safetensors", raw, layout)
    back = load_directions(tmp_path / "d.safetensors", layout)
    assert all(torch.equal(a, b) for a, b in zip(back.vectors, vectors, strict=True))
    assert back[1:] == raw[1:]


@pytest.mark.parametrize(
    ("shapes", "words"),
    [
        ({"w": (2, 3)}, "also varies"),
        ({"w": (2, 4), "b": (2,)}, r"shape \(2, 3\) for 'w'; the network has \(2, 4\)"),
        ({"w": (2, 3), "b": (2,), "c": (1,)}, "no entries for parameter 'c'"),
    ],
)
def test_directions_of_another_network_are_refused_with_names_and_shapes(tmp_path, shapes, words):
    path = tmp_path / "d.safetensors"
    own = ParameterLayout(("w", "b"), (torch.Size((2, 3)), torch.Size((2,))))
    save_directions(path, RawDirections((torch.ones(8),), "random"), own)
    other = ParameterLayout(tuple(shapes), tuple(torch.Size(s) for s in shapes.values()))
    with pytest.raises(ValueError, match=words):
        load_directions(path, other)


def test_a_file_that_holds_no_directions_is_refused(tmp_path, layout):
    path = tmp_path / "d.safetensors"
    path.write_bytes(b"not one")
    with pytest.raises(ValueError, match="no readable file"):
        load_directions(path, layout)
