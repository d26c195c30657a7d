"""The verdict on an operator: whether vᵀAv describes the rise of the loss, and at which radii."""

from collections.abc import Sequence
from typing import NamedTuple

from landscape.analysis.fidelity.fit import rank_correlation
from landscape.results import DirectionFidelity, OperatorVerdict, Ratio
from landscape.results.fidelity import judged_along
from landscape.values import Estimate, quantile

FACTOR = 2.0  # agreement: within this factor
LEAST_RANK = 0.5  # a lower rank correlation is misleading, given enough directions
ENOUGH_DIRECTIONS = 8
_WIDE = 9.99  # a decade, but for rounding

RULE = (
    "At a radius, an operator agrees with the loss if for each of its own top directions the 95 % "
    "interval of κ(r) / vᵀAv meets [1/2, 2] and is at most 2 wide; it disagrees if one of these "
    "intervals lies outside. Only agreement at two or more neighbouring radii counts, among those "
    "where this can be decided: at one alone, a cusp meets any curvature. Usable: it agrees from "
    "the smallest such radius on, over a factor 10 or to the largest. Usable above r: it first "
    "agrees at r, or over less than a factor 10. Misleading: it agrees nowhere or at single radii, "
    "or its rank correlation with κ over at least 8 directions is below 0.5 at every radius where "
    "it agrees. Undecided: fewer than two radii can be decided, and none of them against it. "
    "Negative curvature is spurious if κ is significantly positive along it at the reference "
    "radius, confirmed if significantly negative."
)


class Band(NamedTuple):
    """Between which radii an operator agrees, among those where that can be decided."""

    low: float | None  # None: it agrees at no two neighbouring radii
    high: float | None
    from_start: bool  # from the smallest on
    is_wide: bool  # over a factor 10, or to the largest
    alone: float | None  # the first single radius at which it agrees, where there is no band
    decided: bool


def judge(
    operator: str,
    index: int,
    directions: Sequence[DirectionFidelity],
    radii: Sequence[float],
    reference: int,
) -> OperatorVerdict:
    """Apply ``RULE`` to the operator at ``index`` of each direction's curvatures.

    An operator without directions of its own is judged by the top directions of the others.
    """
    own = judged_along(directions, operator)
    band = agreement([d.ratios[index] for d in own], radii)
    ranks = tuple(
        rank_correlation(
            [d.curvatures[index] for d in directions], [d.kappa[k] for d in directions]
        )
        for k in range(len(radii))
    )
    agreed = [
        rank
        for r, rank in zip(radii, ranks, strict=True)
        if band.low is not None and band.high is not None and band.low <= r <= band.high
    ]
    ranks_badly = len(directions) >= ENOUGH_DIRECTIONS and all(
        rank is not None and rank < LEAST_RANK for rank in agreed
    )
    verdict = _word(band, ranks_badly=bool(agreed) and ranks_badly)
    negative = _negative(operator, index, directions, reference)
    return OperatorVerdict(
        operator=operator,
        verdict=verdict,
        low_radius=band.low,
        high_radius=band.high,
        negative=negative,
        rank_correlations=ranks,
        num_directions=len(directions),
        sentence=_sentence(operator, verdict, band, negative, ranks[reference], radii[reference]),
    )


def agreement(ratios: Sequence[Sequence[Ratio | None]], radii: Sequence[float]) -> Band:
    """The first run of two or more radii at which all directions agree.

    ``ratios`` has one row a direction. Radii where agreement cannot be decided are passed over.
    """
    states = [_state([row[k] for row in ratios]) for k in range(len(radii))]
    decided = [(r, s) for r, s in zip(radii, states, strict=True) if s is not None]
    agreeing = [i for i, (_, agrees) in enumerate(decided) if agrees]
    first = next((i for i in agreeing if i + 1 in agreeing), None)
    if first is None:
        alone = decided[agreeing[0]][0] if agreeing else None
        return Band(None, None, False, False, alone, len(decided) > len(agreeing))
    last = first
    while last + 1 in agreeing:
        last += 1
    low, high = decided[first][0], decided[last][0]
    is_wide = last == len(decided) - 1 or high >= _WIDE * low
    return Band(low, high, first == 0, is_wide, None, True)


def overall_sentence(verdicts: Sequence[OperatorVerdict], exponent: Estimate | None) -> str:
    """One sentence for a report: every operator's verdict and the shape of the loss."""
    parts = [v.sentence for v in verdicts]
    if exponent is not None:
        error = "" if exponent.stderr is None else f" ± {exponent.stderr:.2f}"
        parts.append(
            f"the loss rises as |t|^{exponent.mean:.2f}{error} along the top directions "
            "(1 is a cusp, 2 a quadratic)"
        )
    return "; ".join(parts) + "."


def _state(ratios: Sequence[Ratio | None]) -> bool | None:
    """Whether all agree; None where that cannot be decided."""
    known = [r for r in ratios if r is not None]
    if any(r.high < 1 / FACTOR or r.low > FACTOR for r in known):
        return False
    resolved = [r for r in known if r.high - r.low <= 2]
    return True if known and len(resolved) == len(known) else None


def _word(band: Band, *, ranks_badly: bool) -> str:
    if not band.decided:
        return "undecided"
    if band.low is None or ranks_badly:
        return "misleading"
    return "usable" if band.from_start and band.is_wide else "usable-above"


def _negative(
    operator: str, index: int, directions: Sequence[DirectionFidelity], reference: int
) -> str:
    bottom = [d for d in directions if d.operator == operator and d.kind == "bottom"]
    bottom = [d for d in bottom if d.curvatures[index] < 0]
    if not bottom:
        return "none"
    margins = [(d.kappa[reference], quantile() * d.kappa_stderr[reference]) for d in bottom]
    if any(kappa + margin < 0 for kappa, margin in margins):
        return "confirmed"
    return "spurious" if any(kappa - margin > 0 for kappa, margin in margins) else "undecided"


def _sentence(
    operator: str, verdict: str, band: Band, negative: str, rank: float | None, at: float
) -> str:
    where = ""
    if band.low is not None:
        where = f"radii {band.low:g} to {band.high:g}"
    elif band.alone is not None:
        where = f"radius {band.alone:g} alone"
    if verdict == "usable-above":
        found = f"usable at {where} only"
    elif where:
        found = f"{verdict} (within a factor 2 at {where})"
    else:
        found = verdict
    ranked = "" if rank is None else f", ranks directions with Spearman {rank:.2f} at {at:g}"
    spurious = ", its negative curvature is spurious" if negative == "spurious" else ""
    return f"{operator} is {found}{ranked}{spurious}"
