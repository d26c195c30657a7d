"""Spikes counted while a network runs, against spikes computed layer by layer."""

import pytest
import snntorch
import torch
from spikingjelly.activation_based import neuron as jelly
from torch import nn

from landscape.results import DoesNotApply
from landscape.snn.activity import ActivityRecorder
from landscape.snn.adapters import reset_state
from landscape.snn.model import CSNN, SpikingMLP, conv_bn


def watched(network, *batches):
    recorder = ActivityRecorder(network)
    with recorder.watching(), torch.no_grad():
        for batch in batches:
            reset_state(network)
            network(batch)
    return recorder.firing()


def counts(spikes):
    """Rate, its error over examples, by step, dead and saturated of spikes (T, N, ...)."""
    spikes = spikes.detach().flatten(2).double()
    by_neuron, by_example = spikes.mean((0, 1)), spikes.mean((0, 2))
    return (
        pytest.approx(float(by_neuron.mean())),
        pytest.approx(float(by_example.std()) / len(by_example) ** 0.5),
        pytest.approx(spikes.mean((1, 2)).tolist()),
        int((by_neuron == 0).sum()),
        int((by_neuron == 1).sum()),
    )


def found(layer):
    rate = layer.firing_rate
    return rate.mean, rate.stderr, layer.by_step, layer.num_dead, layer.num_saturated


def test_each_call_of_shared_neurons_is_a_layer_and_batches_add_up(rng):
    network = SpikingMLP((6, 20, 5), 4)
    x = 3 * torch.rand(30, 6, generator=rng)
    hidden = network.neurons(network.linears[0](x[None]))
    out = network.neurons(network.linears[1](hidden))
    firing, parts = watched(network, x), watched(network, x[:7], x[7:])
    whole = firing.layers
    assert [layer.name for layer in whole] == ["neurons", "neurons (2)"]
    assert [layer.num_neurons for layer in whole] == [20, 5]
    assert [found(layer) for layer in whole] == [counts(hidden), counts(out)]
    assert [found(layer) for layer in parts.layers] == [counts(hidden), counts(out)]
    together = torch.cat([hidden, out], dim=2)
    assert (firing.num_neurons, firing.firing_rate.mean) == (25, counts(together)[0])
    assert firing.firing_rate.stderr == counts(together)[1]


def test_neurons_under_a_pool_are_counted_before_it(rng):
    network = CSNN(2, 3, image_size=8).eval()
    images = torch.rand(5, 1, 8, 8, generator=rng)
    with torch.no_grad():
        conv, bn, first = network.conv_fc[0], network.conv_fc[1], network.conv_fc[2]
        spikes = first(conv_bn(images, conv, bn)[None])
        before = network(images)
    layers = watched(network, images).layers
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
    for layer in watched(network, torch.zeros(4, 1, 8, 8)).layers:
        assert layer.firing_rate.mean == rate
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
    (layer,) = watched(network, torch.rand(6, 3, generator=rng)).layers
    assert (layer.name, layer.num_neurons) == ("neurons", 7)
    assert found(layer) == counts(network.seen)
    assert 0 < layer.firing_rate.mean < 1
    assert len(layer.by_step) == 5


def test_multi_step_neurons_have_time_first(rng):
    network = nn.Sequential(nn.Linear(3, 7), jelly.LIFNode(step_mode="m"))
    x = 5 * torch.rand(4, 6, 3, generator=rng)  # (T, N, features)
    (layer,) = watched(network, x).layers
    reset_state(network)
    assert found(layer) == counts(network(x))


def test_spikes_whose_number_changes_are_refused():
    network = nn.Sequential(jelly.IFNode(step_mode="m"))
    with pytest.raises(DoesNotApply, match="no one number"):
        watched(network, torch.ones(2, 3, 4), torch.ones(2, 3, 5))


def test_a_hand_made_network_fires_as_computed_by_hand():
    """Integrate-and-fire, threshold 1, hard reset: current 1/2 fires every second step."""
    network = SpikingMLP((1, 4), 4)
    with torch.no_grad():
        network.linears[0].weight.copy_(torch.tensor([[1.0], [0.5], [0.25], [0.0]]))
    (layer,) = watched(network, torch.ones(3, 1)).layers
    assert layer.by_step == (1 / 4, 2 / 4, 1 / 4, 3 / 4)
    assert layer.firing_rate.mean == 7 / 16
    assert layer.firing_rate.stderr == 0  # all examples are alike
    assert (layer.num_dead, layer.num_saturated) == (1, 1)


def test_neurons_that_are_never_called_have_no_rate():
    class Aside(nn.Module):
        def __init__(self):
            super().__init__()
            self.neurons = jelly.IFNode()

        def forward(self, x):
            return x

    with pytest.raises(DoesNotApply, match="none of its neurons was called"):
        watched(Aside(), torch.ones(2, 3))
