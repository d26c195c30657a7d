"""Layers of integrate-and-fire neurons, with and without leak, as modules without state."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from torch import Tensor, nn

from landscape.snn.function import pooled_spike_train, spike_train
from landscape.snn.kernels import NeuronDynamics
from landscape.snn.surrogate import ATan, Surrogate


class SpikingNeuron(nn.Module):
    """A layer of neurons: currents (T, ...) in, spikes (T, ...) out. Has no parameters, no state.

    Parameters
    ----------
    num_time_steps
        T.
    dynamics
        Threshold, leak, reset and surrogate; replaced as a whole to change them.
    """

    def __init__(self, num_time_steps: int, dynamics: NeuronDynamics) -> None:
        super().__init__()
        self.num_time_steps = num_time_steps
        self.dynamics = dynamics

    def forward(self, current: Tensor) -> Tensor:
        return spike_train(current, self.num_time_steps, self.dynamics)

    def pooled(self, current: Tensor) -> Tensor:
        """Spikes after a 2x2 max-pool, of currents (T, N, C, H, W)."""
        return pooled_spike_train(current, self.num_time_steps, self.dynamics)

    def extra_repr(self) -> str:
        return f"T={self.num_time_steps}, {self.dynamics}"


def integrate_and_fire(
    num_time_steps: int,
    *,
    threshold: float = 1.0,
    reset: float | None = 0.0,
    detach_reset: bool = False,
    surrogate: Surrogate | None = None,
) -> SpikingNeuron:
    """Return a layer of neurons without leak (SpikingJelly's ``IFNode``)."""
    dynamics = NeuronDynamics(
        threshold=threshold,
        reset=reset,
        detach_reset=detach_reset,
        surrogate=surrogate or ATan(),
    )
    return SpikingNeuron(num_time_steps, dynamics)


def leaky_integrate_and_fire(
    num_time_steps: int,
    *,
    tau: float = 2.0,
    decay_input: bool = True,
    threshold: float = 1.0,
    reset: float | None = 0.0,
    detach_reset: bool = False,
    surrogate: Surrogate | None = None,
) -> SpikingNeuron:
    """Return a layer of leaky neurons (SpikingJelly's ``LIFNode``)."""
    dynamics = NeuronDynamics(
        tau=tau,
        decay_input=decay_input,
        threshold=threshold,
        reset=reset,
        detach_reset=detach_reset,
        surrogate=surrogate or ATan(),
    )
    return SpikingNeuron(num_time_steps, dynamics)


@contextmanager
def altered_neurons(
    model: nn.Module, *, smooth: bool | None = None, slope_factor: float = 1.0
) -> Iterator[None]:
    """Evaluate ``model`` with altered neurons inside the block; parameters are untouched.

    Parameters
    ----------
    smooth
        True: the spike is the surrogate's primitive σ(u), so that the network is a smooth
        function of its parameters and its derivatives are genuine. None leaves it as it is.
    slope_factor
        Multiplies the slope of each surrogate.
    """
    neurons = [m for m in model.modules() if isinstance(m, SpikingNeuron)]
    if not neurons:
        raise ValueError(
            f"{type(model).__name__} holds no landscape.snn.SpikingNeuron, so there is nothing "
            "to alter: build it with CSNN, SpikingMLP or SpikingNeuron layers."
        )
    before = [neuron.dynamics for neuron in neurons]
    try:
        for neuron, dynamics in zip(neurons, before, strict=True):
            neuron.dynamics = replace(
                dynamics,
                smooth=dynamics.smooth if smooth is None else smooth,
                surrogate=dynamics.surrogate.with_slope(slope_factor),
            )
        yield
    finally:
        for neuron, dynamics in zip(neurons, before, strict=True):
            neuron.dynamics = dynamics
