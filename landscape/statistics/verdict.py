"""From numbers to words: flatter, sharper, equivalent or undecided, each with its reason.

Per measure, with every p-value corrected over all measures and pairs of groups:

- *equivalent* if the tests against both declared bounds, corrected by Holm, show the ratio within
  them, and its interval lies within them too, even if a difference is also significant: one
  declared negligible beforehand stays so. So the word says no more than the interval does;
- else *flatter* or *sharper* if the permutation test rejects, by its direction; but not where the
  measure counts as invariant and all runs have the losses of their partners: then the networks
  look the same, and the measure is not invariant under what tells them apart;
- else *undecided*, which is no evidence of equality; the reason says what could have been seen.

The permutation tests are one family for Holm, or are made in turn: in each pair that of the primary
measure, then, once it has rejected, those of the others. Then what decides does not pay for them.

Overall, for a pair of groups: the verdict of the primary measure, named before looking, if a
scale-invariant and a hard-forward measure agree with it (the primary may be one of them, not
both) and no measure of these two kinds says the opposite. Scale-invariant is what all networks
compared were seen to keep; where they were never looked at, what its kind says so of. Requiring
all of several tests to agree needs no further correction (Berger 1982, intersection-union tests).
"""

from collections.abc import Sequence
from dataclasses import replace

from landscape.results.comparison import JudgedMeasure, MeasureRow, PairVerdict
from landscape.statistics.comparison import Contrast
from landscape.statistics.detectable import detectable_ratio, runs_needed
from landscape.statistics.effects import Effect
from landscape.statistics.multiplicity import holm, in_turn
from landscape.statistics.wording import (
    SAME_FUNCTIONS,
    Turn,
    decided_reason,
    equivalent_reason,
    moved_reason,
    undecided_reason,
)
from landscape.values import Levels

Judged = tuple[JudgedMeasure, MeasureRow]
_OPPOSITE = {"flatter": "sharper", "sharper": "flatter"}
# Kinds of measures that have to agree.
_INVARIANT, _HARD = "scale-invariant measure", "measure of the loss itself"


def judge(
    contrasts: Sequence[Contrast], *, primary: str, levels: Levels, turns: bool = False
) -> tuple[PairVerdict, ...]:
    """Judge all ``contrasts``, of every measure and pair of groups.

    ``primary`` names the measure that decides, and must have been compared for every pair; with
    ``turns`` it is tested first. A mark stands on what was not measured alike.
    """
    if not contrasts:
        raise ValueError("contrasts must hold at least one comparison; got none.")
    p_values = [c.effect.test.p_value for c in contrasts]
    tests = [((c.group, c.baseline), c.measure.name) for c in contrasts]
    branches = branches_of(tests, primary if turns else None)
    adjusted = in_turn(p_values, branches)
    turn_of = _turns(branches, contrasts, adjusted)
    within = _holm_where_tested([c.effect.equivalence_p for c in contrasts])
    pairs: dict[tuple[str, str], list[Judged]] = {}
    for i, contrast in enumerate(contrasts):
        floor = contrast.effect.test.floor
        at_best = [*p_values[:i], min(floor, p_values[i]), *p_values[i + 1 :]]
        best_p = in_turn(at_best, branches)[i]
        row = _judge_measure(contrast, adjusted[i], within[i], best_p, turn_of[i], levels)
        pairs.setdefault((contrast.group, contrast.baseline), []).append((contrast.measure, row))
    return tuple(_judge_pair(*names, primary, judged) for names, judged in pairs.items())


def _holm_where_tested(p_values: Sequence[float | None]) -> list[float | None]:
    tested = [p for p in p_values if p is not None]
    adjusted = iter(holm(tested) if tested else ())
    return [None if p is None else next(adjusted) for p in p_values]


def best_equivalence_p(floors: Sequence[float | None]) -> list[float | None]:
    """The smallest corrected p-values of equivalence that tests of these ``floors`` can give.

    The floors are those of two-sided tests, None: no test. One of equivalence is one-sided, of as
    many patterns.
    """
    return _holm_where_tested([None if floor is None else floor / 2 for floor in floors])


def branches_of(tests: Sequence[tuple[tuple[str, str], str]], first: str | None) -> list[list[int]]:
    """Which of ``tests``, each (pair of groups, measure), wait for which: a list a pair.

    Indices, that of the measure called ``first`` before the others; None: no test waits.
    """
    if first is None:
        return [[i] for i in range(len(tests))]
    branches: dict[tuple[str, str], list[int]] = {}
    for i, (pair, measure) in enumerate(tests):
        branch = branches.setdefault(pair, [])
        branch.insert(0 if measure == first else len(branch), i)
    return list(branches.values())


def _turns(
    branches: Sequence[Sequence[int]], contrasts: Sequence[Contrast], adjusted: Sequence[float]
) -> dict[int, Turn]:
    turns = {}
    for first, *others in branches:
        turns[first] = Turn(len(branches), len(contrasts))
        title = contrasts[first].measure.title
        for i in others:
            shared = len(branches) * len(others)
            turns[i] = Turn(shared, len(contrasts), title, adjusted[first])
    return turns


