"""Spikes counted while a network runs, against spikes computed layer by layer."""

import pytest
import snntorch
import torch
from spikingjelly.activation_based import neuron as jelly
from torch import nn

from landscape.snn.activity import ActivityRecorder
from landscape.snn.adapters import reset_state
from landscape.snn.model import CSNN, SpikingMLP, conv_bn


def watched(network, *batches):
    recorder = ActivityRecorder(network)
    with recorder.watching(), torch.no_grad():
        for batch in batches:
            reset_state(network)
            network(batch)
    return recorder.layers()


def counts(spikes):
    """Rate, dead and saturated of spikes (T, N, ...)."""
    by_neuron = spikes.detach().flatten(2).flatten(0, 1).float().mean(0)
    return (
        pytest.approx(float(by_neuron.mean())),
        int((by_neuron == 0).sum()),
        int((by_neuron == 1).sum()),
    )


def found(layer):
    return layer.firing_rate, layer.num_dead, layer.num_saturated


def test_each_call_of_shared_neurons_is_a_layer_and_batches_add_up(rng):
    network = SpikingMLP((6, 20, 5), 4)
    x = 3 * torch.rand(30, 6, generator=rng)
    hidden = network.neurons(network.linears[0](x[None]))
    out = network.neurons(network.linears[1](hidden))
    whole, parts = watched(network, x), watched(network, x[:7], x[7:])
    assert [layer.name for layer in whole] == ["neurons", "neurons (2)"]
    assert [layer.num_neurons for layer in whole] == [20, 5]
    assert [found(layer) for layer in whole] == [counts(hidden), counts(out)]
    assert parts == whole


def test_neurons_under_a_pool_are_counted_before_it(rng):
    network = CSNN(2, 3, image_size=8).eval()
    images = torch.rand(5, 1, 8, 8, generator=rng)
    with torch.no_grad():
        conv, bn, first = network.conv_fc[0], network.conv_fc[1], network.conv_fc[2]
        spikes = first(conv_bn(images, conv, bn)[None])
        before = network(images)
    layers = watched(network, images)
    assert [layer.num_neurons for layer in layers] == [2 * 64, 2 * 16, 32, 10]
    assert found(layers[0]) == counts(spikes)
    # Nothing of the recorder is left in the network.
    assert "pooled" not in vars(first)
    assert not first._forward_hooks
    with torch.no_grad():
        assert torch.equal(network(images), before)


@pytest.mark.parametrize(("threshold", "rate"), [(-1e3, 1.0), (1e6, 0.0)])
def test_a_threshold_that_all_or_none_reach(threshold, rate, rng):
    network = CSNN(2, 3, threshold=threshold, image_size=8).eval()
    for layer in watched(network, torch.zeros(4, 1, 8, 8)):
        assert layer.firing_rate == rate
        assert layer.num_saturated == rate * layer.num_neurons
        assert layer.num_dead == (1 - rate) * layer.num_neurons


class Steps(nn.Module):
    """Single-step neurons, called once a time step."""

    def __init__(self, neurons):
        super().__init__()
        self.fc, self.neurons = nn.Linear(3, 7, bias=False), neurons

    def forward(self, x):
        spikes = [self.neurons(self.fc(x)) for _ in range(5)]
        self.seen = torch.stack(spikes)
        return self.seen.mean(0)


@pytest.mark.parametrize("library", ["spikingjelly", "snntorch"])
def test_calls_of_single_step_neurons_are_time_steps(library, rng):
    neurons = jelly.IFNode() if library == "spikingjelly" else snntorch.Leaky(0.9, init_hidden=True)
    network = Steps(neurons)
    network.fc.weight.data = torch.randn(7, 3, generator=rng)
    (layer,) = watched(network, torch.rand(6, 3, generator=rng))
    assert (layer.name, layer.num_neurons) == ("neurons", 7)
    assert found(layer) == counts(network.seen)
    assert 0 < layer.firing_rate < 1


def test_multi_step_neurons_have_time_first(rng):
    network = nn.Sequential(nn.Linear(3, 7), jelly.LIFNode(step_mode="m"))
    x = 5 * torch.rand(4, 6, 3, generator=rng)  # (T, N, features)
    (layer,) = watched(network, x)
    reset_state(network)
    assert found(layer) == counts(network(x))


def test_spikes_whose_number_changes_are_refused():
    network = nn.Sequential(jelly.IFNode(step_mode="m"))
    with pytest.raises(ValueError, match="no one number"):
        watched(network, torch.ones(2, 3, 4), torch.ones(2, 3, 5))
