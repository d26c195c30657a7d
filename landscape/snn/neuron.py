"""Layers of integrate-and-fire neurons, with and without leak, as modules without state."""

from torch import Tensor, nn

from landscape.snn.function import pooled_spike_train, spike_train
from landscape.snn.kernels import NeuronDynamics


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
