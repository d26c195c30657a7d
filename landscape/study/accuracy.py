"""Final accuracies with intervals, and the epochs that it takes to reach one."""

from collections.abc import Sequence

import numpy as np

from landscape.results.study import AccuracyDifference, RecipeAccuracy, SpeedRow
from landscape.results.training import TrainingCurves
from landscape.statistics.designs import Pairs
from landscape.statistics.intervals import t_interval
from landscape.statistics.inversion import centre_of, interval_of
from landscape.statistics.scores import Scale
from landscape.study.gathered import Curves
from landscape.study.plan_parts import ComparisonPlan
from landscape.values import Interval, capped_exp


def recipe_accuracies(curves: Curves, plan: ComparisonPlan) -> tuple[RecipeAccuracy, ...]:
    """Mean final accuracy of each recipe on each split, with its t interval over seeds."""
    rows = []
    for split, claimed in (("train", plan.claimed_train), ("test", plan.claimed_test)):
        for recipe, by_seed in curves.items():
            found = [a for c in by_seed.values() if (a := final_accuracy(c, split)) is not None]
            if not found:
                continue
            x = np.array(found)
            confidence = 1 - plan.alpha
            interval = t_interval(x, confidence=confidence) if len(x) > 1 else None
            rows.append(
                RecipeAccuracy(
                    recipe=recipe,
                    split=split,
                    num_runs=len(x),
                    mean=float(x.mean()),
                    interval=interval,
                    lowest=float(x.min()),
                    highest=float(x.max()),
                    claimed=claimed,
                    words=_against_claim(interval, claimed),
                )
            )
    return tuple(rows)


def final_accuracy(curves: TrainingCurves, split: str) -> float | None:
    """At the final weights, where the sidecar tells; else of the last epoch."""
    training = curves.subject.training
    if training is not None:
        known = training.train_accuracy if split == "train" else training.test_accuracy
        if known is not None:
            return known
    values = curves.train_accuracy if split == "train" else curves.test_accuracy
    return None if values is None or not np.isfinite(values[-1]) else float(values[-1])


def accuracy_differences(curves: Curves, plan: ComparisonPlan) -> tuple[AccuracyDifference, ...]:
    """Test accuracy of each contrast's group less its baseline's, paired by seed."""
    rows = []
    for group, baseline in plan.contrasts:
        pairs = [
            (final_accuracy(a, "test"), final_accuracy(b, "test"))
            for a, b in _pairs(curves, group, baseline)
        ]
        both = [(a, b) for a, b in pairs if a is not None and b is not None]
        if not both:
            continue
        difference, interval = _paired(both, "difference", plan)
        rows.append(
            AccuracyDifference(
                group=group,
                baseline=baseline,
                num_pairs=len(both),
                difference=difference,
                interval=interval,
            )
        )
    return tuple(rows)


def speed_rows(curves: Curves, plan: ComparisonPlan) -> tuple[SpeedRow, ...]:
    """Epochs to each accuracy of the plan, for each contrast.

    Runs that never reach it have no such number: they are counted, and the ratio is over the
    seeds where both do, which favours the recipe that fails more often.
    """
    return tuple(
        _speed_row(curves, group, baseline, accuracy, plan)
        for accuracy in plan.accuracies
        for group, baseline in plan.contrasts
        if curves.get(group) and curves.get(baseline)
    )


def epochs_to_reach(curves: TrainingCurves, accuracy: float) -> float | None:
    """Epochs until the test accuracy is first at least ``accuracy``; None: never.

    Between two epochs by linear interpolation; within the first epoch nothing is known, and 1.
    """
    values = curves.test_accuracy
    if values is None:
        return None
    for i, value in enumerate(values):
        if value >= accuracy:
            if i == 0:
                return float(curves.epochs[0])
            before, epoch = float(values[i - 1]), float(curves.epochs[i - 1])
            share = (accuracy - before) / (float(value) - before)
            return epoch + share * (float(curves.epochs[i]) - epoch)
    return None


def _speed_row(
    curves: Curves, group: str, baseline: str, accuracy: float, plan: ComparisonPlan
) -> SpeedRow:
    a = [epochs_to_reach(c, accuracy) for c in curves[group].values()]
    b = [epochs_to_reach(c, accuracy) for c in curves[baseline].values()]
    reached_a, reached_b = [e for e in a if e is not None], [e for e in b if e is not None]
    both = [
        (x, y)
        for p, q in _pairs(curves, group, baseline)
        if (x := epochs_to_reach(p, accuracy)) is not None
        and (y := epochs_to_reach(q, accuracy)) is not None
    ]
    centre, logged = _paired(both, "ratio", plan) if both else (None, None)
    interval = None if logged is None else logged.exp()
    return SpeedRow(
        group=group,
        baseline=baseline,
        accuracy=accuracy,
        epochs=float(np.median(reached_a)) if reached_a else None,
        baseline_epochs=float(np.median(reached_b)) if reached_b else None,
        num_reached=(len(reached_a), len(reached_b)),
        num_runs=(len(a), len(b)),
        num_pairs=len(both),
        ratio=None if centre is None else capped_exp(centre),
        interval=interval,
        words=_speed_words(interval, len(both)),
    )


def _speed_words(interval: Interval | None, num_pairs: int) -> str:
    if interval is None:
        return f"not decided: {num_pairs} pairs reach it"
    if interval.high < 1:
        return "faster"
    return "slower" if interval.low > 1 else "not decided"


def _against_claim(interval: Interval | None, claimed: float | None) -> str:
    if claimed is None:
        return ""
    if interval is None:
        return "not decided: one run"
    if interval.low >= claimed:
        return "reached"
    return "not reached" if interval.high < claimed else "not decided"


def _paired(
    pairs: Sequence[tuple[float, float]], scale: Scale, plan: ComparisonPlan
) -> tuple[float, Interval | None]:
    """The central difference, or log ratio, and its interval: where no test implies one, t's."""
    a, b = np.array(pairs).T
    rng = np.random.default_rng(plan.seed)
    design = Pairs.of(a, b, num_resamples=plan.num_resamples, rng=rng)
    interval = interval_of(design, scale, alpha=plan.alpha)
    if interval is None and len(a) > 1:
        d = np.log(a / b) if scale == "ratio" else a - b
        interval = t_interval(d, confidence=1 - plan.alpha)
    return centre_of(design, scale), interval


def _pairs(
    curves: Curves, group: str, baseline: str
) -> Sequence[tuple[TrainingCurves, TrainingCurves]]:
    a, b = curves.get(group, {}), curves.get(baseline, {})
    return [(a[seed], b[seed]) for seed in a if seed in b]
