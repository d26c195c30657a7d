"""Pairs of groups judged together."""

from collections.abc import Collection, Mapping, Sequence

from numpy.random import Generator

from landscape import statistics
from landscape.compare.groups import Analysed
from landscape.compare.match import Matched
from landscape.compare.measures import Shared
from landscape.compare.same_losses import have_same_losses
from landscape.results import PairRow
from landscape.values import Levels

Pair = tuple[str, str]  # a group and its baseline


def judge_pairs(
    matches: Mapping[Pair, Matched],
    measures: Sequence[Shared],
    *,
    primary: str,
    required: Collection[str],
    turns: bool,
    levels: Levels,
    rng: Generator,
) -> tuple[tuple[PairRow, ...], list[str]]:
    """Compare every pair by every measure and judge; also sentences for the reader's notes.

    A measure that no runs of a pair share is left out of that pair, with a note, unless it is
    ``required``. With ``turns`` the primary measure is tested first.

    Raises
    ------
    ValueError
        If a required measure was not taken of any two runs of a pair.
    """
    contrasts, notes = [], []
    compared = {shared.name: shared.compared for shared in measures}
    for pair, matched in matches.items():
        same = have_same_losses(matched.runs, matched.baseline_runs, paired=matched.paired)
        if same:
            notes.append(
                f"Most losses of {pair[0]} and {pair[1]} agree to rounding, run by run: these look "
                "like the same functions on these examples, so that no difference is one of minima."
            )
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
            contrasts.append(
                statistics.compare_runs(
                    compared[shared.name],
                    runs,
                    partners,
                    names=pair,
                    paired=matched.paired,
                    same_losses=same,
                    levels=levels,
                    rng=rng,
                )
            )
    rows = []
    for found in statistics.judge(contrasts, primary=primary, levels=levels, turns=turns):
        matched = matches[found.group, found.baseline]
        rows.append(
            PairRow(
                **vars(found),
                paired=matched.paired,
                runs=tuple(c.label for c in matched.runs),
                baseline_runs=tuple(c.label for c in matched.baseline_runs),
                matched=matched.words,
                loss_ratio=matched.loss_ratio,
            )
        )
    low, high = levels.bounds
    notes += [
        f"The loss of {row.group} is {row.loss_ratio:.3g} times that of {row.baseline}, which by "
        "itself can make a minimum sharper or flatter."
        for row in rows
        if row.loss_ratio is not None and not low <= row.loss_ratio <= high
    ]
    return tuple(rows), notes


def _runs(checkpoints: Sequence[Analysed], shared: Shared) -> list[statistics.RunValues]:
    counts = {len(v.recentred_shards) for v in shared.values.values()}
    by_shard = len(counts) == 1 and counts != {0}
    runs = []
    for index, c in enumerate(checkpoints):
        value = shared.values.get(c.label)
        if value is None:
            continue
        values = value.recentred_shards if by_shard else (value.row.value,)
        runs.append(
            statistics.RunValues(
                seed=index if c.seed is None else c.seed,
                values=values,
                # The shards' geometric mean is the whole's value, and has its probe error.
                stderrs=(value.probe_stderr * len(values) ** 0.5,) * len(values),
            )
        )
    return runs
