"""Spikes of a network on its examples, layer by layer and step by step, and what they cost."""

from dataclasses import dataclass

from landscape.results.base import Result
from landscape.values import Estimate

SPIKES, ANALOG = "spikes", "analog"


@dataclass(frozen=True, kw_only=True)
class ActivityRow:
    """The spikes of one layer over all examples and time steps."""

    name: str
    num_neurons: int  # units of one example: each place of a convolution is a neuron
    firing_rate: Estimate  # spikes per neuron and time step, in [0, 1]; error over examples
    by_step: tuple[float, ...]  # the rate at each time step of a forward pass
    num_dead: int  # neurons that never fired
    num_saturated: int  # neurons that fired at every step of every example


@dataclass(frozen=True, kw_only=True)
class SynapseRow:
    """The operations of one layer of weights, a mean over examples."""

    name: str
    inputs: str  # spikes | analog
    operations: float  # per example: spikes times fan-out; of analog inputs all connections
    connections: float  # per example: operations if each input were one spike


@dataclass(frozen=True, kw_only=True)
class Firing:
    """How often the neurons of a network fire."""

    layers: tuple[ActivityRow, ...]  # in the order of their first calls
    firing_rate: Estimate  # over all neurons; error over examples

    @property
    def num_neurons(self) -> int:
        return sum(row.num_neurons for row in self.layers)

    @property
    def num_dead(self) -> int:
        return sum(row.num_dead for row in self.layers)

    @property
    def num_saturated(self) -> int:
        return sum(row.num_saturated for row in self.layers)


@dataclass(frozen=True, kw_only=True, eq=False)
class Activity(Result):
    """A spiking network's activity on the examples of its report."""

    firing: Firing
    synapses: tuple[SynapseRow, ...]  # in the order of their first calls
    uncounted: tuple[str, ...]  # layers with weights whose operations are not counted

    @property
    def synaptic_operations(self) -> float:
        """Per example: spikes times fan-out, over all layers that spikes come into."""
        return sum(row.operations for row in self.synapses if row.inputs == SPIKES)

    @property
    def macs(self) -> float:
        """Per example: multiplications and additions of the layers with analog inputs."""
        return sum(row.operations for row in self.synapses if row.inputs == ANALOG)
