"""Verdicts on pairs of recipes, all of them one family of tests."""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from numpy.random import Generator

from landscape import statistics
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
from landscape.analysis.compare_rows import measure_row, pair_row, statistics_measure
from landscape.analysis.provenance import start_clock
from landscape.results import ComparedGroup, Comparison, ComparisonSettings, PairRow
from landscape.study.plan import ComparisonPlan

Groups = Mapping[str, Sequence[Analysed]]


def settings_of(plan: ComparisonPlan) -> statistics.Settings:
    """What the statistics need to know of a plan."""
    return statistics.Settings(
        alpha=plan.alpha, power=plan.power, bounds=plan.bounds, num_resamples=plan.num_resamples
    )


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
    primary = choose_primary(measures, plan.primary[0])
    pairs, notes = judge_pairs(compared, contrasts, measures, primary, settings_of(plan), rng)
    missing = [" against ".join(pair) for pair in plan.contrasts if pair not in contrasts]
    return Comparison(
        provenance=clock.provenance(command=command, seed=plan.seed, device=torch.device("cpu")),
        baseline=baseline,
        settings=ComparisonSettings(
            primary=primary,
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
        accuracy=accuracy_rows(measures, compared, settings_of(plan), rng),
        notes=(
            *(f"{pair}: no run of one of them was finished." for pair in missing),
            *missing_notes(compared, measures),
            *notes,
        ),
    )


def judge_pairs(
    groups: Groups,
    contrasts: Sequence[tuple[str, str]],
    measures: Sequence[Shared],
    primary: str,
    settings: statistics.Settings,
    rng: Generator,
) -> tuple[tuple[PairRow, ...], list[str]]:
    """Compare and judge ``contrasts`` as one family; also sentences on losses that differ.

    Raises
    ------
    ValueError
        If a measure was not taken of any pair of runs of a contrast.
    """
    matches = {
        pair: match_runs(groups[pair[0]], groups[pair[1]], names=pair, how="epoch")
        for pair in contrasts
    }
    comparisons = []
    for pair, matched in matches.items():
        for shared in measures:
            runs = _measured(matched.runs, shared)
            partners = _measured(matched.baseline_runs, shared)
            if not ({r.seed for r in runs} & {r.seed for r in partners} or not matched.paired):
                raise ValueError(
                    f"{shared.name} must be measured of the same seeds of {pair[0]!r} and "
                    f"{pair[1]!r}; it was not of any."
                )
            comparisons.append(
                statistics.compare_runs(
                    statistics_measure(shared),
                    runs,
                    partners,
                    names=pair,
                    paired=matched.paired,
                    settings=settings,
                    rng=rng,
                )
            )
    rows = tuple(
        pair_row(
            found,
            matches[found.group, found.baseline],
            measures,
            num_tests=len(comparisons),
            settings=settings,
        )
        for found in statistics.judge(comparisons, primary=primary, settings=settings)
    )
    low, high = settings.bounds
    notes = [
        f"The loss of {row.group} is {row.loss_ratio:.3g} times that of {row.baseline}, which by "
        "itself can make a minimum sharper or flatter."
        for row in rows
        if row.loss_ratio is not None and not low <= row.loss_ratio <= high
    ]
    return rows, notes


def _measured(checkpoints: Sequence[Analysed], shared: Shared) -> list[statistics.Run]:
    counts = {len(v.recentred_shards) for v in shared.values.values()}
    by_shard = len(counts) == 1 and counts != {0}
    runs = []
    for index, c in enumerate(checkpoints):
        value = shared.values.get(c.label)
        if value is None:
            continue
        values = value.recentred_shards if by_shard else (value.row.value,)
        runs.append(
            statistics.Run(
                seed=index if c.seed is None else c.seed,
                values=values,
                stderrs=(value.probe_stderr,) * len(values),
            )
        )
    return runs
