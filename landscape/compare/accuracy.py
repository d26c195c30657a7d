"""Does flatness go with test accuracy? Apart from the verdict, and no part of it."""

from collections.abc import Sequence

import numpy as np
from numpy.random import Generator

from landscape import statistics
from landscape.compare.groups import Groups
from landscape.compare.match import last_of_each_run
from landscape.compare.measures import Shared
from landscape.results import AccuracyRow
from landscape.statistics.multiplicity import holm
from landscape.values import Levels


def accuracy_rows(
    measures: Sequence[Shared], groups: Groups, levels: Levels, rng: Generator
) -> tuple[AccuracyRow, ...]:
    """Correlate each measure's logarithm with test accuracy, over the last checkpoints of runs.

    Values that are not all positive enter as they are. Measures without two runs whose sidecars
    tell their test accuracy are left out.
    """
    found = []
    for shared in measures:
        points = [
            (shared.values[c.label].row.value, c.run.test_accuracy, name, c.seed)
            for name, members in groups.items()
            for c in last_of_each_run(name, members)
            if c.label in shared.values and c.run.test_accuracy is not None
        ]
        if len(points) < 2:
            continue
        x = np.array([value for value, *_ in points])
        link = statistics.within_group_correlation(
            np.log(x) if (x > 0).all() else x,
            [accuracy for _, accuracy, _, _ in points],
            [name for _, _, name, _ in points],
            # Runs of unknown seeds share none.
            seeds=[i if seed is None else (seed,) for i, (*_, seed) in enumerate(points)],
            confidence=1 - levels.alpha,
            num_resamples=levels.num_resamples,
            rng=rng,
        )
        found.append((shared.name, link))
    tested = [(name, link.p_value) for name, link in found if link.p_value is not None]
    adjusted: dict[str, float] = {}
    if tested:
        corrected = holm([p for _, p in tested])
        adjusted = {name: p for (name, _), p in zip(tested, corrected, strict=True)}
    return tuple(
        AccuracyRow(**vars(link), measure=name, p_holm=adjusted.get(name)) for name, link in found
    )
