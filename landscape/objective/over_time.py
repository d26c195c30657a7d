"""snnTorch's losses as their users write them: of spikes or membranes over time, (T, N, C).

Nothing is imported from snnTorch: a loss is one of these if its class is defined there.
"""

import copy
from typing import Any

from torch import Tensor, nn

from landscape.nests import Nest, describe
from landscape.objective.objective import Answers, Value, name_of
from landscape.objective.pair import Loss, PairFunction
from landscape.objective.readout import membranes_of, spikes_of

_HOME = "snntorch.functional"
_REDUCING = "LossFunctions"  # the base of those that can give one value an example


def is_over_time(loss: object) -> bool:
    """Whether it is one of snnTorch's losses."""
    return type(loss).__module__.startswith(_HOME) or (
        isinstance(loss, type) and loss.__module__.startswith(_HOME)
    )


class OverTime(Loss):
    """A loss of outputs over time; outputs are kept as (N, T, C), and it gets them as (T, N, C).

    Of a tuple (spikes, membranes) it gets those that snnTorch's own training loop hands it.
    """

    @property
    def takes_membranes(self) -> bool:
        """Whether it is one of membranes, as its name says."""
        return "membrane" in type(self.function).__name__

    def answers(self, outputs: Nest, batch: Nest) -> Answers:
        loss: Any = self.function
        if getattr(loss, "population_code", False) or "temporal" in type(loss).__name__:
            return Answers.none()
        best = outputs.amax(1) if "max" in type(loss).__name__ else outputs.mean(1)
        return self.accuracy_counts(best, batch[1])

    def notes(self, outputs: Nest, batch: Nest) -> tuple[str, ...]:
        return ()

    def _predict(self, model: nn.Module, batch: Nest) -> Nest:
        outputs = super()._predict(model, batch)
        return membranes_of(outputs) if self.takes_membranes else spikes_of(outputs)

    def _of_outputs(self, outputs: Nest, batch: Nest) -> Value:
        if not isinstance(outputs, Tensor) or outputs.ndim != 3:
            raise ValueError(
                f"the loss {self.name} is one of outputs over time, (T, N, C); got "
                f"{describe(outputs)} with examples first."
            )
        return self.function(outputs.movedim(1, 0), batch[1])


def loss_over_time(loss: Any, name: str | None = None) -> OverTime:
    """The objective of one of snnTorch's losses, one value an example where it can give them.

    Its mean over the batch is that over all outputs of all examples, class weights included.

    Raises
    ------
    ValueError
        If it sums over the batch, or is of targets that change with time.
    """
    if isinstance(loss, type):
        raise ValueError(
            f"loss must be a function, not the class {loss.__name__}: make one of it, "
            f"{loss.__name__}(…)."
        )
    shown = name or name_of(loss)
    if getattr(loss, "reduction", None) == "sum":
        raise ValueError(
            f"loss {shown} sums over the batch, so its size would set the curvature; make it with "
            "reduction='mean' or 'none'."
        )
    if getattr(loss, "time_var_targets", False):
        raise ValueError(
            f"loss {shown} has targets that change with time (time_var_targets), which lie beside "
            "the examples' axis; give a function of (outputs, targets) instead."
        )
    if any(base.__name__ == _REDUCING for base in type(loss).__mro__):
        loss = copy.copy(loss)
        loss.reduction = "none"
    function: PairFunction = loss
    return OverTime(shown, function)
