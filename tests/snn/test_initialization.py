import math

import pytest
import torch
from torch import nn
from torch.testing import assert_close

from landscape.snn import CSNN, SCHEMES, ATan, SpikingMLP, ikun_beta, initialize

all_schemes = pytest.mark.parametrize("scheme", SCHEMES)


def weight_of(n_out, n_in, scheme, **settings):
    layer = nn.Linear(n_in, n_out).double()
    initialize(layer, scheme, **{"seed": 0} | settings)
    return layer.weight.detach()


@pytest.mark.parametrize(
    ("scheme", "settings", "expected"),
    [
        ("lecun_normal", {}, 1.0),
        ("lecun_uniform", {}, 1.0),
        ("ikun_v1", {}, 1.274),
        ("ikun_v1_uniform", {}, 1.274),
        ("ikun_v1", {"beta": "surrogate", "surrogate": ATan(2.0)}, 2.490),
        ("kaiming_normal", {}, 2.0),
        ("kaiming_uniform", {}, 2.0),
        ("torch_default", {}, 1 / 3),
        ("xavier_normal", {}, 2 * 200 / 500),
        ("xavier_uniform", {}, 2 * 200 / 500),
        ("ikun_v2", {}, 1.2737 * 200 / 500),
        ("normal", {}, 200 * 0.02**2),
        ("micheli", {}, 6.303),
        ("lecun_normal", {"gain": 3.0}, 9.0),
    ],
)
def test_variance_times_fan_in_is_the_published_value(scheme, settings, expected):
    W = weight_of(300, 200, scheme, **settings)
    # Relative standard error of a variance of n normal draws: √(2/n); 5 of them, plus rounding.
    tolerance = 5 * math.sqrt(2 / W.numel()) + 5e-4
    assert_close(float(200 * W.square().mean()), expected, rtol=tolerance, atol=0)
    assert abs(float(W.mean())) < 5 * float(W.std()) / math.sqrt(W.numel())


@all_schemes
def test_returned_standard_deviations_are_those_of_the_weights(scheme):
    network = CSNN(16)
    stds = initialize(network, scheme, seed=0, gain=0.7)
    assert set(stds) == {f"conv_fc.{i}.weight" for i in (0, 4, 9, 11)}
    for name, std in stds.items():
        W = network.get_parameter(name).detach()
        tolerance = 5 * math.sqrt(0.5 / W.numel())
        assert_close(float(W.square().mean().sqrt()), std, rtol=tolerance, atol=0)


def test_convolutions_count_their_kernel():
    conv = nn.Conv2d(3, 5, (2, 4))
    assert initialize(conv, "lecun_normal", seed=0)["weight"] == math.sqrt(1 / (3 * 8))
    assert initialize(conv, "xavier_normal", seed=0)["weight"] == math.sqrt(2 / (8 * (3 + 5)))


@all_schemes
def test_schemes_are_paired_by_their_base_draws(scheme):
    # The same seed: normal schemes are proportional; uniform ones their image under Φ.
    Z = weight_of(4, 6, "lecun_normal") * math.sqrt(6)
    W = weight_of(4, 6, scheme)
    distribution = SCHEMES[scheme].distribution
    if distribution == "normal":
        assert_close(W / W[0, 0], Z / Z[0, 0])
    elif distribution == "uniform":
        U = torch.erf(Z / math.sqrt(2))
        assert_close(W / W[0, 0], U / U[0, 0])
    else:
        L = Z @ W.T  # Zᵀ = Q R, W = Qᵀ, so that Z Wᵀ = Rᵀ
        assert_close(L, L.tril(), rtol=0, atol=1e-12)


def test_orthogonal_weights_are_orthogonal():
    tall, wide = weight_of(7, 3, "orthogonal"), weight_of(3, 7, "orthogonal", gain=2.0)
    assert_close(tall.T @ tall, torch.eye(3, dtype=torch.float64))
    assert_close(wide @ wide.T, 4 * torch.eye(3, dtype=torch.float64))


def test_seeds_give_different_draws_and_never_touch_the_global_generator():
    layers = [nn.Linear(6, 4) for _ in range(3)]
    state = torch.random.get_rng_state()
    for layer, seed in zip(layers, (0, 0, 1), strict=True):
        initialize(layer, "lecun", seed=seed)
    assert torch.equal(state, torch.random.get_rng_state())
    assert torch.equal(layers[0].weight, layers[1].weight)
    assert not torch.equal(layers[0].weight, layers[2].weight)


def test_batch_norms_and_biases_start_plain():
    network = CSNN(2)
    for p in network.parameters():
        nn.init.constant_(p, 3.0)
    initialize(network, "ikun_v1", seed=0)
    assert torch.all(network.conv_fc[1].weight == 1)
    assert torch.all(network.conv_fc[5].bias == 0)
    mlp = SpikingMLP((3, 2), bias=True)
    initialize(mlp, "ikun_v2", seed=0)
    assert torch.all(mlp.linears[0].bias == 0)


def test_ikun_beta_matches_its_closed_form():
    # The mean over [-1, 1] is atan(1) for 1/(1+x²), and atan(π)/π for ATan(alpha=2).
    assert_close(ikun_beta(), 1 / math.atan(1), rtol=1e-3, atol=0)
    assert_close(ikun_beta(ATan(2.0)), math.pi / math.atan(math.pi), rtol=2e-3, atol=0)
    assert round(ikun_beta(), 4) == 1.2737


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"scheme": "ikun_v3"}, "Did you mean ikun_v"),
        ({"scheme": "ikun_v1", "gain": 0.0}, "gain"),
        ({"scheme": "ikun_v1", "beta": "paper"}, "beta"),
    ],
)
def test_bad_input_is_named(settings, message):
    with pytest.raises(ValueError, match=message):
        initialize(nn.Linear(2, 2), seed=0, **settings)


def test_model_without_weights_is_refused():
    with pytest.raises(ValueError, match=r"no nn\.Linear"):
        initialize(nn.ReLU(), "ikun_v1", seed=0)
