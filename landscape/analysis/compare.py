"""Are one group's minima flatter than another's? Stored results of many checkpoints, judged."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.random import Generator

from landscape import statistics
from landscape.analysis.compare_accuracy import accuracy_rows
from landscape.analysis.compare_groups import (
    Analysed,
    Groups,
    analysed_checkpoints,
    find_group,
    grouped,
)
from landscape.analysis.compare_match import Match, Matched, match_runs
from landscape.analysis.compare_measures import (
    Shared,
    choose_primary,
    few,
    missing_notes,
    selected,
    shared_measures,
)
from landscape.analysis.compare_rows import (
    measure_row,
    pair_row,
    statistics_measure,
)
from landscape.analysis.provenance import start_clock
from landscape.results import (
    ComparedGroup,
    Comparison,
    ComparisonSettings,
    PairRow,
    Result,
)


@dataclass(frozen=True, kw_only=True)
class CompareSettings:
    """What is compared with what, declared before looking.

    Attributes
    ----------
    baseline
        A group's name, or the start of one.
    groups
        For each group the globs of its checkpoints' paths, names or labels; None: by sidecar.
    primary
        The measure that decides; None: λ_max, that of S A S with filter scale where measured.
    measures
        Names or globs; None: the default ones.
    """

    baseline: str | None
    groups: Mapping[str, Sequence[str]] | None
    primary: str | None
    measures: Sequence[str] | None
    match: Match
    split: str
    allow_mismatch: bool
    statistics: statistics.Settings
    seed: int  # of the bootstrap
    command: str


def compare(results: Sequence[Result], *, settings: CompareSettings) -> Comparison:
    """Compare every group of checkpoints with the baseline, on all that was measured of them.

    A verdict rests on the primary measure and the agreement of a scale-invariant and a
    hard-forward one; p-values are corrected over all measures and pairs of groups.

    Raises
    ------
    ValueError
        If groups, baseline or primary cannot be told, no epoch is shared, or the results differ
        in data, examples, loss, operator, batch norm, dtype or weight decay.
    """
    clock, rng = start_clock(), np.random.default_rng(settings.seed)
    checkpoints = analysed_checkpoints(results, split=settings.split)
    groups = grouped(checkpoints, settings.groups)
    baseline = find_group(groups, settings.baseline)
    candidates = shared_measures(groups, baseline=baseline, allow_mismatch=settings.allow_mismatch)
    measures = selected(candidates, settings.measures)
    primary = choose_primary(measures, settings.primary)
    matches = {
        name: match_runs(members, groups[baseline], names=(name, baseline), how=settings.match)
        for name, members in groups.items()
        if name != baseline
    }
    pairs, notes = _judge(measures, matches, baseline, primary, settings.statistics, rng)
    return Comparison(
        provenance=clock.provenance(
            command=settings.command, seed=settings.seed, device=torch.device("cpu")
        ),
        baseline=baseline,
        settings=_stored_settings(settings, primary),
        groups=tuple(
            ComparedGroup(name=name, runs=tuple(c.run for c in members))
            for name, members in groups.items()
        ),
        measures=tuple(measure_row(m) for m in measures),
        pairs=tuple(pairs),
        accuracy=accuracy_rows(measures, groups, settings.statistics, rng),
        notes=(
            *_left_out(checkpoints, groups),
            *_not_compared(candidates, measures),
            *missing_notes(groups, measures),
            *notes,
        ),
    )


def _judge(
    measures: Sequence[Shared],
    matches: Mapping[str, Matched],
    baseline: str,
    primary: str,
    settings: statistics.Settings,
    rng: Generator,
) -> tuple[list[PairRow], list[str]]:
    comparisons, notes = [], []
    for group, matched in matches.items():
        for shared in measures:
            runs = _runs(matched.runs, shared)
            partners = _runs(matched.baseline_runs, shared)
            seeds = {r.seed for r in runs} & {r.seed for r in partners}
            if not (seeds if matched.paired else runs and partners):
                if shared.name == primary:
                    raise ValueError(
                        f"primary must be measured for {group!r} and {baseline!r} alike; {primary} "
                        "has no runs to be compared. Choose another with --primary."
                    )
                notes.append(f"{shared.title} could not be compared for {group}.")
                continue
            comparisons.append(
                statistics.compare_runs(
                    statistics_measure(shared),
                    runs,
                    partners,
                    names=(group, baseline),
                    paired=matched.paired,
                    settings=settings,
                    rng=rng,
                )
            )
    verdicts = statistics.judge(comparisons, primary=primary, settings=settings)
    rows = [
        pair_row(
            pair,
            matches[pair.group],
            measures,
            num_tests=len(comparisons),
            settings=settings,
        )
        for pair in verdicts
    ]
    low, high = settings.bounds
    notes += [
        f"The loss of {row.group} is {row.loss_ratio:.3g} times that of {row.baseline}, which by "
        "itself can make a minimum sharper or flatter."
        for row in rows
        if row.loss_ratio is not None and not low <= row.loss_ratio <= high
    ]
    return rows, notes


def _runs(checkpoints: Sequence[Analysed], shared: Shared) -> list[statistics.Run]:
    found = [(i, c, shared.values.get(c.label)) for i, c in enumerate(checkpoints)]
    counts = {len(v.recentred_shards) for v in shared.values.values()}
    by_shard = len(counts) == 1 and counts != {0}
    runs = []
    for index, c, value in found:
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


def _stored_settings(settings: CompareSettings, primary: str) -> ComparisonSettings:
    s = settings.statistics
    return ComparisonSettings(
        primary=primary,
        primary_declared=settings.primary is not None,
        match=settings.match,
        split=settings.split,
        alpha=s.alpha,
        power=s.power,
        bounds=s.bounds,
        num_resamples=s.num_resamples,
        allow_mismatch=settings.allow_mismatch,
    )


def _left_out(checkpoints: Iterable[Analysed], groups: Groups) -> list[str]:
    members = {c.label for group in groups.values() for c in group}
    outside = [c.label for c in checkpoints if c.label not in members]
    return [f"In no group: {few(outside)}."] if outside else []


def _not_compared(candidates: Sequence[Shared], measures: Sequence[Shared]) -> list[str]:
    chosen = {m.name for m in measures}
    others = [m.title for m in candidates if m.name not in chosen]
    return [f"Measured but not compared: {', '.join(others)}."] if others else []
