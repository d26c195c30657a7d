"""Whether groups of spiking networks fire alike: else their curvatures differ for that alone.

The block of a layer's weights in a Gauss-Newton matrix is a mean of the squares of its inputs. A
spike is its own square, so that this grows in proportion to the firing rate, and its largest
eigenvalue up to the rate's square where neurons fire together. A ratio of rates beyond the bounds
within which a ratio of curvatures counts as no difference can thus make a difference by itself.
"""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from numpy.random import Generator

from landscape import statistics
from landscape.compare.groups import Analysed
from landscape.compare.match import Matched
from landscape.compare.pairs import Pair
from landscape.results import Activity, JudgedMeasure
from landscape.statistics import Effect, RunValues
from landscape.values import Levels

_RATE = JudgedMeasure(
    name="firing_rate",
    title="firing rate",
    larger_is="sharper",
    scale_invariant=True,
    hard_forward=True,
)


def activity_notes(
    matches: Mapping[Pair, Matched], levels: Levels, rng: Generator
) -> Iterator[str]:
    """A sentence for each pair of groups whose rates' ratio is outside the bounds of ``levels``.

    Nothing of pairs without two runs whose activity was measured, paired as the measures are.
    """
    for (group, baseline), matched in matches.items():
        runs, partners = _rates(matched.runs), _rates(matched.baseline_runs)
        shared = {r.seed for r in runs} & {r.seed for r in partners}
        if not (shared if matched.paired else runs and partners):
            continue
        effect = statistics.compare_runs(
            _RATE,
            runs,
            partners,
            names=(group, baseline),
            paired=matched.paired,
            levels=levels,
            rng=rng,
        ).effect
        if _is_far(effect, levels):
            rates = [f"{np.median([r.values[0] for r in g]):.3g}" for g in (runs, partners)]
            yield (
                f"{group} fires {rates[0]} times per neuron and step, {baseline} {rates[1]} "
                f"(medians): {_words(effect)}. A surrogate's curvature grows with activity, which "
                "by itself can make a minimum sharper or flatter."
            )


def _rates(checkpoints: Sequence[Analysed]) -> list[RunValues]:
    return [
        RunValues(
            seed=index if c.seed is None else c.seed,
            values=(result.firing.firing_rate.mean,),
            stderrs=(0.0,),
        )
        for index, c in enumerate(checkpoints)
        for result in c.results
        if isinstance(result, Activity)
    ]


def _is_far(effect: Effect, levels: Levels) -> bool:
    low, high = levels.bounds
    if effect.scale == "ratio":
        return not low <= effect.estimate <= high
    return effect.estimate != 0  # of networks that do not fire at all


def _words(effect: Effect) -> str:
    words = f"{effect.scale} {effect.estimate:.3g}"
    if (interval := effect.interval) is not None:
        words += f" ({interval.confidence:.0%} interval {interval.low:.3g} to {interval.high:.3g})"
    return words
