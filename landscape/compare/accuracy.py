"""Does flatness go with test accuracy, or another outcome? Apart from the verdict."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.random import Generator

from landscape import statistics
from landscape.compare.groups import Groups
from landscape.compare.match import last_of_each_run
from landscape.compare.measures import Shared
from landscape.results import AccuracyRow
from landscape.statistics.multiplicity import holm
from landscape.values import Levels, WithinGroupCorrelation

ByLabel = Mapping[str, float]  # of checkpoints


class Link(NamedTuple):
    """A measure against an outcome."""

    measure: Shared
    outcome: str
    correlation: WithinGroupCorrelation
    p_holm: float | None  # over all links that were asked for together


def accuracy_rows(
    measures: Sequence[Shared], groups: Groups, levels: Levels, rng: Generator
) -> tuple[AccuracyRow, ...]:
    """Correlate each measure's logarithm with test accuracy, over the last checkpoints of runs.

    Values that are not all positive enter as they are. Measures without two runs whose sidecars
    tell their test accuracy are left out.
    """
    accuracies = {
        c.label: c.run.test_accuracy
        for members in groups.values()
        for c in members
        if c.run.test_accuracy is not None
    }
    found = links(measures, {"test accuracy": accuracies}, groups, levels, rng)
    return tuple(
        AccuracyRow(**vars(link.correlation), measure=link.measure.name, p_holm=link.p_holm)
        for link in found
    )


def links(
    measures: Sequence[Shared],
    outcomes: Mapping[str, ByLabel],
    groups: Groups,
    levels: Levels,
    rng: Generator,
    *,
    ranks: bool = False,
) -> list[Link]:
    """Every measure against every outcome, within groups; p-values are one family.

    Parameters
    ----------
    ranks
        Rank correlations of sharpness, larger is sharper; else correlations of the measure's
        logarithm where all values are positive, of the measure where not.
    """
    asked = [(measure, name) for measure in measures for name in outcomes]
    found = [
        (measure, name, correlation)
        for measure, name in asked
        if (correlation := _correlation(measure, outcomes[name], groups, levels, rng, ranks))
    ]
    tested = {i: c.p_value for i, (_, _, c) in enumerate(found) if c.p_value is not None}
    corrected = holm(list(tested.values())) if tested else ()
    adjusted = dict(zip(tested, corrected, strict=True))
    return [Link(*row, adjusted.get(i)) for i, row in enumerate(found)]


def _correlation(
    measure: Shared,
    outcome: ByLabel,
    groups: Groups,
    levels: Levels,
    rng: Generator,
    ranks: bool,
) -> WithinGroupCorrelation | None:
    """Of the runs that have both; None of fewer than two."""
    points = [
        (measure.values[c.label].row.value, outcome[c.label], name, c.seed)
        for name, members in groups.items()
        for c in last_of_each_run(name, members)
        if c.label in measure.values and c.label in outcome
    ]
    if len(points) < 2:
        return None
    x = np.array([value for value, *_ in points])
    if ranks:
        x = x if measure.any.row.better == "lower" else -x
    elif (x > 0).all():
        x = np.log(x)
    return statistics.within_group_correlation(
        x,
        [value for _, value, _, _ in points],
        [name for _, _, name, _ in points],
        # Runs of unknown seeds share none.
        seeds=[i if seed is None else (seed,) for i, (*_, seed) in enumerate(points)],
        ranks=ranks,
        confidence=1 - levels.alpha,
        num_resamples=levels.num_resamples,
        rng=rng,
    )
