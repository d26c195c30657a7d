"""The risk of a spiking network's smooth twin, and of the same network with steeper surrogates."""

import copy
from dataclasses import replace
from typing import Any

from torch import nn

from landscape.curvature.risk import EmpiricalRisk
from landscape.snn.neuron import SpikingNeuron


def smooth_risk(risk: EmpiricalRisk) -> EmpiricalRisk:
    """The risk of the network whose spikes are the surrogate's primitive σ(u) instead of H(u).

    Its Hessian is genuine, but that of another function: its loss and accuracy differ.

    Raises
    ------
    ValueError
        If the network has no spiking neurons whose primitive is known.
    """
    return altered_risk(risk, smooth=True)


def altered_risk(
    risk: EmpiricalRisk, *, smooth: bool | None = None, slope_factor: float = 1.0
) -> EmpiricalRisk:
    """The same risk on a copy of the network with altered neurons; the original is untouched.

    Parameters
    ----------
    smooth
        Whether spikes are the surrogate's primitive; None: as they are.
    slope_factor
        Multiplies the slope of each surrogate.
    """
    model = copy.deepcopy(risk.model)
    altered = [_alter(module, smooth, slope_factor) for module in model.modules()]
    if not any(altered):
        raise ValueError(
            f"{type(model).__name__} has no spiking neurons with a known surrogate: it has no "
            "smooth twin, and no slope to multiply. Use --operator hessian or ggn; leave out "
            "--slopes."
        )
    return EmpiricalRisk(
        model, risk.loss, risk.batches, names=risk.layout.names, batch_norm=risk.batch_norm
    )


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
