"""The same network with other spikes: smooth ones, or steeper surrogates."""

import copy
from dataclasses import replace
from typing import Any

from torch import nn

from landscape.snn.neuron import SpikingNeuron


def altered_network(
    model: nn.Module, *, smooth: bool | None = None, slope_factor: float = 1.0
) -> nn.Module:
    """A copy of ``model`` with altered neurons; the original and all parameters are untouched.

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
        If there are no spiking neurons whose surrogate is known, or no slope to multiply.
    """
    copied = copy.deepcopy(model)
    altered = [_alter(module, smooth, slope_factor) for module in copied.modules()]
    if not any(altered):
        raise ValueError(
            f"{type(model).__name__} has no spiking neurons with a known surrogate: it has no "
            "smooth twin, and no slope to multiply. Use --operator hessian or ggn; leave out "
            "--slopes."
        )
    return copied


def _alter(module: nn.Module, smooth: bool | None, slope_factor: float) -> bool:
    if isinstance(module, SpikingNeuron):
        module.dynamics = replace(
            module.dynamics,
            smooth=module.dynamics.smooth if smooth is None else smooth,
            surrogate=module.dynamics.surrogate.with_slope(slope_factor),
        )
        return True
    # SpikingJelly's surrogates carry their primitive and their slope with them.
    surrogate: Any = copy.deepcopy(getattr(module, "surrogate_function", None))
    if not hasattr(surrogate, "set_spiking_mode"):
        return False
    if smooth is not None:
        surrogate.set_spiking_mode(not smooth)
    if slope_factor != 1.0:
        if not hasattr(surrogate, "alpha"):
            raise ValueError(
                f"{type(surrogate).__name__} has no slope 'alpha' to multiply; use another "
                "surrogate for the slope sweep."
            )
        surrogate.alpha = surrogate.alpha * slope_factor
    module.surrogate_function = surrogate
    return True
