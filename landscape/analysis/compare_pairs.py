"""Pairs of groups judged as one family of tests: by ``landscape compare``, studies and controls."""

from collections.abc import Collection, Mapping, Sequence

from numpy.random import Generator

from landscape import statistics
from landscape.analysis.compare_groups import Analysed
from landscape.analysis.compare_match import Matched
from landscape.analysis.compare_measures import Shared
from landscape.analysis.compare_rows import pair_row, statistics_measure
from landscape.analysis.compare_settings import DecisionSettings
from landscape.results import PairRow

Pair = tuple[str, str]  # a group and its baseline


def statistics_of(settings: DecisionSettings) -> statistics.Settings:
    """What the statistics need to know of what was declared.

    Raises
    ------
    ValueError
        If alpha or power is no probability.
    """
    return statistics.Settings(
        alpha=settings.alpha,
        power=settings.power,
        bounds=settings.bounds,
        num_resamples=settings.num_resamples,
    )


def judge_pairs(
    matches: Mapping[Pair, Matched],
    measures: Sequence[Shared],
    *,
    primary: str,
    required: Collection[str],
    settings: statistics.Settings,
    rng: Generator,
) -> tuple[tuple[PairRow, ...], list[str]]:
    """Compare every pair by every measure and judge; also sentences for the reader's notes.

    A measure that no runs of a pair share is left out of that pair, with a note, unless it is
    ``required``.

    Raises
    ------
    ValueError
        If a required measure was not taken of any two runs of a pair.
    """
    comparisons, notes = [], []
    for pair, matched in matches.items():
        for shared in measures:
            runs = _runs(matched.runs, shared)
            partners = _runs(matched.baseline_runs, shared)
            seeds = {r.seed for r in runs} & {r.seed for r in partners}
            if not (seeds if matched.paired else runs and partners):
                if shared.name in required:
                    raise ValueError(
                        f"{shared.name!r} decides, so it must be measured for {pair[0]!r} and "
                        f"{pair[1]!r} alike; it has no runs of the two to be compared. Analyse "
                        "them again with it, or let another measure decide (--primary)."
                    )
                notes.append(f"{shared.title} could not be compared for {' and '.join(pair)}.")
                continue
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
    notes += [
        f"The loss of {row.group} is {row.loss_ratio:.3g} times that of {row.baseline}, which by "
        "itself can make a minimum sharper or flatter."
        for row in rows
        if row.loss_ratio is not None and not low <= row.loss_ratio <= high
    ]
    return rows, notes


def _runs(checkpoints: Sequence[Analysed], shared: Shared) -> list[statistics.Run]:
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
                # The shards' geometric mean is the whole's value, and has its probe error.
                stderrs=(value.probe_stderr * len(values) ** 0.5,) * len(values),
            )
        )
    return runs
