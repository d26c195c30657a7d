"""From numbers to words: flatter, sharper, equivalent or undecided, each with its reason.

Per measure, with every p-value corrected by Holm over all measures and pairs of groups:

- *equivalent* if TOST shows the ratio within the declared bounds, even if a difference is also
  significant: a difference declared negligible beforehand stays so;
- else *flatter* or *sharper* if the permutation test rejects, by its direction;
- else *undecided*, which is no evidence of equality; the reason says what could have been seen.

Overall, for a pair of groups: the verdict of the primary measure, named before looking, if a
scale-invariant and a hard-forward measure agree with it (the primary may be one of them, not
both) and no measure of these two kinds says the opposite. Requiring all of several tests to agree
needs no further correction (Berger 1982, intersection-union tests).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from landscape.statistics.comparison import Comparison
from landscape.statistics.detectable import found_log_ratio
from landscape.statistics.effects import Settings
from landscape.statistics.multiplicity import holm
from landscape.statistics.wording import decided_reason, equivalent_reason, undecided_reason

Verdict = Literal["flatter", "sharper", "equivalent", "undecided"]
_OPPOSITE: dict[str, str] = {"flatter": "sharper", "sharper": "flatter"}


@dataclass(frozen=True, kw_only=True)
class MeasureVerdict:
    """What one comparison shows after correction for all the others."""

    comparison: Comparison
    p_holm: float  # permutation p-value, Holm over all measures and pairs
    equivalence_p_holm: float | None  # TOST p-value, likewise over all that have one
    detectable_ratio: float | None  # > 1: it or its inverse could have been shown; None: nothing
    verdict: Verdict
    reason: str


@dataclass(frozen=True, kw_only=True)
class PairVerdict:
    """The answer for one group against its baseline."""

    group: str
    baseline: str
    primary: str  # the measure declared before looking
    verdict: Verdict
    reason: str
    measures: tuple[MeasureVerdict, ...]  # in the order given


def judge(
    comparisons: Sequence[Comparison], *, primary: str, settings: Settings
) -> tuple[PairVerdict, ...]:
    """Judge all ``comparisons``, of every measure and pair of groups, as one family of tests.

    ``primary`` names the measure that decides, and must have been compared for every pair.
    """
    if not comparisons:
        raise ValueError("comparisons must hold at least one comparison; got none.")
    p_values = [c.effect.test.p_value for c in comparisons]
    adjusted = holm(p_values)
    have_tost = [i for i, c in enumerate(comparisons) if c.effect.equivalence_p is not None]
    tost: dict[int, float] = {}
    if have_tost:
        raw = [comparisons[i].effect.equivalence_p or 1.0 for i in have_tost]
        tost = dict(zip(have_tost, holm(raw), strict=True))
    pairs: dict[tuple[str, str], list[MeasureVerdict]] = {}
    for i, comparison in enumerate(comparisons):
        floor = comparison.effect.test.floor
        best_p = holm([*p_values[:i], min(floor, p_values[i]), *p_values[i + 1 :]])[i]
        verdict = _judge_measure(
            comparison, adjusted[i], tost.get(i), best_p, len(comparisons), settings
        )
        pairs.setdefault((comparison.group, comparison.baseline), []).append(verdict)
    return tuple(_judge_pair(*names, primary, verdicts) for names, verdicts in pairs.items())


def _judge_measure(
    comparison: Comparison,
    p_holm: float,
    tost_holm: float | None,
    best_p: float,
    num_tests: int,
    settings: Settings,
) -> MeasureVerdict:
    effect, measure = comparison.effect, comparison.measure
    detectable = detectable_ratio(comparison, best_p, num_tests, settings)
    verdict: Verdict = "undecided"
    if tost_holm is not None and tost_holm <= settings.alpha:
        verdict = "equivalent"
        reason = equivalent_reason(comparison, p_holm, tost_holm, num_tests, settings)
    elif p_holm <= settings.alpha:
        grew = effect.centre > 0
        verdict = "sharper" if grew == (measure.larger_is == "sharper") else "flatter"
        reason = decided_reason(comparison, p_holm, num_tests)
    else:
        reason = undecided_reason(comparison, p_holm, best_p, detectable, num_tests, settings)
    return MeasureVerdict(
        comparison=comparison,
        p_holm=p_holm,
        equivalence_p_holm=tost_holm,
        detectable_ratio=detectable,
        verdict=verdict,
        reason=reason,
    )


def detectable_ratio(
    comparison: Comparison, best_p: float, num_tests: int, settings: Settings
) -> float | None:
    """Return the least ratio above 1 that these runs find with ``settings.power``.

    At alpha/num_tests, Holm's first step. None where even the smallest attainable p-value,
    corrected, ``best_p``, is above alpha: then no ratio, however large, could have been shown.
    """
    effect = comparison.effect
    if best_p > settings.alpha or effect.stderr is None or effect.dof is None:
        return None
    log_ratio = found_log_ratio(
        stderr=effect.stderr,
        dof=effect.dof,
        num_runs=comparison.num_runs,
        paired=comparison.paired,
        alpha=settings.alpha / num_tests,
        power=settings.power,
    )
    return math.exp(log_ratio) if log_ratio < 700 else None  # beyond a float: nothing useful


def _judge_pair(
    group: str, baseline: str, primary: str, verdicts: list[MeasureVerdict]
) -> PairVerdict:
    by_name = {v.comparison.measure.name: v for v in verdicts}
    if len(by_name) < len(verdicts):
        raise ValueError(f"{group!r} against {baseline!r} holds a measure twice: {list(by_name)}.")
    if primary not in by_name:
        raise ValueError(
            f"primary must be a measure compared for every pair of groups; {primary!r} was not "
            f"for {group!r} against {baseline!r}, only {sorted(by_name)}."
        )
    verdict, reason = _overall(by_name[primary], verdicts)
    return PairVerdict(
        group=group,
        baseline=baseline,
        primary=primary,
        verdict=verdict,
        reason=reason,
        measures=tuple(verdicts),
    )


def _overall(primary: MeasureVerdict, verdicts: list[MeasureVerdict]) -> tuple[Verdict, str]:
    name, verdict = primary.comparison.measure.title, primary.verdict
    if verdict == "undecided":
        return "undecided", f"the primary measure, {name}, is undecided: {primary.reason}"
    invariant = [v for v in verdicts if v.comparison.measure.scale_invariant]
    hard = [v for v in verdicts if v.comparison.measure.hard_forward]
    against = [v for v in (*invariant, *hard) if v.verdict == _OPPOSITE.get(verdict)]
    if against:
        names = ", ".join(dict.fromkeys(v.comparison.measure.title for v in against))
        return "undecided", f"the primary measure, {name}, says {verdict}, but {names} the opposite"
    agreeing = {
        kind: [v.comparison.measure.title for v in group if v.verdict == verdict]
        for kind, group in (("scale-invariant", invariant), ("hard-forward", hard))
    }
    lacking = [kind for kind, names in agreeing.items() if not names]
    if lacking:
        return "undecided", (
            f"the primary measure, {name}, says {verdict}, but no {' and no '.join(lacking)} "
            f"measure agrees"
        )
    voices = {name, *agreeing["scale-invariant"], *agreeing["hard-forward"]}
    if len(voices) == 1:
        return "undecided", f"{name} says {verdict}, but no other measure agrees with it"
    return verdict, (
        f"the primary measure, {name}, says {verdict}: {primary.reason}. In agreement: "
        f"{', '.join(agreeing['scale-invariant'])} (scale-invariant) and "
        f"{', '.join(agreeing['hard-forward'])} (hard-forward)"
    )
