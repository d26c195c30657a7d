"""How much the choice of the surrogate's slope decides: the operators at other slopes."""

from collections.abc import Sequence

import numpy as np

from landscape.analysis.fidelity.directions import Direction
from landscape.analysis.fidelity.fit import rank_correlation
from landscape.analysis.target import Target
from landscape.curvature.operators import make_operator
from landscape.curvature.smooth import altered_risk
from landscape.linalg.operator import SelfAdjointOperator
from landscape.linalg.units import Keep, number, within
from landscape.results import DirectionFidelity, SlopeRow


def quadratic_form(A: SelfAdjointOperator, direction: Direction, keep: Keep) -> float:
    """vᵀAv along a direction, a unit of ``keep``."""
    v = direction.vector
    return number(keep, direction.name, lambda: float(v @ (A @ v)))


def slope_sweep(
    target: Target,
    directions: Sequence[Direction],
    tested: Sequence[DirectionFidelity],
    operators: Sequence[str],
    factors: Sequence[float],
    reference: int,
    keep: Keep,
) -> tuple[tuple[SlopeRow, ...], int]:
    """vᵀAv along the same directions with the surrogate's slope multiplied by each factor.

    The spikes, and with them the measured κ, do not change. Ratios and ranks are taken at the
    radius of index ``reference``. Returns the rows and the matvecs spent, one a direction,
    operator and factor.

    Raises
    ------
    ValueError
        If a factor is not positive, or the network has no surrogates.
    """
    if any(not factor > 0 for factor in factors):
        raise ValueError(f"slope factors must be positive; got {tuple(factors)}.")
    rows, spent = [], 0
    kappa = [d.kappa[reference] for d in tested]
    for factor in factors:
        risk = altered_risk(target.risk, slope_factor=factor)
        for name in operators:
            A = make_operator(risk, name)
            own = within(keep, f"slope {factor!r} {name}")
            forms = [quadratic_form(A, d, own) for d in directions]
            spent += len(directions)
            ratios = [
                measured / form
                for d, measured, form in zip(directions, kappa, forms, strict=True)
                if d.kind == "top" and d.operator == name and form != 0
            ]
            rows.append(
                SlopeRow(
                    factor=factor,
                    operator=name,
                    ratio=float(np.median(ratios)) if ratios else None,
                    rank_correlation=rank_correlation(forms, kappa),
                )
            )
    return tuple(rows), spent
