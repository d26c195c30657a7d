"""The same network with other spikes: smooth ones, or steeper surrogates."""

import copy
from dataclasses import replace
from typing import Any, NamedTuple

from torch import nn

from landscape.snn.adapters import spiking_neurons, surrogate_attribute
from landscape.snn.neuron import SpikingNeuron

_SWITCH = "set_spiking_mode"  # of SpikingJelly's surrogates, which carry their primitive


def has_smooth_twin(model: nn.Module) -> bool:
    """Whether ``model`` spikes, and the surrogate's primitive is known for all its spikes.

    It is not for snnTorch's, nor for a function of the user's in place of a library's surrogate.
    """
    known = [_has_primitive(neuron) for neuron in spiking_neurons(model) if _spikes(neuron)]
    return bool(known) and all(known)


def _spikes(neuron: nn.Module) -> bool:
    return isinstance(neuron, SpikingNeuron) or surrogate_attribute(neuron) is not None


def _has_primitive(neuron: nn.Module) -> bool:
    surrogate = getattr(neuron, "surrogate_function", None)
    return isinstance(neuron, SpikingNeuron) or hasattr(surrogate, _SWITCH)


class Alteration(NamedTuple):
    """Another value for an attribute of a module."""

    module: nn.Module
    name: str
    value: Any

    def apply(self) -> None:
        """Set it."""
        setattr(self.module, self.name, self.value)


def alterations(
    model: nn.Module, *, smooth: bool | None = None, slope_factor: float = 1.0
) -> list[Alteration]:
    """What turns the neurons of ``model`` into others; nothing is changed until they are applied.

    Parameters
    ----------
    smooth
        True: the spike is the surrogate's primitive σ(u), so that the network is a smooth
        function of its parameters and its derivatives are genuine. None leaves it as it is.
    slope_factor
        Multiplies the slope of each surrogate.

    Raises
    ------
    ValueError
        If there are no spiking neurons, one of them has a surrogate whose primitive is not known,
        or there is no slope to multiply.
    """
    if not has_smooth_twin(model):
        raise ValueError(
            f"{type(model).__name__} has no spiking neurons, or some whose surrogate is not known: "
            "it has no smooth twin, and no slope to multiply. Use the operators hessian and ggn; "
            "leave out --slopes."
        )
    found = (_alteration(module, smooth, slope_factor) for module in model.modules())
    return [alteration for alteration in found if alteration is not None]


def _alteration(module: nn.Module, smooth: bool | None, slope_factor: float) -> Alteration | None:
    if isinstance(module, SpikingNeuron):
        dynamics = replace(
            module.dynamics,
            smooth=module.dynamics.smooth if smooth is None else smooth,
            surrogate=module.dynamics.surrogate.with_slope(slope_factor),
        )
        return Alteration(module, "dynamics", dynamics)
    # SpikingJelly's surrogates carry their primitive and their slope with them.
    surrogate: Any = copy.deepcopy(getattr(module, "surrogate_function", None))
    if not hasattr(surrogate, _SWITCH):
        return None
    if smooth is not None:
        surrogate.set_spiking_mode(not smooth)
    if slope_factor != 1.0:
        if not hasattr(surrogate, "alpha"):
            raise ValueError(
                f"{type(surrogate).__name__} has no slope 'alpha' to multiply; use another "
                "surrogate for the slope sweep."
            )
        surrogate.alpha = surrogate.alpha * slope_factor
    return Alteration(module, "surrogate_function", surrogate)
