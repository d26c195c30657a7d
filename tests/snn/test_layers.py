"""Fan-in and fan-out are numbers of connections, and give currents the variance asked for."""

import math

import pytest
import torch
from torch import nn
from torch.nn.utils.parametrizations import weight_norm
from torch.testing import assert_close

from landscape.snn import initialise
from landscape.snn.layers import weights_of

LAYERS = {
    "linear": (lambda: nn.Linear(12, 5, bias=False), (12,)),
    "conv": (lambda: nn.Conv2d(4, 6, 3, bias=False), (4, 14, 14)),
    "oblong": (lambda: nn.Conv2d(2, 3, (1, 3), bias=False), (2, 14, 14)),
    "groups": (lambda: nn.Conv2d(8, 12, 3, groups=4, bias=False), (8, 14, 14)),
    "depthwise": (lambda: nn.Conv1d(6, 6, 5, groups=6, bias=False), (6, 21)),
    "transposed": (lambda: nn.ConvTranspose2d(4, 6, 3, bias=False), (4, 14, 14)),
    "strided": (lambda: nn.ConvTranspose2d(4, 6, 4, stride=2, bias=False), (4, 14, 14)),
    "odd": (lambda: nn.ConvTranspose1d(4, 6, 3, stride=2, bias=False), (4, 25)),
    "both": (lambda: nn.ConvTranspose2d(8, 4, 4, stride=2, groups=2, bias=False), (8, 14, 14)),
}
all_layers = pytest.mark.parametrize(("make", "shape"), LAYERS.values(), ids=LAYERS)


def interior(x, num_axes):
    """Without the borders, and over whole cycles of a stride of 2."""
    for axis in range(x.ndim - num_axes, x.ndim):
        x = x.narrow(axis, 4, (x.shape[axis] - 8) // 2 * 2)
    return x


@all_layers
def test_fans_count_the_inputs_of_an_output_and_the_reverse(make, shape):
    layer = make().double()
    (weight,) = weights_of(layer)
    nn.init.ones_(layer.weight)
    x = torch.ones(1, *shape, dtype=torch.float64, requires_grad=True)
    out = layer(x)
    assert float(interior(out.detach(), len(shape) - 1).mean()) == pytest.approx(weight.fan_in)
    (back,) = torch.autograd.grad(out.sum(), x)
    assert float(interior(back, len(shape) - 1).mean()) == pytest.approx(weight.fan_out)


@all_layers
def test_currents_of_white_inputs_have_the_variance_that_the_scheme_promises(make, shape, rng):
    # lecun: Var = 1 / fan_in, hence currents of variance 1, over draws of weights and inputs.
    means = []
    for seed in range(200):
        layer = make()
        initialise(layer, "lecun", seed=seed)
        x = torch.randn(8, *shape, generator=rng)
        with torch.no_grad():
            means.append(interior(layer(x), len(shape) - 1).square().mean())
    found = torch.stack(means)
    assert abs(float(found.mean()) - 1) < 5 * float(found.std()) / math.sqrt(len(found))


@pytest.mark.parametrize(
    ("layer", "expected"),
    [
        (nn.RNN(5, 7), {"weight_ih_l0": (5, 7), "weight_hh_l0": (7, 7)}),
        (nn.GRU(5, 7), {"weight_ih_l0": (5, 7), "weight_hh_l0": (7, 7)}),
        (
            nn.LSTM(5, 7, proj_size=3),
            {"weight_ih_l0": (5, 7), "weight_hh_l0": (3, 7), "weight_hr_l0": (7, 3)},
        ),
        (nn.GRUCell(5, 7), {"weight_ih": (5, 7), "weight_hh": (7, 7)}),
        (nn.MultiheadAttention(6, 2), {"in_proj_weight": (6, 6), "out_proj.weight": (6, 6)}),
        (
            nn.MultiheadAttention(6, 2, kdim=4, vdim=5),
            {
                "q_proj_weight": (6, 6),
                "k_proj_weight": (4, 6),
                "v_proj_weight": (5, 6),
                "out_proj.weight": (6, 6),
            },
        ),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, nn.Module) else "",
)
def test_gates_and_projections_are_layers_side_by_side(layer, expected):
    assert {w.name: (w.fan_in, w.fan_out) for w in weights_of(layer)} == expected
    found = initialise(layer, "ikun_v2", seed=0)
    for name, (fan_in, fan_out) in expected.items():
        assert found[name] == pytest.approx(math.sqrt(1.2737 / (fan_in + fan_out)), rel=1e-4)
    assert all(not p.any() for name, p in layer.named_parameters() if "bias" in name)


@pytest.mark.parametrize(("make", "shape"), [LAYERS["groups"], LAYERS["both"]])
def test_orthogonal_groups_are_orthogonal_each(make, shape):
    layer = make()
    initialise(layer, "orthogonal", seed=0)
    for block in layer.weight.detach().chunk(layer.groups):
        singular = torch.linalg.svdvals(block.flatten(1))
        assert_close(singular, torch.ones_like(singular))


def test_tied_weights_are_drawn_once():
    net = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3))
    net[1].weight = net[0].weight
    assert list(initialise(net, "lecun", seed=0)) == ["0.weight"]


def test_what_is_frozen_or_left_stays_and_the_draws_of_others_are_the_same():
    def make():
        return nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 4), nn.PReLU(), nn.Linear(4, 2))

    whole, part = make(), make()
    part[0].weight.requires_grad_(False)
    before = [part[0].weight.clone(), part[1].weight.clone()]
    initialise(whole, "lecun", seed=0, leave="2.weight")
    found = initialise(part, "lecun", seed=0, leave="1.*, 2.*")
    assert torch.equal(part[0].weight, before[0])
    assert torch.equal(part[1].weight, before[1])
    assert torch.equal(part[3].weight, whole[3].weight)
    assert found.left == ("0.weight", "1.weight", "1.bias", "2.weight")
    assert "left as the network was built with: 0.weight, 1.weight" in str(found)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: nn.Sequential(nn.Embedding(3, 2), nn.Linear(2, 2)), r"leave='0\.weight'"),
        (lambda: nn.Sequential(weight_norm(nn.Linear(2, 2))), r"0\.weight is no parameter yet"),
        (lambda: nn.LazyLinear(3), r"lazy layer"),
    ],
)
def test_what_no_scheme_knows_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        initialise(make(), "ikun_v2", seed=0)
