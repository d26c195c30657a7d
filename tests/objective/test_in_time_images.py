"""An axis of length one behind the examples is that of images of one channel, and no frame."""

import pytest
import torch
import torch.nn.functional as F
from in_time import N, NFirst, Step, T, dense, jelly, matrix_of
from torch import nn

import landscape
from landscape.snn.adapters import reset_state

ALONE = {"T-first": {"layout": "T-first"}, "none": {}}


@pytest.fixture
def images(rng):
    """Of one channel and 1 × 3 pixels, (N, 1, 1, 3)."""
    return torch.randn(N, 1, 1, 3, generator=rng, dtype=torch.float64), torch.arange(N) % 3


def flattened(mode, rng):
    """Fully connected, behind a layer that makes vectors of images."""
    from spikingjelly.activation_based import functional, layer

    if mode == "N-first":
        return nn.Sequential(nn.Flatten(2), NFirst(rng))
    if mode == "snntorch":
        return nn.Sequential(nn.Flatten(), Step(rng))
    net = nn.Sequential(layer.Flatten(), *jelly(mode, rng))
    functional.set_step_mode(net, mode)
    return net


def hessian(net, images, **said):
    return landscape.hessian(net, "cross-entropy", images, dtype="float64", readout="rate", **said)


@pytest.mark.parametrize("mode", ["s", "snntorch", "N-first"])
@pytest.mark.parametrize("said", ALONE.values(), ids=ALONE)
def test_a_single_step_is_not_taken_for_the_whole_of_time(mode, said, images, rng):
    """Unsaid is how often it is called: it was called once, for the one frame of such a film."""
    if mode == "N-first" and said:
        said = {"layout": mode}
    with pytest.raises(ValueError, match=r"(?s)time.*--time-steps T"):
        hessian(flattened(mode, rng), images, **said)


@pytest.mark.parametrize("said", ALONE.values(), ids=ALONE)
def test_nor_is_a_multi_step_network_given_one_step(said, images, rng):
    with pytest.raises(ValueError, match=r"(?s)examples .*for time steps.*--time-steps T"):
        hessian(flattened("m", rng), images, **said)


@pytest.mark.parametrize("mode", ["s", "m", "snntorch", "N-first"])
def test_images_are_repeated(mode, images, rng):
    net, (x, y) = flattened(mode, rng), images
    reset_state(net)
    many = [x] * T
    if mode == "N-first":
        rates = net(torch.stack(many, 1)).mean(1)
    elif mode == "m":
        rates = net(torch.stack(many)).mean(0)
    else:
        steps = [net(x) for x in many]
        rates = torch.stack([s[0] if isinstance(s, tuple) else s for s in steps]).mean(0)
    theirs = dense(net, F.cross_entropy(rates, y))
    ours = matrix_of(hessian(net, images, time_steps=T))
    assert (ours - theirs).norm() <= 1e-6 * theirs.norm()  # snnTorch's spikes are float32


def test_a_film_of_one_frame_that_is_no_image_is_one(images, rng):
    """A convolution takes what is behind the axis alone for an image."""
    from spikingjelly.activation_based import functional, layer, neuron

    x, y = images
    net = nn.Sequential(layer.Conv2d(1, 3, (1, 3), bias=False), neuron.IFNode(), layer.Flatten())
    functional.set_step_mode(net.double(), "m")
    theirs = dense(net, F.cross_entropy(net(x[None]).mean(0), y))
    ours = matrix_of(hessian(net, (x[:, None], y), layout="T-first"))
    torch.testing.assert_close(ours, theirs)
