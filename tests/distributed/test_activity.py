"""Spikes counted by several processes, each on its examples, are those of one."""

import pytest
import torch

from landscape.distributed import rank, world_size
from landscape.results import DoesNotApply
from landscape.snn.activity import ActivityRecorder
from landscape.snn.model import SpikingMLP
from landscape.snn.synapses import SynapseRecorder

pytestmark = pytest.mark.dist


def counted(num_examples):
    """Firing and synapses on this process's examples of so many; or why there are none."""
    rng = torch.Generator().manual_seed(0)
    network, x = SpikingMLP((6, 9, 4), 4), 3 * torch.rand(num_examples, 6, generator=rng)
    with torch.no_grad():
        for p in network.parameters():
            p.copy_(torch.randn(p.shape, generator=rng))
    neurons, weights = ActivityRecorder(network), SynapseRecorder(network)
    with neurons.watching(), weights.watching(), torch.no_grad():
        if len(own := x[rank() :: world_size()]):
            network(own)
    try:
        return neurons.firing(), weights.synapses(num_examples)
    except DoesNotApply as error:
        return str(error)


def test_two_processes_count_what_one_does(together):
    (alone, synapses), found = counted(13), together(2, counted, 13)
    for firing, rows in found:
        assert rows == synapses
        assert firing.firing_rate.mean == pytest.approx(alone.firing_rate.mean, rel=1e-12)
        for row, one in zip(firing.layers, alone.layers, strict=True):
            assert (row.by_step, row.num_dead, row.num_saturated) == (
                one.by_step,
                one.num_dead,
                one.num_saturated,
            )
            assert row.firing_rate.stderr == pytest.approx(one.firing_rate.stderr, rel=1e-12)


def test_a_process_without_examples_is_told_by_all(together):
    assert all("some processes have no example" in text for text in together(3, counted, 2))
