"""Whether a network's outputs stay when its weights are moved: what makes a guess a finding."""

from collections.abc import Callable, Sequence
from typing import TypeVar

import torch
from torch import Generator, Tensor

from landscape.curvature.symmetry.moves import STATISTICS, Draw, Move
from landscape.nests import tensors_in
from landscape.objective.at_theta import leaves
from landscape.objective.batches import cut_to
from landscape.objective.risk import EmpiricalRisk
from landscape.objective.user_errors import UserCodeError
from landscape.snn.altered import Alteration

NUM_TRIED = 8  # examples that outputs are compared on

T = TypeVar("T")


class Confirmer:
    """A network on a few examples, in float64 where it computes in it.

    Outputs are compared near θ rather than at it, with all weights shaken by some of their size: at
    θ a move may change nothing only because something is 0 there, as half of a new adapter is.
    """

    def __init__(self, risk: EmpiricalRisk) -> None:
        first = risk.batches[:1]
        if first and risk.is_cut_by_rows and risk.coupled_by is None:
            first = cut_to(first[0], NUM_TRIED, risk.objective)[:1]
        few = risk.on(first)
        try:
            self.risk = few.in_dtype(torch.float64)
            self._outputs(self.risk)
        except (UserCodeError, TypeError):  # devices without float64 raise the second
            self.risk = few
        self.values = with_statistics(self.risk)
        self._shaken = _shaken(self.values, self.risk)
        self._base = self._outputs(moved_risk(self.risk, self._shaken))
        # Moves change sizes by factors of 4 and more, and a wrong one the outputs by their size;
        # the rounding of a right one grows with the depth of the network.
        self._tolerance = torch.finfo(self.risk.dtype).eps ** 0.5

    def holds(self, move: Move) -> bool:
        """Whether the outputs stay."""
        rng = Generator().manual_seed(0)
        moved = self._outputs(moved_risk(self.risk, move.of(self._shaken, rng)))
        size = max(float(base.abs().max()) for base in self._base)
        gaps = [float((a - b).abs().max()) for a, b in zip(moved, self._base, strict=True)]
        return bool(max(gaps) <= self._tolerance * size)  # False for NaN

    def those_that_hold(
        self, found: Sequence[T], draw: Callable[[T], Draw]
    ) -> tuple[list[T], list[T]]:
        """Those whose moves change nothing, and the others: all at once if that is true of all."""
        if not found or self.holds(Move("", tuple(map(draw, found)))):
            return list(found), []
        good = [each for each in found if self.holds(Move("", (draw(each),)))]
        return good, [each for each in found if each not in good]

    def _outputs(self, risk: EmpiricalRisk) -> list[Tensor]:
        """The network's output where it is one tensor, and the losses of the examples."""
        # Leaves: the same kernels for all, see ``record``.
        with risk.swapped(leaves(risk.layout.split(risk.theta))):
            found = [risk.terms(0).totals]
            if risk.objective.outputs is not None:
                outputs = tensors_in(risk.outputs(0))
                found += outputs if len(outputs) == 1 else []
        return [each.detach().double() for each in found]


def _shaken(values: dict[str, Tensor], risk: EmpiricalRisk) -> dict[str, Tensor]:
    """Parameters with noise of a tenth of their root mean square; where that is 0, of 0.1."""
    rng = Generator().manual_seed(1)
    shaken = dict(values)
    for name in risk.parameters:
        w = values[name]
        noise = torch.randn(w.shape, generator=rng, dtype=torch.float64).to(w)
        size = w.square().mean().sqrt() if w.numel() else 0.0
        shaken[name] = w + 0.1 * noise * (size if size > 0 else 1.0)
    return shaken


def with_statistics(risk: EmpiricalRisk) -> dict[str, Tensor]:
    """All parameters of ``risk``, and the running statistics of its batch norms, by name."""
    values = dict(risk.values)
    for name, module in risk.model.named_modules():
        for of in STATISTICS:
            if isinstance(held := getattr(module, of, None), Tensor):
                values[f"{name}.{of}"] = held.detach().to(risk.theta)
    return values


def moved_risk(risk: EmpiricalRisk, values: dict[str, Tensor]) -> EmpiricalRisk:
    """``risk`` at other parameters and running statistics."""
    changed = [
        Alteration(risk.model.get_submodule(name.rpartition(".")[0]), name.rpartition(".")[2], v)
        for name, v in values.items()
        if name not in risk.parameters
    ]
    parameters = {name: values[name] for name in risk.parameters}
    return risk.at(parameters).altered(changed)
