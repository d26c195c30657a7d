"""Comparisons whose outcome is known: what they must show if the measurement is to be believed."""

from landscape.compare.groups import Analysed
from landscape.compare.run import compare_groups
from landscape.results import Comparison, ControlRow
from landscape.study.contrasts import Groups, settings_of
from landscape.study.plan_parts import ComparisonPlan, Control

# Rounding, noise of the solver (1e-3) and a spike that flips, but no factor that matters.
IDENTICAL_WITHIN = 0.01


def check_control(control: Control, groups: Groups, plan: ComparisonPlan) -> ControlRow:
    """Compare the control's two groups on the primary measures, and say if it is as expected.

    A control is a family of tests of its own: it may not hide behind the others' number.
    """
    names = (control.group, control.baseline)
    if control.group == control.baseline:
        names = (f"{control.group}, first half", f"{control.group}, second half")
    try:
        pair = (
            _halves(control, groups) if control.group == control.baseline else _two(groups, control)
        )
        found = compare_groups(
            dict(zip(names, pair, strict=True)),
            [names],
            settings=settings_of(plan, plan.primary),
        )
    except ValueError as error:
        return _row(control, "not measured", passed=False, words=str(error))
    if control.expect == "identical":
        return _identical(control, pair, found)
    verdict = found.pairs[0].verdict
    harmless = ("equivalent", "undecided") if control.expect == "no difference" else ()
    passed = verdict in (control.expect, *harmless)
    return _row(control, verdict, passed=passed, words=_ratios(found))


def _two(groups: Groups, control: Control) -> tuple[list[Analysed], list[Analysed]]:
    pair = tuple(list(groups.get(name, ())) for name in (control.group, control.baseline))
    for name, members in zip((control.group, control.baseline), pair, strict=True):
        if not members:
            raise ValueError(f"no run of {name} was finished")
    return pair[0], pair[1]


def _halves(control: Control, groups: Groups) -> tuple[list[Analysed], list[Analysed]]:
    """The recipe's first and second half of runs: they share no seed, so they are not paired."""
    members = list(groups.get(control.group, ()))
    half = len(members) // 2
    if half < 1:
        raise ValueError(f"{control.group} needs two finished runs or more to be halved")
    return members[:half], members[half : 2 * half]


def _identical(
    control: Control, pair: tuple[list[Analysed], list[Analysed]], found: Comparison
) -> ControlRow:
    by_seed = {c.seed: c.label for c in pair[1]}
    twins = [(c.label, by_seed[c.seed]) for c in pair[0] if c.seed in by_seed]
    gaps = {}
    for measure in found.measures:
        values = {v.label: v.value for v in measure.values}
        gaps[measure.title] = [
            _gap(values[one], values[other])
            for one, other in twins
            if one in values and other in values
        ]
    if not all(gaps.values()):
        return _row(control, "not measured", passed=False, words="no seed has both networks")
    words = "; ".join(
        f"{title}: values differ by {max(apart):.2g} of the larger one at most ({len(apart)} runs)"
        for title, apart in gaps.items()
    )
    passed = all(gap <= IDENTICAL_WITHIN for apart in gaps.values() for gap in apart)
    return _row(control, "identical" if passed else "different", passed=passed, words=words)


def _gap(a: float, b: float) -> float:
    """Their difference relative to the larger one; values may be 0, where nothing fires."""
    largest = max(abs(a), abs(b))
    return abs(a - b) / largest if largest > 0 else 0.0


def _ratios(found: Comparison) -> str:
    parts = []
    for m in found.pairs[0].measures:
        ends = m.interval
        interval = "" if ends is None else f" ({ends.low:.3g} to {ends.high:.3g})"
        what = "ratio" if m.scale == "ratio" else "difference"
        title = found.measure(m.measure).title
        parts.append(f"{title}: {what} {m.estimate:.3g}{interval}, {m.verdict}")
    return "; ".join(parts)


def _row(control: Control, found: str, *, passed: bool, words: str) -> ControlRow:
    return ControlRow(
        name=control.name,
        group=control.group,
        baseline=control.baseline,
        expected=control.expect,
        found=found,
        passed=passed,
        words=words,
    )
