"""What noise on the weights, their rounding and shifted inputs change in loss and accuracy."""

import math
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from landscape.analysis.other_split import on_other_split
from landscape.analysis.progress import Progress
from landscape.analysis.provenance import start_clock
from landscape.analysis.robustness.inputs import InputShift, input_shifts, with_inputs
from landscape.analysis.robustness.settings import RobustnessSettings
from landscape.analysis.target import Target
from landscape.analysis.target_checks import fitting_advice
from landscape.curvature.example_scores import ExampleScores, example_scores
from landscape.curvature.perturbation import check_radii, noise_like
from landscape.curvature.rounding import rounded
from landscape.curvature.scaling import relative_scale
from landscape.distributed import rank
from landscape.linalg.linear_map import LinearMap
from landscape.linalg.units import Keep, unit, within
from landscape.objective.risk import EmpiricalRisk
from landscape.results.robustness import (
    ROUNDING,
    WEIGHT_NOISE,
    Disturbed,
    Robustness,
    Undisturbed,
)
from landscape.store.identity import identity_of
from landscape.store.units import journal
from landscape.values import Estimate, finite_or_none

Passes = Callable[[], Iterator[ExampleScores]]  # one after the other: each holds all examples


class _Disturbance(NamedTuple):
    name: str
    size: float
    passes: Passes
    num_passes: int
    num_draws: int = 1  # of independent noise, each of ``num_passes / num_draws`` passes


def robustness(
    target: Target,
    *,
    settings: RobustnessSettings,
    state: Path | None = None,
    progress: Progress,
) -> Robustness:
    """Disturb weights and inputs, and set each example's loss and answer against the undisturbed.

    On the target's own examples, and where these are training examples of a checkpoint also on up
    to 1,000 of the test split. All networks of one layout see the same noise, on both splits.

    - ``weight-noise``: ρ S ε, ε ~ N(0, I), S the filters' norms (:mod:`landscape.curvature.
      perturbation`), the mean over antithetic pairs.
    - ``rounding``: θ at the levels of :mod:`landscape.curvature.rounding`.
    - inputs: see :func:`landscape.analysis.robustness.inputs.input_shifts`.

    Parameters
    ----------
    state
        File where finished units of the work are kept until its end.

    Raises
    ------
    ValueError
        For radii that are not ascending, or fewer than 2 bits.
    DoesNotApply
        If all weights are 0: noise is relative to them.
    """
    check_radii("radii", settings.radii)
    clock = start_clock()
    splits, left_out = _splits(target, settings)
    done, total = 0, settings.num_passes * len(splits)
    clean: list[Undisturbed] = []
    rows: list[Disturbed] = []
    with journal(state, identity_of(target, vars(settings))) as keep:
        for split, risk in splits.items():
            base = example_scores(risk, risk.theta)
            clean.append(
                Undisturbed(
                    split=split,
                    num_examples=risk.num_examples,
                    loss=base.loss,
                    accuracy=base.accuracy,
                )
            )
            shifts, reason = input_shifts(risk, settings, _rng(target, f"inputs {rank()}"))
            if reason and reason not in left_out:
                left_out.append(reason)
            done += 1
            for disturbance in (
                *_of_weights(target, risk, settings),
                *(_of_inputs(risk, shift) for shift in shifts),
            ):
                progress(done, total)
                rows.append(_row(split, disturbance, base, within(keep, split)))
                done += disturbance.num_passes
    progress(total, total)
    return Robustness(
        subject=target.subject,
        provenance=clock.provenance_of(target),
        undisturbed=tuple(clean),
        rows=tuple(rows),
        left_out=tuple(left_out),
        num_evaluations=done,
    )


def _splits(
    target: Target, settings: RobustnessSettings
) -> tuple[dict[str, EmpiricalRisk], list[str]]:
    """The risk of each split, held-out examples last; and why there are none."""
    own, split = target.part(settings.part).risk, target.subject.split
    if split != "train":
        return {split: own}, []
    try:
        held_out, source = on_other_split(target, None)
    except ValueError as error:
        return {split: own}, [f"held-out examples: {error}"]
    with fitting_advice(target.subject.label, held_out, source):
        held_out.evaluate()
    return {split: own, source.split: held_out}, []


def _rng(target: Target, what: str) -> torch.Generator:
    return target.generator(f"robustness {what}")


def _of_weights(
    target: Target, risk: EmpiricalRisk, settings: RobustnessSettings
) -> Iterator[_Disturbance]:
    scale = relative_scale("filter", risk)
    for radius in settings.radii:
        yield _Disturbance(
            WEIGHT_NOISE,
            radius,
            partial(_noisy, target, risk, scale, radius, settings.num_pairs),
            2 * settings.num_pairs,
            settings.num_pairs,
        )
    for bits in settings.bits:
        yield _Disturbance(ROUNDING, bits, partial(_rounded, risk, bits), 1)


def _rounded(risk: EmpiricalRisk, bits: int) -> Iterator[ExampleScores]:
    yield example_scores(risk, rounded(risk.layout, risk.theta, bits))


def _noisy(
    target: Target, risk: EmpiricalRisk, scale: LinearMap, radius: float, num_pairs: int
) -> Iterator[ExampleScores]:
    rng = _rng(target, "weights")  # the same draws at every radius
    for _ in range(num_pairs):
        step = radius * (scale @ noise_like(risk, rng))
        for sign in (1, -1):
            yield example_scores(risk, risk.theta + sign * step)


def _of_inputs(risk: EmpiricalRisk, shift: InputShift) -> _Disturbance:
    passes = partial(_shifted, risk, shift)
    return _Disturbance(shift.name, shift.size, passes, len(shift.variants))


def _shifted(risk: EmpiricalRisk, shift: InputShift) -> Iterator[ExampleScores]:
    for change in shift.variants:
        yield example_scores(with_inputs(risk, change), risk.theta)


def _row(split: str, disturbance: _Disturbance, base: ExampleScores, keep: Keep) -> Disturbed:
    name, size, *_ = disturbance
    found = unit(keep, f"{name} {size!r}", partial(_changes, disturbance, base)).tolist()
    return Disturbed(
        split=split,
        name=name,
        size=size,
        loss_change=_estimate(*found[:2]),
        loss_over_draws=finite_or_none(found[2]),
        accuracy_change=_estimate(*found[3:5]),
        accuracy_over_draws=finite_or_none(found[5]),
    )


def _changes(disturbance: _Disturbance, base: ExampleScores) -> Tensor:
    """Of loss, then accuracy: the mean change, its error over examples, that over draws; float64.

    NaN where there is none.
    """
    changes = [found - base for found in disturbance.passes()]
    each = disturbance.num_passes // disturbance.num_draws
    draws = [ExampleScores.mean(changes[k : k + each]) for k in range(0, len(changes), each)]
    whole = ExampleScores.mean(draws)
    losses = _summary(whole.loss, [draw.loss for draw in draws])
    accuracies = _summary(whole.accuracy, [draw.accuracy for draw in draws])
    return torch.tensor([*losses, *accuracies], dtype=torch.float64)


def _summary(whole: Estimate | None, draws: list[Estimate | None]) -> tuple[float, float, float]:
    if whole is None:
        return (math.nan,) * 3
    means = torch.tensor([d.mean for d in draws if d is not None], dtype=torch.float64)
    over_draws = float(means.std()) / len(means) ** 0.5 if len(means) > 1 else math.nan
    return whole.mean, whole.error, over_draws


def _estimate(mean: float, error: float) -> Estimate | None:
    return Estimate.of(mean, error) if math.isfinite(mean) else None
