"""Which of torch.optim's optimisers a saved state is of, its settings, and its preconditioner.

A state does not name its optimiser: the settings that its groups have tell which it is.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from torch import Tensor

from landscape.catalog.optimizers import Optimizer

Group = Mapping[str, Any]  # settings of some of the parameters, numbers as Python has them
Moments = Mapping[str, Tensor]  # of one parameter: its own shape, the step's ()


@dataclass(frozen=True)
class Family:
    """Optimisers whose groups have the same settings.

    Attributes
    ----------
    settings
        Those that its groups have, and no other optimiser's.
    moments
        Which of the tensors kept of a parameter make the preconditioner; none: there is none.
    momenta
        Those that its next step is made of beside these; some may not be there.
    preconditioner
        The diagonal of P, in the shape of the parameter.
    update
        u of its next step θ - lr u on this gradient, with P as it stands; decay of the weights
        beside the step is not in it.
    optimizer
        What the edge of stability depends on.
    """

    settings: frozenset[str]
    moments: Callable[[Group], tuple[str, ...]]
    momenta: tuple[str, ...]
    preconditioner: Callable[[Group, Moments], Tensor]
    update: Callable[[Group, Moments, Tensor], Tensor]
    optimizer: Callable[[Group], dict[str, Any]]


def family_of(group: Group) -> Family | None:
    """The family of a group by its settings; None for other optimisers."""
    own = {key for key in group if isinstance(key, str)}
    return next((f for f in _FAMILIES if f.settings <= own), None)


def settings_or_reason(groups: Sequence[Group]) -> tuple[Optimizer | None, str]:
    """What :func:`settings_of` finds, or why it finds nothing."""
    try:
        return settings_of(groups), ""
    except ValueError as error:
        return None, str(error)


def settings_of(groups: Sequence[Group]) -> Optimizer:
    """The optimiser of all groups, which may differ in weight decay: of that the largest counts.

    Raises
    ------
    ValueError
        If it is not known, or its groups make steps of different kinds.
    """
    family = family_of(groups[0])
    if family is None or any(g.get("maximize") for g in groups):
        raise ValueError(
            "its optimiser is none of those that are known here: SGD, Adam, AdamW and RMSprop of "
            "torch.optim, which minimise"
        )
    found = [
        Optimizer(
            learning_rate=_number(group, "lr", 0, 1e6),
            rate_of="in the optimiser's state",
            weight_decay=_number(group, "weight_decay", 0, 1e6),
            **_named(family, group),
        )
        for group in groups
    ]
    if len({replace(o, weight_decay=0.0) for o in found}) > 1:
        raise ValueError(
            "its optimiser has groups of parameters with different learning rates or momenta, "
            "which have no common edge of stability"
        )
    return max(found, key=lambda o: o.weight_decay)


def _named(family: Family, group: Group) -> dict[str, Any]:
    """What the edge depends on.

    Sharpness-aware minimisation keeps its radius ρ in the groups of the optimiser that it wraps.
    """
    about = family.optimizer(group)
    return about | {"kind": f"sam-{about['kind']}"} if group.get("rho") else about


def _of_sgd(group: Group) -> dict[str, Any]:
    return {
        "kind": "sgd",
        "momentum": _number(group, "momentum", 0, 1),
        "dampening": _number(group, "dampening", 0, 1),
        "nesterov": bool(group["nesterov"]),
    }


def _of_adam(group: Group) -> dict[str, Any]:
    decoupled = group.get("decoupled_weight_decay")
    if decoupled is None and _number(group, "weight_decay", 0, 1e6) > 0:
        raise ValueError(
            "its optimiser has weight decay, and was saved by a version of PyTorch that does not "
            "say whether it is Adam or AdamW"
        )
    return {"kind": "adamw" if decoupled else "adam", "momentum": _betas(group)[0]}


def _of_rmsprop(group: Group) -> dict[str, Any]:
    return {"kind": "rmsprop", "momentum": _number(group, "momentum", 0, 1)}


def _adam_preconditioner(group: Group, kept: Moments) -> Tensor:
    b1, b2 = _betas(group)
    (moment,), t = _adam_moments(group), float(kept["step"])
    if not t >= 1:
        raise ValueError(f"its optimiser has made {t:g} steps")
    root: Tensor = (kept[moment] / (1 - b2**t)).sqrt()
    P: Tensor = (root + _number(group, "eps", 0, 1e6)) * (1 - b1**t)
    return P


def _rmsprop_preconditioner(group: Group, kept: Moments) -> Tensor:
    v = kept["square_avg"]
    if group["centered"]:
        v = v - kept["grad_avg"].square()
    return v.sqrt() + _number(group, "eps", 0, 1e6)


def _adam_moments(group: Group) -> tuple[str, ...]:
    return ("max_exp_avg_sq",) if group["amsgrad"] else ("exp_avg_sq",)


def _rmsprop_moments(group: Group) -> tuple[str, ...]:
    return ("square_avg", "grad_avg") if group["centered"] else ("square_avg",)


def _no_preconditioner(group: Group, kept: Moments) -> Tensor:
    raise ValueError("its optimiser has no preconditioner: use another --scale")


def _sgd_update(group: Group, kept: Moments, gradient: Tensor) -> Tensor:
    m, d = group["momentum"], group["dampening"]
    before = kept.get("momentum_buffer")
    moved = gradient if before is None else m * before + (1 - d) * gradient
    return gradient + m * moved if group["nesterov"] else moved


def _adam_update(group: Group, kept: Moments, gradient: Tensor) -> Tensor:
    b1, _ = _betas(group)
    moved: Tensor = b1 * kept["exp_avg"] + (1 - b1) * gradient
    return moved / _adam_preconditioner(group, kept)


def _rmsprop_update(group: Group, kept: Moments, gradient: Tensor) -> Tensor:
    scaled = gradient / _rmsprop_preconditioner(group, kept)
    before = kept.get("momentum_buffer")
    return scaled if before is None else group["momentum"] * before + scaled


def _betas(group: Group) -> tuple[float, float]:
    betas = group["betas"]
    if not isinstance(betas, tuple | list) or len(betas) != 2:
        raise ValueError("its optimiser's betas are no pair of numbers")
    b1, b2 = (_number({"betas": beta}, "betas", 0, 1) for beta in betas)
    return b1, b2


def _number(group: Group, key: str, low: float, high: float) -> float:
    """A setting in [low, high]; below 1 where that is the upper end."""
    value = group.get(key)
    if not isinstance(value, int | float) or not low <= value <= high or value == high == 1:
        raise ValueError(f"its optimiser's setting '{key}' is no number from {low:g} to {high:g}")
    return float(value)


_FAMILIES = (
    Family(
        frozenset({"momentum", "dampening", "nesterov"}),
        lambda group: (),
        ("momentum_buffer",),
        _no_preconditioner,
        _sgd_update,
        _of_sgd,
    ),
    # Others with betas (NAdam, RAdam, Adamax) have no amsgrad, and other steps.
    Family(
        frozenset({"betas", "eps", "amsgrad"}),
        _adam_moments,
        ("exp_avg",),
        _adam_preconditioner,
        _adam_update,
        _of_adam,
    ),
    Family(
        frozenset({"alpha", "eps", "centered", "momentum"}),
        _rmsprop_moments,
        ("momentum_buffer",),
        _rmsprop_preconditioner,
        _rmsprop_update,
        _of_rmsprop,
    ),
)
