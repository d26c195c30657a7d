"""What a live optimiser is: its settings, its edge of stability, its preconditioner, its update."""

from pathlib import Path
from typing import Any

from torch import Tensor
from torch.optim import Optimizer

from landscape.checkpoint.optimizer_settings import Group, settings_or_reason
from landscape.checkpoint.optimizer_state import OptimizerState
from landscape.nests import describe
from landscape.objective.risk import EmpiricalRisk

_LIVE = Path("the optimiser in memory")  # in the place of a file, in messages


def live_state(optimizer: Optimizer, risk: EmpiricalRisk) -> OptimizerState:
    """The optimiser's settings and moments by the names of the parameters that it steps.

    Parameters of θ that it does not have are taken as never stepped.

    Raises
    ------
    ValueError
        If it is no optimiser, or steps none of these parameters.
    """
    if not isinstance(optimizer, Optimizer):
        raise ValueError(
            f"optimizer must be a torch.optim.Optimizer; got {describe(optimizer)}. Pass the one "
            "that steps the network, or None."
        )
    if hasattr(optimizer, "consolidate_state_dict"):
        raise ValueError(
            "the optimiser's state is spread over processes (ZeroRedundancyOptimizer): pass "
            "None, and its edge of stability and its update are left out."
        )
    names = {id(p): name for name, p in risk.parameters.items()}
    groups = [_numbers(group) for group in optimizer.param_groups]
    parameters: dict[str, tuple[Group, dict[str, Any]]] = {}
    for group in groups:
        for p in group["params"]:
            if id(p) in names:
                kept = {k: v for k, v in optimizer.state.get(p, {}).items() if v is not None}
                parameters[names[id(p)]] = (group, kept)
    if not parameters.keys() & set(risk.layout.names):
        raise ValueError(
            "the optimiser steps none of the network's parameters. Was it made of another network, "
            "or before its parameters were exchanged?"
        )
    for name in risk.layout.names:
        parameters.setdefault(name, (groups[0], {}))
    known, reason = settings_or_reason(groups)
    return OptimizerState(
        path=_LIVE,
        optimizer=known,
        reason=reason,
        parameters=parameters,
        unnamed="",
        read=lambda wanted: wanted,
    )


def _numbers(group: dict[str, Any]) -> dict[str, Any]:
    """Its settings, those that are tensors, such as a learning rate, as numbers."""
    return {
        key: float(value) if isinstance(value, Tensor) and value.numel() == 1 else value
        for key, value in group.items()
        if key != "initial_lr"
    }
