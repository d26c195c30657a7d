"""Operations of layers of weights, against counts by hand and by the layers' own gradients."""

import pytest
import torch
from spikingjelly.activation_based import layer as jelly_layers
from spikingjelly.activation_based import neuron as jelly
from torch import nn

from landscape.snn.adapters import reset_state
from landscape.snn.model import CSNN, SpikingMLP
from landscape.snn.synapses import SynapseRecorder


def operations(network, *batches):
    """Rows by name, and what is not counted."""
    recorder = SynapseRecorder(network)
    with recorder.watching(), torch.no_grad():
        for batch in batches:
            reset_state(network)
            network(batch)
    rows = recorder.synapses(sum(map(len, batches)))
    return {row.name: row for row in rows}, recorder.uncounted


def numbers(row):
    return row.inputs, row.operations, row.connections


def test_a_worked_example():
    """Two neurons of 4 steps fire 4 and 2 times; each goes to 3 others: 6 spikes x 3 = 18."""
    network = SpikingMLP((5, 2, 3), 4)
    with torch.no_grad():
        network.linears[0].weight.copy_(torch.tensor([[0.2] * 5, [0.1] * 5]))
    rows, uncounted = operations(network, torch.ones(7, 5) + 1e-3)
    # The analog input is the same at all steps and multiplied once: 5 x 2.
    assert numbers(rows["linears.0"]) == ("analog", 10, 10)
    assert numbers(rows["linears.1"]) == ("spikes", 18, 4 * 2 * 3)
    assert uncounted == ()


def by_fan_out(layer, x):
    """Σ over nonzero inputs of the number of outputs that depend on each."""
    total = 0
    for index in x.nonzero():
        alone = torch.zeros_like(x)
        alone[tuple(index)] = 1
        total += int(((layer(alone) - layer(torch.zeros_like(x))).abs() > 1e-6).sum())
    return total


@pytest.mark.parametrize(
    "layer",
    [
        nn.Conv2d(2, 4, 3, padding=1),
        nn.Conv2d(2, 4, 3, stride=2, groups=2, bias=False),
        nn.Conv2d(2, 3, 2, dilation=2, padding="same", padding_mode="circular"),
        nn.Linear(6, 5),
    ],
)
def test_each_spike_counts_the_outputs_that_depend_on_it(layer, rng):
    x = (torch.rand(3, 2, 5, 6, generator=rng) < 0.3).float()
    rows, _ = operations(nn.Sequential(layer), x)
    assert numbers(rows["0"]) == (
        "spikes",
        pytest.approx(by_fan_out(layer, x) / 3),
        pytest.approx(by_fan_out(layer, torch.ones_like(x)) / 3),
    )


def test_a_fused_convolution_is_counted_as_the_modules_would_be(rng):
    """CSNN's pooled spikes, by the network's own parts: conv_bn does not call its convolution."""
    network = CSNN(2, 3, image_size=8).eval()
    images = torch.rand(5, 1, 8, 8, generator=rng)
    rows, uncounted = operations(network, images[:2], images[2:])
    assert list(rows) == [f"conv_fc.{i}" for i in (0, 4, 9, 11)]
    assert uncounted == ()
    assert [row.inputs for row in rows.values()] == ["analog", "spikes", "spikes", "spikes"]
    conv1, conv2, fc1 = (network.conv_fc[i] for i in (0, 4, 9))
    assert rows["conv_fc.0"].operations == by_fan_out(conv1, torch.ones(1, 1, 8, 8))
    every = torch.ones(1, 2, 4, 4)
    assert rows["conv_fc.4"].connections == 3 * by_fan_out(conv2, every)
    seen = []
    hook = fc1.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    with torch.no_grad():
        network(images)
    hook.remove()
    assert rows["conv_fc.9"].operations == float(seen[0].sum()) * 32 / 5


def test_sums_of_spikes_are_spikes_and_means_are_not():
    class Residual(nn.Module):
        def __init__(self):
            super().__init__()
            self.stem, self.sums = nn.Linear(2, 2, bias=False), nn.Linear(2, 3, bias=False)
            self.means, self.norm = nn.Linear(2, 1), nn.Bilinear(2, 2, 1)
            self.neurons = jelly.IFNode()

        def forward(self, x):
            spikes = self.neurons(self.stem(x))
            return self.sums(spikes + spikes).sum() + self.means(spikes / 2).sum()

    network = Residual()
    with torch.no_grad():
        network.stem.weight.copy_(torch.eye(2))
    rows, uncounted = operations(network, torch.tensor([[2.0, 0.0], [2.0, 2.0]]))
    assert numbers(rows["stem"]) == ("analog", 4, 4)  # whole numbers, but the data's
    assert numbers(rows["sums"]) == ("spikes", 2 * 3 * 3 / 2, 6)
    assert numbers(rows["means"]) == ("analog", 2, 2)
    assert uncounted == ("norm",)


def test_layers_that_take_all_steps_at_once(rng):
    conv = jelly_layers.Conv2d(1, 2, 3, step_mode="m")
    spikes = (torch.rand(4, 5, 1, 6, 6, generator=rng) < 0.5).float()  # (T, N, C, H, W)
    rows, _ = operations(nn.Sequential(conv), spikes)
    plain = nn.Conv2d(1, 2, 3)
    by_step = sum(by_fan_out(plain, step) for step in spikes)
    assert rows["0"].operations == pytest.approx(by_step / 4)  # of len(spikes) "examples"
