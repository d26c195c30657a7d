import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from landscape.parameters import ParameterLayout, select_names

SHAPES = st.lists(st.lists(st.integers(1, 4), max_size=3).map(tuple), min_size=1, max_size=5)


@given(SHAPES)
def test_flattening_and_splitting_are_inverse(shapes):
    tensors = {f"p{i}": torch.randn(shape) for i, shape in enumerate(shapes)}
    layout = ParameterLayout.of(tensors)
    theta = layout.flatten(tensors)
    assert theta.shape == (layout.num_params,)
    for name, tensor in layout.unflatten(theta).items():
        assert torch.equal(tensor, tensors[name])
        assert torch.equal(theta[layout.slices[name]], tensors[name].flatten())


def test_splitting_gives_views():
    layout = ParameterLayout.of({"a": torch.zeros(2, 2), "b": torch.zeros(3)})
    theta = torch.zeros(7)
    layout.unflatten(theta)["b"][1] = 5
    assert theta[5] == 5


def test_a_vector_of_another_length_is_refused():
    with pytest.raises(ValueError, match=r"shape \(4,\); got shape \(5,\)"):
        ParameterLayout.of({"a": torch.zeros(4)}).split(torch.zeros(5))


NAMES = ("conv.0.weight", "conv.0.bias", "conv.1.weight", "fc.weight", "fc.bias")


@pytest.mark.parametrize(
    ("patterns", "expected"),
    [
        ("*", NAMES),
        ("conv.0", NAMES[:2]),
        ("conv.*.weight", (NAMES[0], NAMES[2])),
        ("fc.bias,conv.1", (NAMES[2], NAMES[4])),
        ("!*.bias", (NAMES[0], NAMES[2], NAMES[3])),
        ("fc,!fc.bias", (NAMES[3],)),
    ],
)
def test_globs_choose_names_in_the_networks_order(patterns, expected):
    assert select_names(NAMES, patterns) == expected


def test_globs_that_match_nothing_list_the_names():
    with pytest.raises(ValueError, match=r"conv\.0\.weight, conv\.0\.bias"):
        select_names(NAMES, "dense")
