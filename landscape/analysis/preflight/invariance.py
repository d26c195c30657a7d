"""The certificate: which moves leave this network's function alone, and what measures make of them.

A measure is invariant on the networks at hand where it comes out the same before and after, not
because of its kind. So the weights are moved along each symmetry found, at random; that the outputs
stay was seen when it was found (:mod:`landscape.curvature.symmetry.find`). At each scale S two
numbers are compared.

The trace of the Gauss-Newton matrix S'GS, of the empirical Fisher matrix where that is not defined,
as a mean of (S'Jᵀu)·(S'JᵀBu) over draws of u on the outputs. Outputs stay, so the same draws stand
for the same functions of them before and after, and where S goes along with the move each draw
gives the same number, to rounding: whatever weights it moves, and with it the whole spectrum. A
few gradients on a few examples tell.

λ_max of the operator asked for, where a budget lets it be followed: some ten products each.
"""

import torch
from torch import Tensor

from landscape.analysis.target import Target
from landscape.catalog import SCALES_OF_WEIGHTS
from landscape.curvature.fisher import FisherOperator
from landscape.curvature.ggn import GGNOperator
from landscape.curvature.operators import make_operator
from landscape.curvature.scaling import scale_of
from landscape.curvature.symmetry.confirm import Confirmer, moved_risk
from landscape.curvature.symmetry.find import symmetries_of
from landscape.curvature.symmetry.moves import Move, moves_of
from landscape.distributed import alone, from_main
from landscape.linalg.eigen import extreme_eigenpairs
from landscape.objective.risk import EmpiricalRisk
from landscape.results import Invariance, ScaleRatio

NUM_DRAWS = 8  # of the trace
# λ_max is then known to about the square of this, far closer than moves of the weights by factors
# of 4 change what they change.
_TOL = 1e-3
_MAX_MATVECS = 60


def invariances(
    target: Target, operator_name: str, *, eigenvalues: bool = True
) -> tuple[Invariance, ...]:
    """For each kind of move what becomes of measures at each scale, on a few examples in float64.

    With ``eigenvalues`` of λ_max too, not of the trace alone. Each process on its own examples;
    what process 0 finds counts.
    """
    found = symmetries_of(target.risk)
    moves = moves_of(found)
    own: list[Invariance] = []
    if moves and target.risk.batches:
        with alone():
            measures = _Measures(target, operator_name, eigenvalues=eigenvalues)
            own = [measures.after(move) for move in moves]
    own += [Invariance(move=kind, num_places=0, ratios=()) for kind in found.refuted]
    return from_main(lambda: tuple(own))


class _Measures:
    """Of the network as it is, and after moves."""

    def __init__(self, target: Target, operator_name: str, *, eigenvalues: bool) -> None:
        self.target, self.operator_name, self.eigenvalues = target, operator_name, eigenvalues
        self.few = Confirmer(target.risk)
        self.gauss_newton = GGNOperator if GGNOperator.is_defined(self.few.risk) else FisherOperator
        self.tops = self._tops(self.few.risk)
        self.forms = self._forms(self.few.risk)

    def after(self, move: Move) -> Invariance:
        """Ratios to what they were before."""
        values = move.of(self.few.values, self.target.generator(f"move {move.kind}"))
        moved = moved_risk(self.few.risk, values)
        tops, forms = self._tops(moved), self._forms(moved)
        ratios = []
        for scale in SCALES_OF_WEIGHTS:
            before = self.tops.get(scale, 0.0)
            trace, stderr = _ratio_of_means(forms.get(scale), self.forms.get(scale))
            ratios.append(
                ScaleRatio(
                    scale=scale,
                    lambda_max=tops[scale] / before if before > 0 else None,
                    trace=trace,
                    trace_stderr=stderr,
                )
            )
        return Invariance(move=move.kind, num_places=len(move.draws), ratios=tuple(ratios))

    def _tops(self, risk: EmpiricalRisk) -> dict[str, float]:
        """λ_max at each scale; of none where it is not followed."""
        return {scale: self._top(risk, scale) for scale in SCALES_OF_WEIGHTS if self.eigenvalues}

    def _top(self, risk: EmpiricalRisk, scale: str) -> float:
        pairs = extreme_eigenpairs(
            make_operator(risk, self.operator_name, scale=scale),
            num_largest=1,
            num_smallest=0,
            tol=_TOL,
            max_matvecs=_MAX_MATVECS,
            rng=self.target.generator("invariance"),
            check_matvecs=0,
        )
        return float(pairs.largest[0])

    def _forms(self, risk: EmpiricalRisk) -> dict[str, Tensor]:
        """Each draw's part of the trace at each scale, shape (NUM_DRAWS,); of none if undefined."""
        G, rng = self.gauss_newton(risk, graph_budget=0), self.target.generator("trace of moves")
        scales = {scale: scale_of(scale, risk).T for scale in SCALES_OF_WEIGHTS}
        found = {scale: torch.zeros(NUM_DRAWS, dtype=torch.float64) for scale in scales}
        for draw in range(NUM_DRAWS):
            try:
                first, second = G.pulled_back(rng)
            except ValueError:  # examples have no losses of their own
                return {}
            for scale, S in scales.items():
                found[scale][draw] = (S @ first).double() @ (S @ second).double()
        return found


def _ratio_of_means(
    after: Tensor | None, before: Tensor | None
) -> tuple[float | None, float | None]:
    """Of paired draws, with its standard error to first order."""
    if after is None or before is None or float(before.sum()) == 0:
        return None, None
    ratio = float(after.sum() / before.sum())
    spread = float((after - ratio * before).std()) / len(before) ** 0.5
    return ratio, spread / abs(float(before.mean()))
