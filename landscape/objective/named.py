"""What is minimised, as users say it: a name, code of theirs, a function or an ``Objective``."""

from landscape.factories import LOSSES, OBJECTIVES, load_object
from landscape.objective.losses import BUILTIN_LOSSES
from landscape.objective.objective import Objective
from landscape.objective.over_time import is_over_time, loss_over_time
from landscape.objective.pair import Loss, loss_of


def named_loss(spec: str) -> Objective:
    """A built-in loss, or what ``module:function`` names.

    That is itself the function of (outputs, targets), or a loss module, not a factory of it.
    """
    if spec in BUILTIN_LOSSES:
        return loss_of(spec)
    found = load_object(spec, group=LOSSES, builtin=BUILTIN_LOSSES)
    return found if isinstance(found, Objective) else _loss(found, spec)


def named_objective(spec: str) -> Objective:
    """The ``Objective``, or function of (model, batch), that ``module:name`` names."""
    found = load_object(spec, group=OBJECTIVES, builtin={})
    return found if isinstance(found, Objective) else Objective(found, name=spec)


def objective_of(loss: object, objective: object) -> Objective:
    """What a Python call means by its loss and its ``objective=``, of which it gives one.

    A bare function is one of (outputs, targets) as a loss, and of (model, batch) as an objective.

    Raises
    ------
    ValueError
        If both are given, or neither, or they are of another kind.
    """
    if (loss is None) == (objective is None):
        raise ValueError("give either a loss or objective=…, what is minimised; one of the two.")
    for given in (loss, objective):
        if isinstance(given, Objective):
            return given
    if isinstance(objective, str):
        return named_objective(objective)
    if objective is not None:
        return Objective(objective)  # type: ignore[arg-type]  # which checks that it is a function
    return named_loss(loss) if isinstance(loss, str) else _loss(loss)


def _loss(loss: object, name: str | None = None) -> Loss:
    if is_over_time(loss):
        return loss_over_time(loss, name)
    return loss_of(loss, name)  # type: ignore[arg-type]  # which checks that it is a function
