"""Verdicts on pairs of recipes, all of them one family of tests."""

from collections.abc import Mapping, Sequence

from landscape.compare.groups import Analysed
from landscape.compare.run import compare_groups
from landscape.compare.settings import CompareSettings, Match
from landscape.results import Comparison
from landscape.study.plan_parts import ComparisonPlan

Groups = Mapping[str, Sequence[Analysed]]


def settings_of(
    plan: ComparisonPlan,
    measures: tuple[str, ...],
    *,
    split: str = "train",
    command: str = "",
    match: Match = CompareSettings.match,
) -> CompareSettings:
    """A comparison by ``measures``, all of them required; the first primary one decides."""
    return CompareSettings(
        **plan.levels,
        primary=plan.primary[0],
        measures=measures,
        all_required=True,
        match=match,
        split=split,
        seed=plan.seed,
        command=command,
    )


def compare_contrasts(
    groups: Groups,
    plan: ComparisonPlan,
    *,
    split: str,
    command: str,
    match: Match = CompareSettings.match,
) -> Comparison | None:
    """Judge every contrast of the plan whose two recipes have runs; None: there is none.

    Raises
    ------
    ValueError
        If a primary measure was not taken, or results were not measured alike.
    """
    contrasts = [pair for pair in plan.contrasts if all(groups.get(name) for name in pair)]
    if not contrasts:
        return None
    order = dict.fromkeys(name for pair in contrasts for name in (pair[1], pair[0]))
    missing = [" against ".join(pair) for pair in plan.contrasts if pair not in contrasts]
    return compare_groups(
        {name: list(groups[name]) for name in order},
        contrasts,
        settings=settings_of(plan, plan.all_measures, split=split, command=command, match=match),
        notes=[f"{pair}: no run of one of them was finished." for pair in missing],
    )
