"""Are one group's minima flatter than another's? Stored results of many checkpoints, judged."""

from collections.abc import Iterable, Sequence

import numpy as np
import torch

from landscape.analysis.provenance import start_clock
from landscape.compare.accuracy import accuracy_rows
from landscape.compare.activity import activity_notes
from landscape.compare.groups import (
    Analysed,
    Groups,
    analysed_checkpoints,
    find_group,
    grouped,
    groups_note,
)
from landscape.compare.match import match_runs
from landscape.compare.measures import (
    Shared,
    choose_primary,
    default_measures,
    missing_notes,
    primary_reason,
    selected,
    shared_measures,
)
from landscape.compare.pairs import Pair, judge_pairs
from landscape.compare.recipes import confounded
from landscape.compare.settings import CompareSettings
from landscape.hints import few
from landscape.results import ComparedGroup, Comparison, ComparisonSettings, Result


def compare(results: Sequence[Result], *, settings: CompareSettings) -> Comparison:
    """Compare every group of checkpoints with the baseline, on all that was measured of them.

    Raises
    ------
    ValueError
        If groups, baseline or primary cannot be told, groups are fewer than two, no epoch is
        shared, or the results differ in data, examples, loss, operator, batch norm, dtype or
        weight decay.
    """
    checkpoints = analysed_checkpoints(results, split=settings.split)
    groups = grouped(checkpoints, settings.groups)
    note = groups_note(checkpoints, settings.groups, groups)
    if len(groups) < 2:
        raise ValueError(f"groups must be at least 2 to be compared; got {len(groups)}. {note}")
    baseline = find_group(groups, settings.baseline, note=note)
    return compare_groups(
        groups,
        [(name, baseline) for name in groups if name != baseline],
        settings=settings,
        notes=(
            *([] if settings.groups else [note]),
            *_confounded(groups, baseline),
            *_left_out(checkpoints, groups),
        ),
    )


def compare_groups(
    groups: Groups, pairs: Sequence[Pair], *, settings: CompareSettings, notes: Sequence[str] = ()
) -> Comparison:
    """Compare ``pairs`` of a group and its baseline, on all that was measured of every group.

    A verdict rests on the primary measure and the agreement of a scale-invariant and a
    hard-forward one; p-values are corrected over all measures and pairs. ``notes`` come before
    those on what could not be compared.

    Raises
    ------
    ValueError
        If the primary measure cannot be told, no epoch is shared, a pair lacks a required measure,
        or the results differ in data, examples, loss, operator, batch norm, dtype or weight decay.
    """
    clock, rng = start_clock(), np.random.default_rng(settings.seed)
    baseline = pairs[0][1]
    candidates = shared_measures(groups, baseline=baseline, allow_mismatch=settings.allow_mismatch)
    defaults = default_measures(candidates, settings.primary)
    by_default = settings.measures is None and len(defaults) > 1
    measures = defaults if by_default else selected(candidates, settings.measures or ("*",))
    primary = choose_primary(measures, settings.primary)
    matches = {
        pair: match_runs(groups[pair[0]], groups[pair[1]], names=pair, how=settings.match)
        for pair in pairs
    }
    rows, further = judge_pairs(
        matches,
        measures,
        primary=primary,
        required=[m.name for m in measures] if settings.all_required else [primary],
        turns=by_default,
        levels=settings,
        rng=rng,
    )
    accuracy = accuracy_rows(measures, groups, settings, rng)
    return Comparison(
        provenance=clock.provenance(
            command=settings.command, seed=settings.seed, device=torch.device("cpu")
        ),
        baseline=baseline,
        settings=ComparisonSettings(
            **settings.levels,
            primary=primary,
            primary_declared=settings.primary is not None,
            match=settings.match,
            split=settings.split,
            allow_mismatch=settings.allow_mismatch,
            turns=by_default,
            primary_reason=primary_reason(
                candidates,
                next(m for m in measures if m.name == primary),
                declared=settings.primary is not None,
            ),
        ),
        groups=tuple(
            ComparedGroup(name=name, runs=tuple(c.run for c in members))
            for name, members in groups.items()
        ),
        measures=tuple(m.compared for m in measures),
        pairs=rows,
        accuracy=accuracy,
        notes=(
            *notes,
            *_not_compared(candidates, measures),
            *missing_notes(groups, measures),
            *further,
            *activity_notes(matches, settings, rng),
        ),
    )


def _confounded(groups: Groups, baseline: str) -> list[str]:
    subjects = {name: [c.subject for c in members] for name, members in groups.items()}
    differences = {
        name: confounded(found, subjects[baseline])
        for name, found in subjects.items()
        if name != baseline
    }
    return [
        f"{name} and {baseline} differ in {', '.join(parts[:-1])} and {parts[-1]}: what is found "
        "may come from any of these."
        for name, parts in differences.items()
        if parts
    ]


def _left_out(checkpoints: Iterable[Analysed], groups: Groups) -> list[str]:
    members = {c.label for group in groups.values() for c in group}
    outside = [c.label for c in checkpoints if c.label not in members]
    return [f"In no group: {few(outside)}."] if outside else []


def _not_compared(candidates: Sequence[Shared], measures: Sequence[Shared]) -> list[str]:
    chosen = {m.name for m in measures}
    others = [m.title for m in candidates if m.name not in chosen]
    return [f"Measured but not compared: {', '.join(others)}."] if others else []
