"""Verdicts on pairs of recipes, all of them one family of tests."""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from numpy.random import Generator

from landscape.analysis.compare_accuracy import accuracy_rows
from landscape.analysis.compare_groups import Analysed
from landscape.analysis.compare_match import match_runs
from landscape.analysis.compare_measures import (
    Shared,
    choose_primary,
    missing_notes,
    selected,
    shared_measures,
)
from landscape.analysis.compare_pairs import judge_pairs, statistics_of
from landscape.analysis.compare_rows import measure_row
from landscape.analysis.provenance import start_clock
from landscape.results import ComparedGroup, Comparison, ComparisonSettings, PairRow
from landscape.study.plan import ComparisonPlan

Groups = Mapping[str, Sequence[Analysed]]


def compare_contrasts(
    groups: Groups, plan: ComparisonPlan, *, split: str, command: str
) -> Comparison | None:
    """Judge every contrast of the plan whose two recipes have runs; None: there is none.

    One correction spans all measures and contrasts.

    Raises
    ------
    ValueError
        If a primary measure was not taken, or results were not measured alike.
    """
    clock, rng = start_clock(), np.random.default_rng(plan.seed)
    contrasts = [pair for pair in plan.contrasts if all(groups.get(name) for name in pair)]
    if not contrasts:
        return None
    order = dict.fromkeys(name for pair in contrasts for name in (pair[1], pair[0]))
    compared = {name: list(groups[name]) for name in order}
    baseline = contrasts[0][1]
    candidates = shared_measures(compared, baseline=baseline, allow_mismatch=False)
    measures = selected(candidates, plan.all_measures)
    pairs, notes = judge_contrasts(compared, contrasts, measures, plan, rng)
    missing = [" against ".join(pair) for pair in plan.contrasts if pair not in contrasts]
    return Comparison(
        provenance=clock.provenance(command=command, seed=plan.seed, device=torch.device("cpu")),
        baseline=baseline,
        settings=ComparisonSettings(
            primary=choose_primary(measures, plan.primary[0]),
            primary_declared=True,
            match="epoch",
            split=split,
            alpha=plan.alpha,
            power=plan.power,
            bounds=plan.bounds,
            num_resamples=plan.num_resamples,
            allow_mismatch=False,
        ),
        groups=tuple(
            ComparedGroup(name=name, runs=tuple(c.run for c in members))
            for name, members in compared.items()
        ),
        measures=tuple(measure_row(m) for m in measures),
        pairs=pairs,
        accuracy=accuracy_rows(measures, compared, statistics_of(plan), rng),
        notes=(
            *(f"{pair}: no run of one of them was finished." for pair in missing),
            *missing_notes(compared, measures),
            *notes,
        ),
    )


def judge_contrasts(
    groups: Groups,
    contrasts: Sequence[tuple[str, str]],
    measures: Sequence[Shared],
    plan: ComparisonPlan,
    rng: Generator,
) -> tuple[tuple[PairRow, ...], list[str]]:
    """Compare and judge ``contrasts`` as one family; also sentences on losses that differ.

    Raises
    ------
    ValueError
        If a measure was not taken of any pair of runs of a contrast.
    """
    return judge_pairs(
        {
            pair: match_runs(groups[pair[0]], groups[pair[1]], names=pair, how="epoch")
            for pair in contrasts
        },
        measures,
        primary=choose_primary(measures, plan.primary[0]),
        required=[m.name for m in measures],
        settings=statistics_of(plan),
        rng=rng,
    )
