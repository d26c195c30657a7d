"""From the statistics of a comparison to the rows that are stored, and the runs it would take."""

import math
from collections.abc import Sequence

from landscape.analysis.compare_match import Matched
from landscape.analysis.compare_measures import Shared
from landscape.results import (
    MEASURES,
    ComparedMeasure,
    MeasureRow,
    PairRow,
    RunValue,
    StoredComponents,
    StoredInterval,
)
from landscape.statistics import (
    Comparison,
    Interval,
    Measure,
    MeasureVerdict,
    PairVerdict,
    Settings,
)
from landscape.statistics.components import VarianceComponents
from landscape.statistics.detectable import found_log_ratio

_MOST_RUNS = 10_000


def statistics_measure(shared: Shared) -> Measure:
    """What the statistics need to know of a measure."""
    return Measure(
        name=shared.name,
        title=shared.title,
        larger_is="sharper" if shared.any.row.better == "lower" else "flatter",
        scale_invariant=shared.scale_invariant,
        hard_forward=shared.hard_forward,
    )


def measure_row(shared: Shared) -> ComparedMeasure:
    """The measure with its value on every checkpoint."""
    measure, row = statistics_measure(shared), shared.any.row
    return ComparedMeasure(
        name=shared.name,
        title=measure.title,
        formula=row.formula,
        source=MEASURES[row.name].source,
        unit=row.unit,
        larger_is=measure.larger_is,
        scale_invariant=measure.scale_invariant,
        hard_forward=measure.hard_forward,
        settings=shared.settings,
        mismatch=shared.mismatch,
        values=tuple(
            RunValue(
                label=label,
                value=value.row.value,
                stderr=value.probe_stderr,
                shards=value.recentred_shards,
            )
            for label, value in shared.values.items()
        ),
    )


def pair_row(
    pair: PairVerdict,
    matched: Matched,
    measures: Sequence[Shared],
    *,
    num_tests: int,
    settings: Settings,
) -> PairRow:
    """The answer for one pair of groups, with a mark on what was not measured alike."""
    mismatch = {m.name: m.mismatch for m in measures if m.mismatch}
    voices = [v for v in pair.measures if v.comparison.measure.name in mismatch]
    reason = pair.reason
    if voices:
        names = ", ".join(v.comparison.measure.title for v in voices)
        reason += f". Not measured alike, so not to be relied on: {names}"
    return PairRow(
        group=pair.group,
        baseline=pair.baseline,
        verdict=pair.verdict,
        reason=reason,
        paired=matched.paired,
        runs=tuple(c.label for c in matched.runs),
        baseline_runs=tuple(c.label for c in matched.baseline_runs),
        matched=matched.words,
        loss_ratio=matched.loss_ratio,
        measures=tuple(
            _verdict_row(v, mismatch.get(v.comparison.measure.name, ""), num_tests, settings)
            for v in pair.measures
        ),
    )


def _verdict_row(
    v: MeasureVerdict, mismatch: str, num_tests: int, settings: Settings
) -> MeasureRow:
    c, effect = v.comparison, v.comparison.effect
    return MeasureRow(
        measure=c.measure.name,
        verdict=v.verdict,
        reason=f"{v.reason}; not measured alike: {mismatch}" if mismatch else v.reason,
        scale=effect.scale,
        estimate=effect.estimate,
        interval=stored_interval(effect.interval),
        other_intervals=tuple(i for i in map(stored_interval, effect.other_intervals) if i),
        test=effect.test_name,
        p_value=effect.test.p_value,
        p_floor=effect.test.floor,
        p_holm=v.p_holm,
        equivalence_p=effect.equivalence_p,
        equivalence_p_holm=v.equivalence_p_holm,
        detectable_ratio=v.detectable_ratio,
        runs_needed=runs_needed(c, num_tests=num_tests, settings=settings),
        components=_components(effect.components),
        num_runs=c.num_runs,
        num_left_out=c.num_left_out,
    )


def runs_needed(comparison: Comparison, *, num_tests: int, settings: Settings) -> int | None:
    """Least number of pairs, or of runs a group, that would show the smallest ratio that counts.

    That is the bound nearer to 1, shown with ``settings.power`` at alpha/num_tests by runs that
    scatter like these; None where these scatter unknown, or above 10,000. A planning figure.
    """
    effect, (n, m) = comparison.effect, comparison.num_runs
    if effect.stderr is None:
        return None
    smallest = min(abs(math.log(bound)) for bound in settings.bounds)
    alpha = settings.alpha / num_tests
    # Of one pair, or of one run in each group.
    spread = effect.stderr * math.sqrt(n if comparison.paired else 2 / (1 / n + 1 / m))

    def enough(runs: int) -> bool:
        shown = found_log_ratio(
            stderr=spread / math.sqrt(runs),
            dof=runs - 1.0 if comparison.paired else 2.0 * (runs - 1),
            num_runs=(runs, runs),
            paired=comparison.paired,
            alpha=alpha,
            power=settings.power,
        )
        return shown <= smallest

    low, high = 1, 2
    while not enough(high):
        low, high = high, 2 * high
        if low > _MOST_RUNS:
            return None
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high if high <= _MOST_RUNS else None


def stored_interval(interval: Interval | None) -> StoredInterval | None:
    """An interval in the form that is stored."""
    if interval is None:
        return None
    return StoredInterval(
        low=interval.low,
        high=interval.high,
        confidence=interval.confidence,
        method=interval.method,
    )


def _components(found: VarianceComponents | None) -> StoredComponents | None:
    if found is None:
        return None
    return StoredComponents(
        seed=found.seed,
        shard=found.shard,
        probe=found.probe,
        num_seeds=found.num_seeds,
        num_shards=found.num_shards,
        measurement_share=found.measurement_share,
    )