def _judge_measure(
    contrast: Contrast,
    p_holm: float,
    within_holm: float | None,
    best_p: float,
    turn: Turn,
    levels: Levels,
) -> MeasureRow:
    effect, measure = contrast.effect, contrast.measure
    detectable = detectable_ratio(contrast, best_p, turn.num_tests, levels)
    verdict = "undecided"
    if within_holm is not None and within_holm <= levels.alpha and _lies_within(effect, levels):
        verdict = "equivalent"
        reason = equivalent_reason(contrast, p_holm, within_holm, turn, levels)
    elif p_holm <= levels.alpha and contrast.same_losses and measure.scale_invariant:
        reason = moved_reason(contrast, p_holm, turn)
    elif p_holm <= levels.alpha:
        grew = effect.centre > 0
        verdict = "sharper" if grew == (measure.larger_is == "sharper") else "flatter"
        reason = decided_reason(contrast, p_holm, turn)
    else:
        reason = undecided_reason(contrast, p_holm, within_holm, best_p, detectable, turn, levels)
    return MeasureRow(
        measure=measure.name,
        verdict=verdict,
        reason=reason,
        scale=effect.scale,
        estimate=effect.estimate,
        interval=effect.interval,
        other_intervals=effect.other_intervals,
        test=effect.test_name,
        p_value=effect.test.p_value,
        p_floor=effect.test.floor,
        p_holm=p_holm,
        equivalence_p=effect.equivalence_p,
        equivalence_p_holm=within_holm,
        detectable_ratio=detectable,
        runs_needed=runs_needed(contrast, num_tests=turn.num_tests, levels=levels),
        components=effect.components,
        num_runs=contrast.num_runs,
        num_left_out=contrast.num_left_out,
        withheld=SAME_FUNCTIONS if _is_withheld(contrast, verdict, p_holm, levels) else "",
    )


def _is_withheld(contrast: Contrast, verdict: str, p_holm: float, levels: Levels) -> bool:
    """Whether what is seen of the measure is none of the minima, shown or not.

    Of networks that look the same, by a measure that counts as invariant: it then is not, unless
    it comes out alike for them.
    """
    claimed = contrast.same_losses and contrast.measure.scale_invariant
    if not claimed or verdict == "equivalent":
        return False
    return p_holm <= levels.alpha or not _looks_alike(contrast.effect, levels)


def _looks_alike(effect: Effect, levels: Levels) -> bool:
    """The interval, or the estimate where there is none, within the bounds; a difference: at 0."""
    i, at = effect.interval, effect.estimate
    ends = (at, at) if i is None else (i.low, i.high)
    if effect.scale == "difference":
        return ends[0] <= 0 <= ends[1]
    return levels.bounds[0] < ends[0] <= ends[1] < levels.bounds[1]


def _lies_within(effect: Effect, levels: Levels) -> bool:
    low, high = levels.bounds
    return effect.interval is not None and low < effect.interval.low <= effect.interval.high < high


def _judge_pair(group: str, baseline: str, primary: str, judged: Sequence[Judged]) -> PairVerdict:
    by_name = {measure.name: (measure, row) for measure, row in judged}
    if len(by_name) < len(judged):
        raise ValueError(f"{group!r} against {baseline!r} holds a measure twice: {list(by_name)}.")
    if primary not in by_name:
        raise ValueError(
            f"primary must be a measure compared for every pair of groups; {primary!r} was not "
            f"for {group!r} against {baseline!r}, only {sorted(by_name)}."
        )
    verdict, reason = _overall(by_name[primary], judged)
    unlike = [measure.title for measure, _ in judged if measure.mismatch]
    if unlike:
        reason += f". Not measured alike, so not to be relied on: {', '.join(unlike)}"
    return PairVerdict(
        group=group,
        baseline=baseline,
        verdict=verdict,
        reason=reason,
        measures=tuple(
            replace(row, reason=f"{row.reason}; not measured alike: {measure.mismatch}")
            if measure.mismatch
            else row
            for measure, row in judged
        ),
    )


def _overall(primary: Judged, judged: Sequence[Judged]) -> tuple[str, str]:
    name, verdict, reason = primary[0].title, primary[1].verdict, primary[1].reason
    if verdict == "undecided":
        return "undecided", f"the primary measure, {name}, is undecided: {reason}"
    agreeing = _titles(judged, verdict)
    opposed = _titles(judged, _OPPOSITE.get(verdict))
    against = list(dict.fromkeys(title for group in opposed.values() for title in group))
    if against:
        return "undecided", (
            f"the primary measure, {name}, says {verdict}, but {', '.join(against)} the opposite"
        )
    lacking = [kind for kind, names in agreeing.items() if not names]
    if lacking:
        reason = (
            f"the primary measure, {name}, says {verdict}, but no {' and no '.join(lacking)} agrees"
        )
        if _INVARIANT in lacking and primary[0].certified is False:
            reason += f"; {name} is {primary[0].certificate}"
        return "undecided", reason
    voices = {name, *agreeing[_INVARIANT], *agreeing[_HARD]}
    if len(voices) == 1:
        return "undecided", f"{name} says {verdict}, but no other measure agrees with it"
    return verdict, (
        f"the primary measure, {name}, says {verdict}: {reason}. In agreement: "
        f"{', '.join(agreeing[_INVARIANT])} ({_how_invariant(judged, agreeing[_INVARIANT])}) and "
        f"{', '.join(agreeing[_HARD])} (of the loss itself)"
    )


def _titles(judged: Sequence[Judged], verdict: str | None) -> dict[str, list[str]]:
    """Titles of the measures of either kind that say ``verdict``."""
    saying = [measure for measure, row in judged if row.verdict == verdict]
    return {
        _INVARIANT: [m.title for m in saying if m.scale_invariant],
        _HARD: [m.title for m in saying if m.hard_forward],
    }


def _how_invariant(judged: Sequence[Judged], titles: Sequence[str]) -> str:
    """What is known of the invariance of the measures of these titles."""
    certified = all(m.certified for m, _ in judged if m.title in titles)
    return "scale-invariant, certified" if certified else "scale-invariant by kind, not certified"
