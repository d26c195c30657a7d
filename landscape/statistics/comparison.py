"""One measure, two groups of training runs: every number that a verdict will need.

The unit is an independent training run; data shards and probes only say how well each run was
measured, and never count as further runs.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from landscape.results.comparison import JudgedMeasure
from landscape.statistics.arrays import as_stderrs, as_table
from landscape.statistics.effects import Effect, Sample, effect_of
from landscape.values import Levels


@dataclass(frozen=True, kw_only=True)
class RunValues:
    """One training run's value of a measure on each of K disjoint data shards."""

    seed: int
    values: tuple[float, ...]  # K numbers, units of the measure
    stderrs: tuple[float, ...]  # K probe standard errors; 0 where the measure has no probes


@dataclass(frozen=True, kw_only=True)
class Contrast:
    """A group against its baseline on one measure, before any correction for other tests."""

    measure: JudgedMeasure
    group: str
    baseline: str
    paired: bool
    num_runs: tuple[int, int]  # compared, of the group and of the baseline
    num_left_out: int  # runs of either group without a partner of the same seed
    effect: Effect
    same_losses: bool = False  # of each run and its partner, to rounding: the same functions


def seeds_pair(group: Iterable[object], baseline: Iterable[object]) -> bool:
    """Say whether at least two seeds, and half of the larger group's, occur in both groups.

    The same seeds pair, single ones too, though one pair shows nothing. Whatever is no number, such
    as the label of a run whose seed is unknown, pairs with nothing.
    """
    a, b = set(group), set(baseline)
    if not all(isinstance(seed, int) for seed in a | b):
        return False
    shared = len(a & b)
    return a == b or (shared >= 2 and 2 * shared >= max(len(a), len(b)))


def compare_runs(
    measure: JudgedMeasure,
    runs: Sequence[RunValues],
    baseline: Sequence[RunValues],
    *,
    names: tuple[str, str],
    paired: bool,
    same_losses: bool = False,
    levels: Levels,
    rng: Generator,
) -> Contrast:
    """Compare ``runs`` with ``baseline``; ``names`` are the groups' names, in that order.

    ``paired`` matches runs by seed and leaves out those without a partner; ``seeds_pair`` says
    when that is sensible. One run a group is accepted and gives p = 1. ``same_losses`` says that
    the runs look like their partners' functions.

    Raises
    ------
    ValueError
        If nothing is left to compare, a seed occurs twice in a group to be paired, runs differ in
        their number of shards, or a value is not finite.
    """
    kept, partners = _match(names, runs, baseline) if paired else (runs, baseline)
    if not kept or not partners:
        raise ValueError(
            f"runs and baseline must each hold a run{' of a shared seed' if paired else ''}; "
            f"{names[0]!r} has {len(runs)} and {names[1]!r} {len(baseline)}, "
            f"of which {len(kept)} and {len(partners)} are left. Add runs, or set paired=False."
        )
    a, b = _sample(names[0], kept), _sample(names[1], partners)
    if paired and a.values.shape != b.values.shape:
        raise ValueError(
            f"paired runs must share their data shards; {names[0]!r} has {a.values.shape[1]} a "
            f"run, {names[1]!r} {b.values.shape[1]}. Measure both on the same shards."
        )
    return Contrast(
        measure=measure,
        group=names[0],
        baseline=names[1],
        paired=paired,
        num_runs=(len(kept), len(partners)),
        num_left_out=len(runs) + len(baseline) - len(kept) - len(partners),
        effect=effect_of(a, b, paired=paired, levels=levels, rng=rng),
        same_losses=same_losses,
    )


def _match(
    names: tuple[str, str], runs: Sequence[RunValues], baseline: Sequence[RunValues]
) -> tuple[list[RunValues], list[RunValues]]:
    by_seed = []
    for name, group in zip(names, (runs, baseline), strict=True):
        seeds = {run.seed: run for run in group}
        if len(seeds) < len(group):
            raise ValueError(
                f"runs to be paired must have one run a seed; {name!r} has {len(group)} runs of "
                f"{len(seeds)} seeds. Set paired=False, or choose one run a seed."
            )
        by_seed.append(seeds)
    shared = sorted(by_seed[0].keys() & by_seed[1].keys())
    return [by_seed[0][seed] for seed in shared], [by_seed[1][seed] for seed in shared]


def _sample(name: str, runs: Sequence[RunValues]) -> Sample:
    for run in runs:
        if not len(run.values) == len(run.stderrs) == len(runs[0].values):
            raise ValueError(
                f"all runs of {name!r} must have the same shards and a stderr for each; seed "
                f"{run.seed} has {len(run.values)} values and {len(run.stderrs)} stderrs, the "
                f"first run {len(runs[0].values)} values. Measure them on the same shards."
            )
    values = as_table(f"the values of {name!r}", np.array([run.values for run in runs]), minimum=1)
    stderrs = np.array([run.stderrs for run in runs])
    return Sample(
        values=values, stderrs=as_stderrs(f"the stderrs of {name!r}", stderrs, like=values)
    )
