"""Which moves leave this network's function alone, and what λ_max of each scale makes of them.

A measure is invariant on the networks at hand where it comes out the same before and after, not
because of its kind. So the weights are moved along each symmetry found, at random; that the outputs
stay was seen when it was found (:mod:`landscape.curvature.symmetry.find`). Where λ_max stays, that
of the moved weights by themselves is compared too: the largest eigenvalue of all may be that of
other layers, which no move touches.
"""

from functools import partial

import torch

from landscape.analysis.target import Target
from landscape.catalog import SCALES_OF_WEIGHTS
from landscape.curvature.operators import make_operator
from landscape.curvature.symmetry.confirm import Confirmer, moved_risk
from landscape.curvature.symmetry.find import symmetries_of
from landscape.curvature.symmetry.moves import Move, moves_of
from landscape.distributed import alone, from_main
from landscape.linalg.eigen import extreme_eigenpairs
from landscape.objective.risk import EmpiricalRisk
from landscape.results import Invariance, ScaleRatio

# λ_max is then known to about the square of this, far closer than moves of the weights by factors
# of 4 change what they change.
_TOL = 1e-3
_MAX_MATVECS = 60


def invariances(target: Target, operator_name: str) -> tuple[Invariance, ...]:
    """For each kind of move what becomes of λ_max at each scale, on a few examples in float64.

    Each process on its own examples; what process 0 finds counts.
    """
    found = symmetries_of(target.risk)
    moves = moves_of(found)
    own: list[Invariance] = []
    if moves and target.risk.batches:
        with alone():
            few = Confirmer(target.risk)
            before = {
                scale: _top(target, few.risk, operator_name, scale) for scale in SCALES_OF_WEIGHTS
            }
            own = [_measured(target, operator_name, few, before, move) for move in moves]
    own += [Invariance(move=kind, num_places=0, ratios=()) for kind in found.refuted]
    return from_main(lambda: tuple(own))


def _measured(
    target: Target, operator_name: str, few: Confirmer, before: dict[str, float], move: Move
) -> Invariance:
    values = move.of(few.values, target.generator(f"move {move.kind}"))
    risk, other = few.risk, moved_risk(few.risk, values)
    touched = [n for n in risk.layout.names if not torch.equal(values[n], few.values[n])]
    top = partial(_top, target, operator_name=operator_name)
    ratios = []
    for scale, value in before.items():
        whole = _ratio(top(other, scale=scale), value)
        part = None
        if touched and whole is not None and ScaleRatio.stays(whole):
            parts = (top(each.select(touched), scale=scale) for each in (other, risk))
            part = _ratio(*parts)
        ratios.append(ScaleRatio(scale=scale, lambda_max=whole, of_moved=part))
    return Invariance(move=move.kind, num_places=len(move.draws), ratios=tuple(ratios))


def _ratio(after: float, before: float) -> float | None:
    """None where there is no curvature upwards to compare."""
    return after / before if before > 0 else None


def _top(target: Target, risk: EmpiricalRisk, operator_name: str, scale: str) -> float:
    A = make_operator(risk, operator_name, scale=scale)
    pairs = extreme_eigenpairs(
        A,
        num_largest=1,
        num_smallest=0,
        tol=_TOL,
        max_matvecs=_MAX_MATVECS,
        rng=target.generator("invariance"),
        check_matvecs=0,
    )
    return float(pairs.largest[0])
