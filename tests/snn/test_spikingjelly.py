"""Equality with SpikingJelly, an independent implementation of the same neurons and network."""

import itertools

import pytest
import torch
from neurons import altered_network
from torch import nn
from torch.autograd import grad
from torch.testing import assert_close

from landscape.snn import (
    CSNN,
    ATan,
    Erf,
    FastSigmoid,
    NeuronDynamics,
    Sigmoid,
    Triangle,
    initialise,
    spike_train,
)

pytest.importorskip("spikingjelly")
from spikingjelly.activation_based import functional, layer, neuron, surrogate

T = 4
CASES = [
    case
    for case in itertools.product((None, 1.7), (True, False), (0.0, 0.2, None), (True, False))
    if case[0] or case[1]
]


@pytest.mark.parametrize(("tau", "decay_input", "reset", "detach"), CASES)
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_neuron_forward_gradient_and_double_backward(tau, decay_input, reset, detach, dtype, rng):
    settings = {
        "v_threshold": 0.7,
        "v_reset": reset,
        "detach_reset": detach,
        "surrogate_function": surrogate.ATan(),
        "step_mode": "m",
    }
    if tau is None:
        theirs = neuron.IFNode(**settings)
    else:
        theirs = neuron.LIFNode(tau=tau, decay_input=decay_input, **settings)
    dynamics = NeuronDynamics(
        tau=tau, decay_input=decay_input, threshold=0.7, reset=reset, detach_reset=detach
    )

    x = torch.randn(T, 300, generator=rng, dtype=dtype).requires_grad_()
    w = torch.randn(T, 300, generator=rng, dtype=dtype).requires_grad_()
    c = torch.randn(T, 300, generator=rng, dtype=dtype)
    results = []
    for layer_ in (theirs, lambda x: spike_train(x, T, dynamics)):
        spikes = layer_(x)
        (g,) = grad((spikes * w).sum(), x, create_graph=True)
        results.append((spikes, g, *grad((g * c).sum(), (x, w))))
    assert torch.equal(results[0][0], results[1][0])
    # A dozen operations a time step, on numbers of size up to σ''(u) T ≈ 10 times the inputs.
    assert_close(*results, rtol=0, atol=400 * torch.finfo(dtype).eps)


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (ATan(), surrogate.ATan()),
        (Sigmoid(), surrogate.Sigmoid()),
        (Erf(), surrogate.Erf()),
        (FastSigmoid(), surrogate.SoftSign()),
        (Triangle(), surrogate.PiecewiseQuadratic()),
    ],
    ids=lambda s: str(s) if hasattr(s, "with_slope") else "",
)
def test_surrogates_are_theirs_with_their_default_slopes(ours, theirs, rng):
    u = torch.randn(200, generator=rng, dtype=torch.float64).requires_grad_()
    (first,) = grad(theirs(u).sum(), u, create_graph=True)
    (second,) = grad(first.sum(), u)
    assert_close(ours.derivative(u), first)
    assert_close(ours.second_derivative(u), second)
    theirs.set_spiking_mode(False)
    assert_close(ours.primitive(u.detach()), theirs(u.detach().clone()))


def spikingjelly_csnn(channels, size):
    def IF():
        return neuron.IFNode(surrogate_function=surrogate.ATan())

    stack = nn.Sequential(
        layer.Conv2d(1, channels, 3, padding=1, bias=False),
        layer.BatchNorm2d(channels),
        IF(),
        layer.MaxPool2d(2, 2),
        layer.Conv2d(channels, channels, 3, padding=1, bias=False),
        layer.BatchNorm2d(channels),
        IF(),
        layer.MaxPool2d(2, 2),
        layer.Flatten(),
        layer.Linear(channels * (size // 4) ** 2, channels * 16, bias=False),
        IF(),
        layer.Linear(channels * 16, 10, bias=False),
        IF(),
    )
    functional.set_step_mode(stack, "m")
    return nn.ModuleDict({"conv_fc": stack})


def network_and_theirs(channels, size, *, train):
    """Both networks in float64 with the same weights, exchanged through the state dict."""
    theirs = spikingjelly_csnn(channels, size).double()
    ours = CSNN(channels, T, image_size=size).double()
    initialise(ours, "kaiming_normal", seed=0, gain=1.5)
    rng = torch.Generator().manual_seed(1)
    for name, tensor in ours.state_dict().items():
        if tensor.ndim == 1:  # batch norm: anything but its trivial start
            tensor.copy_(torch.rand(tensor.shape, generator=rng) + 0.5)
            assert "conv_fc.1." in name or "conv_fc.5." in name
    theirs.load_state_dict(ours.state_dict(), strict=True)
    return ours.train(train), theirs.train(train)


def run_theirs(network, images):
    functional.reset_net(network)
    return network["conv_fc"](images.unsqueeze(0).repeat(T, 1, 1, 1, 1)).mean(0)


def flat(tensors):
    return torch.cat([t.flatten() for t in tensors])


@pytest.mark.parametrize("train", [False, True], ids=["eval", "train"])
def test_csnn_equals_the_network_built_from_their_layers(train, rng):
    ours, theirs = network_and_theirs(2, 8, train=train)
    images = torch.rand(6, 1, 8, 8, generator=rng, dtype=torch.float64)
    labels = torch.eye(10, dtype=torch.float64)[:6]
    v = [torch.randn(p.shape, generator=rng, dtype=p.dtype) for p in ours.parameters()]

    results = []
    for network, run in ((ours, ours), (theirs, lambda x: run_theirs(theirs, x))):
        rates = run(images)
        theta = list(network.parameters())
        g = grad(((rates - labels) ** 2).mean(), theta, create_graph=True)
        results.append((rates, flat(g).detach(), flat(grad(g, theta, v))))
    (rates, g, hv), (their_rates, their_g, their_hv) = results
    assert rates.unique().numel() > 2
    assert torch.equal(rates, their_rates)
    eps = torch.finfo(torch.float64).eps
    assert_close(g, their_g, rtol=0, atol=100 * eps * float(g.abs().max()))
    assert_close(hv, their_hv, rtol=0, atol=100 * eps * float(hv.abs().max()))
    for name, tensor in theirs.state_dict().items():  # running statistics too
        assert_close(ours.state_dict()[name], tensor, rtol=1e-13, atol=0)


def test_smooth_csnn_equals_theirs_with_primitives_in_place_of_spikes(rng):
    ours, theirs = network_and_theirs(2, 8, train=False)
    images = torch.rand(6, 1, 8, 8, generator=rng, dtype=torch.float64)
    smooth, their_smooth = (altered_network(network, smooth=True) for network in (ours, theirs))
    surrogates = [s for s in their_smooth.modules() if hasattr(s, "set_spiking_mode")]
    assert not any(s.spiking for s in surrogates)
    assert_close(smooth(images), run_theirs(their_smooth, images), rtol=1e-13, atol=0)
    assert torch.equal(run_theirs(theirs, images), ours(images))  # the originals fire as before
