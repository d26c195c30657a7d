import math

import pytest
import torch
from torch import nn
from torch.testing import assert_close

from landscape.snn import (
    CSNN,
    SCHEMES,
    ATan,
    NeuronDynamics,
    Sigmoid,
    SpikingMLP,
    SpikingNeuron,
    ikun_beta,
    initialise,
    spike_train,
)
from landscape.snn.behaviour import OwnNeurons
from landscape.snn.kernels import membranes
from landscape.snn.variance import mean_square_slope

NEURONS = SpikingNeuron(4, NeuronDynamics())
all_schemes = pytest.mark.parametrize("scheme", SCHEMES)


def weight_of(n_out, n_in, scheme, **settings):
    layer = nn.Linear(n_in, n_out).double()
    initialise(nn.Sequential(layer, NEURONS), scheme, **{"seed": 0} | settings)
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
    stds = initialise(network, scheme, seed=0, gain=0.7)
    assert set(stds) == {f"conv_fc.{i}.weight" for i in (0, 4, 9, 11)}
    for name, std in stds.items():
        W = network.get_parameter(name).detach()
        tolerance = 5 * math.sqrt(0.5 / W.numel())
        assert_close(float(W.square().mean().sqrt()), std, rtol=tolerance, atol=0)


def test_convolutions_count_their_kernel():
    conv = nn.Conv2d(3, 5, (2, 4))
    assert initialise(conv, "lecun_normal", seed=0)["weight"] == math.sqrt(1 / (3 * 8))
    assert initialise(conv, "xavier_normal", seed=0)["weight"] == math.sqrt(2 / (8 * (3 + 5)))


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


@pytest.mark.parametrize(("inputs", "outputs"), [(1, 16), (4, 4), (4, 8), (8, 4)])
def test_orthogonal_kernels_are_orthogonal_whatever_their_shape(inputs, outputs):
    conv = nn.Conv2d(inputs, outputs, 3, bias=False)
    stds = initialise(conv, "orthogonal", seed=0)
    rows = conv.weight.detach().flatten(1)
    singular = torch.linalg.svdvals(rows)
    assert_close(singular, torch.ones_like(singular))  # as torch.nn.init.orthogonal_ makes them
    assert_close(rows.square().mean().sqrt().item(), stds["weight"], rtol=1e-5, atol=0)


def test_seeds_give_different_draws_and_never_touch_the_global_generator():
    layers = [nn.Linear(6, 4) for _ in range(3)]
    state = torch.random.get_rng_state()
    for layer, seed in zip(layers, (0, 0, 1), strict=True):
        initialise(layer, "lecun", seed=seed)
    assert torch.equal(state, torch.random.get_rng_state())
    assert torch.equal(layers[0].weight, layers[1].weight)
    assert not torch.equal(layers[0].weight, layers[2].weight)


def test_batch_norms_and_biases_start_plain():
    network = CSNN(2)
    for p in network.parameters():
        nn.init.constant_(p, 3.0)
    initialise(network, "ikun_v1", seed=0)
    assert torch.all(network.conv_fc[1].weight == 1)
    assert torch.all(network.conv_fc[5].bias == 0)
    mlp = SpikingMLP((3, 2), bias=True)
    initialise(mlp, "ikun_v2", seed=0)
    assert torch.all(mlp.linears[0].bias == 0)


RATE = 0.15


def currents_of_a_wide_layer(scheme, n_in, n_out, rng):
    """Currents (T, 50, n_out) of a random layer, on inputs that spike independently at RATE."""
    network = SpikingMLP((n_in, n_out), dynamics=NeuronDynamics()).double()
    initialise(network, scheme, seed=3, rate=RATE)
    inputs = (torch.rand(4, 50, n_in, generator=rng) < RATE).double()
    return network.linears[0](inputs).detach()


def test_spikeinit_keeps_the_firing_rate(rng):
    currents = currents_of_a_wide_layer("spikeinit", 800, 400, rng)
    measured = float(spike_train(currents, 4, NeuronDynamics()).mean())
    # A neuron's rate scatters by about its mean, over 400 neurons: 5 % is one standard error.
    assert_close(measured, RATE, rtol=0.15, atol=0)


def test_fluctuation_driven_spread_is_half_the_threshold(rng):
    currents = currents_of_a_wide_layer("fluctuation_driven", 800, 400, rng)
    total = currents.sum(0)
    within = (total - total.mean(0)).square().mean() * 50 / 49  # over the 50 inputs
    assert_close(float(within.sqrt()), 0.5 * math.sqrt(1 - RATE), rtol=0.05, atol=0)
    overall = 0.5 * math.sqrt(1 + 3 * RATE)
    assert_close(float(total.square().mean().sqrt()), overall, rtol=0.05, atol=0)


def test_surrogate_backward_keeps_the_gradients_variance(rng):
    n_in, n_out = 400, 800
    currents = currents_of_a_wide_layer("surrogate_backward", n_in, n_out, rng)
    W = weight_of(n_out, n_in, "surrogate_backward", seed=3, rate=RATE)
    h = torch.stack(membranes(currents, 4, NeuronDynamics()))
    g = torch.randn(h.shape, generator=rng, dtype=h.dtype)
    back = (g * ATan().derivative(h - 1)) @ W  # through each step's spike, back to the inputs
    assert_close(float(back.square().mean()), 1.0, rtol=0.05, atol=0)


def test_batch_norm_fixes_the_currents_that_surrogate_backward_assumes():
    network = CSNN(4)
    stds = initialise(network, "surrogate_backward", seed=0)
    slope = mean_square_slope(1.0, 0.1, 4, OwnNeurons(NeuronDynamics()))
    assert_close(stds["conv_fc.4.weight"] ** 2, 1 / (4 * 9 * slope))


def test_surrogate_is_that_of_the_model_unless_given():
    network = CSNN(2, surrogate=Sigmoid())
    own = initialise(network, "ikun_v1", seed=0, beta="surrogate")
    given = initialise(network, "ikun_v1", seed=0, beta="surrogate", surrogate=ATan())
    ratio = own["conv_fc.0.weight"] / given["conv_fc.0.weight"]
    assert_close(ratio**2, ikun_beta(Sigmoid().derivative) / ikun_beta(ATan().derivative))


def test_ikun_beta_matches_its_closed_form():
    # The mean over [-1, 1] is atan(1) for 1/(1+x²), and atan(π)/π for ATan(alpha=2).
    assert_close(ikun_beta(), 1 / math.atan(1), rtol=1e-3, atol=0)
    assert_close(ikun_beta(ATan(2.0).derivative), math.pi / math.atan(math.pi), rtol=2e-3, atol=0)
    assert round(ikun_beta(), 4) == 1.2737


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"scheme": "ikun_v3"}, "Did you mean 'ikun_v"),
        ({"scheme": "ikun_v1", "gain": 0.0}, "gain"),
        ({"scheme": "ikun_v1", "beta": "paper"}, "beta"),
        ({"scheme": "spikeinit", "rate": 1.0}, "rate"),
        ({"scheme": "spikeinit", "rate": 0.9}, "Choose another rate"),
    ],
)
def test_bad_input_is_named(settings, message):
    with pytest.raises(ValueError, match=message):
        initialise(nn.Sequential(nn.Linear(2, 2), NEURONS), seed=0, **settings)


def test_model_without_weights_is_refused():
    with pytest.raises(ValueError, match=r"no linear, convolutional or recurrent"):
        initialise(nn.ReLU(), "ikun_v1", seed=0)
