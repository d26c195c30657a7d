"""The same network with another surrogate: the same spikes, other derivatives."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from torch import Tensor, nn

from landscape.results.left_out import DoesNotApply
from landscape.snn.adapters import library_of, spiking_neurons, surrogate_attribute
from landscape.snn.altered import Alteration
from landscape.snn.kernels import NeuronDynamics
from landscape.snn.neuron import SpikingNeuron
from landscape.snn.surrogate import Surrogate

_LIBRARIES = ("spikingjelly", "snntorch")


def exchanges(model: nn.Module, surrogate: Surrogate) -> list[Alteration]:
    """What gives all neurons of ``model`` this surrogate; nothing changes until they are applied.

    Neurons of other libraries fire by their own function of u = h - threshold, as before. σ' and
    σ'' come from ``surrogate.primitive``, which is added and, as a constant, taken off again: zero
    to the last bit.

    Raises
    ------
    DoesNotApply
        If a neuron's surrogate cannot be exchanged.
    """
    if reason := _obstacle(model):
        raise DoesNotApply(f"its surrogates cannot be exchanged: {reason}.")
    return [
        Alteration(neuron, name, _exchanged(getattr(neuron, name), surrogate))
        for neuron in spiking_neurons(model)
        if (name := _attribute(neuron)) is not None
    ]


def own_surrogate(model: nn.Module) -> Surrogate | None:
    """The one that all neurons have; None: they are not of this package, or have several."""
    found = {
        neuron.dynamics.surrogate if isinstance(neuron, SpikingNeuron) else None
        for neuron in spiking_neurons(model)
    }
    return found.pop() if len(found) == 1 else None


class _Exchanged(nn.Module):
    """u -> the spikes of ``fire``, differentiated as σ."""

    def __init__(self, fire: Callable[[Tensor], Tensor], surrogate: Surrogate) -> None:
        super().__init__()
        self.fire, self.surrogate = fire, surrogate

    def forward(self, u: Tensor) -> Tensor:
        smooth = self.surrogate.primitive(u)
        return self.fire(u.detach()).detach() + (smooth - smooth.detach())


def _exchanged(own: Any, surrogate: Surrogate) -> Any:
    if isinstance(own, NeuronDynamics):
        return replace(own, surrogate=surrogate)
    exchanged = _Exchanged(own, surrogate)
    # Modules take modules in the place of modules, and functions in the place of functions.
    return exchanged if isinstance(own, nn.Module) else exchanged.forward


def _attribute(neuron: nn.Module) -> str | None:
    """What holds the surrogate; None: the neuron only integrates, as some readouts do."""
    if isinstance(neuron, SpikingNeuron):
        return "dynamics"
    return surrogate_attribute(neuron) if library_of(neuron) in _LIBRARIES else None


def _obstacle(model: nn.Module) -> str:
    """Why they cannot be exchanged, as a clause; empty: they can."""
    neurons = spiking_neurons(model)
    if not any(_attribute(neuron) for neuron in neurons):
        return "no neurons of this package, SpikingJelly or snnTorch were found"
    for neuron in neurons:
        kind = type(neuron).__name__
        if not isinstance(neuron, SpikingNeuron) and library_of(neuron) not in _LIBRARIES:
            return f"{kind} is of a library whose surrogates are not known here"
        if _is_smooth(neuron):
            return f"{kind} gives its surrogate's primitive in place of spikes"
        if getattr(neuron, "backend", "torch") != "torch":
            return f"{kind} runs compiled (backend {neuron.backend!r}); set its backend to 'torch'"
        own = getattr(neuron, _attribute(neuron) or "", None)
        if isinstance(own, nn.Module) and any(True for _ in own.parameters()):
            return f"the surrogate of {kind} has parameters, which belong to θ"
    return ""


def _is_smooth(neuron: nn.Module) -> bool:
    if isinstance(neuron, SpikingNeuron):
        return neuron.dynamics.smooth
    return not getattr(getattr(neuron, "surrogate_function", None), "spiking", True)
