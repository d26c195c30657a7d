"""A minute's look at a checkpoint on data: losses, firing rates, the sharpest direction."""

import math
from contextlib import nullcontext
from typing import Any, NamedTuple

from landscape.analysis.other_split import on_other_split, other_split
from landscape.analysis.progress import Progress
from landscape.analysis.spectrum.run import Spectrum, spectrum
from landscape.analysis.spectrum.settings import SpectrumSettings
from landscape.analysis.target import Target
from landscape.analysis.target_checks import fitting_advice
from landscape.checkpoint.load import Checkpoint
from landscape.curvature.example_scores import Watching, example_scores
from landscape.objective.risk import EmpiricalRisk
from landscape.results import DoesNotApply, Eigenvalues
from landscape.results.activity import Firing
from landscape.snn.activity import ActivityRecorder
from landscape.statistics.population import NUM_BEYOND
from landscape.values import Estimate

# Eigenvalues to a per cent of ‖H‖, with as many as the largest's error over examples takes, and a
# trace to some tenths: 50 to 80 products.
SETTINGS = SpectrumSettings(
    operator="hessian",
    num_largest=1 + NUM_BEYOND,
    num_smallest=0,
    tol=0.01,
    num_probes=4,
    num_steps=5,
    max_matvecs=100,
)


class Fit(NamedTuple):
    """How well the network does on examples of one split."""

    num_examples: int
    loss: Estimate
    accuracy: Estimate | None  # None: the objective has no classes


def look_at(
    target: Target, checkpoint: Checkpoint, *, progress: Progress
) -> tuple[dict[str, Any], tuple[str, ...]]:
    """The fields of a ``Look`` that need data, and notes.

    Curvature and activity are of the target's examples; losses of both splits, where the data
    have both.
    """
    looped = target.risk.objective.is_looped
    recorder = ActivityRecorder(target.model, looped=looped) if target.subject.spiking else None
    own = fit_on(target.risk, recorder.watching if recorder else nullcontext)
    firing, unclear = _firing(recorder)
    other, note = _on_other_split(target, checkpoint)
    by_split = {target.subject.split: own}
    if other is not None:
        by_split[other_split(target.subject.split)] = other
    found = spectrum(target, settings=SETTINGS, progress=progress)
    s = target.subject
    fields = {
        "model": s.model,
        "spiking": s.spiking,
        "data": s.data,
        "loss_name": s.loss_name,
        "grad_norm": s.grad_norm,
        "curvature_split": s.split,
        **_of_fits(by_split),
        **_of_curvature(found),
        **_of_firing(firing),
    }
    ends = found.eigenvalues
    no_edge = [f"no edge of stability: {ends.stability_of}"] if ends.stability_of else []
    more = [text for text in (note, unclear, *_of_examples(ends), ends.of_rounding) if text]
    return fields, (*s.notes, *more, *(no_edge if ends.stability_edge is None else []))


def fit_on(risk: EmpiricalRisk, watching: Watching = nullcontext) -> Fit:
    """Loss and accuracy over the examples, each with its standard error, in one forward pass."""
    found = example_scores(risk, risk.theta, watching)
    return Fit(num_examples=risk.num_examples, loss=found.loss, accuracy=found.accuracy)


def _on_other_split(target: Target, checkpoint: Checkpoint) -> tuple[Fit | None, str]:
    """The fit on the split that the target is not of; or why there is none."""
    try:
        risk, source = on_other_split(target, target.settings.examples, checkpoint)
    except ValueError as error:
        return None, f"no {other_split(target.subject.split)} loss: {error}"
    with fitting_advice(target.subject.label, risk, source):
        return fit_on(risk), ""


def _of_fits(by_split: dict[str, Fit]) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    for split, fit in by_split.items():
        fields |= {
            f"num_{split}_examples": fit.num_examples,
            f"{split}_loss": fit.loss.mean,
            f"{split}_loss_stderr": fit.loss.stderr,
            f"{split}_accuracy": fit.accuracy and fit.accuracy.mean,
            f"{split}_accuracy_stderr": fit.accuracy and fit.accuracy.stderr,
        }
    for name, sign in (("loss", 1), ("accuracy", -1)):
        test, train = (fields.get(f"{split}_{name}") for split in ("test", "train"))
        if test is None or train is None:
            continue
        fields[f"{name}_gap"] = sign * (test - train)
        errors = [fields[f"{split}_{name}_stderr"] for split in ("test", "train")]
        if None not in errors:
            fields[f"{name}_gap_stderr"] = math.hypot(*errors)
    return fields


def _of_curvature(found: Spectrum) -> dict[str, Any]:
    top, trace = found.eigenvalues.largest[0], found.trace
    known = top.population
    return {
        "operator": found.eigenvalues.operator.name,
        "lambda_max": top.value,
        "lambda_max_residual": top.residual,
        "lambda_max_stderr": known and known.stderr,
        "lambda_max_estimate": known and known.estimate,
        "lambda_max_low": known and known.low,
        "lambda_max_high": known and known.high,
        "lambda_max_of": known and known.of,
        "lambda_max_converged": top.converged,
        "stability_edge": found.eigenvalues.stability_edge,
        "share_of_edge": found.eigenvalues.share_of_edge,
        "stability_of": found.eigenvalues.stability_of or None,
        "trace": trace.trace.mean,
        "trace_stderr": trace.trace.stderr,
        "num_matvecs": found.eigenvalues.num_matvecs,
    }


def _of_examples(found: Eigenvalues) -> list[str]:
    """What limits what is said of λ_max beyond these examples."""
    if found.no_population:
        return [f"λ_max has no error over examples: {found.no_population}"]
    known = found.largest[0].population
    return [f"λ_max over examples: {warning}" for warning in (known.warnings if known else ())]


def _firing(recorder: ActivityRecorder | None) -> tuple[Firing | None, str]:
    """What was counted; or why there is nothing, of a network that spikes."""
    try:
        return (recorder.firing() if recorder else None), ""
    except DoesNotApply as error:
        return None, f"no firing rates: {error}"


def _of_firing(found: Firing | None) -> dict[str, Any]:
    if found is None:
        return {}
    return {
        "firing_rate_mean": found.firing_rate.mean,
        "num_neurons": found.num_neurons,
        "dead_neurons": found.num_dead,
        "saturated_neurons": found.num_saturated,
        "activity": found.layers,
    }
