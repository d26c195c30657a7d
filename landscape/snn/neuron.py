"""Layers of integrate-and-fire neurons, with and without leak, as modules without state."""

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
