"""``summary.json``: the report's numbers for scripts, described by ``summary.schema.json``."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from landscape.page.material import Material, operator_text
from landscape.results import (
    NOT_CONVERGED,
    Activity,
    Comparison,
    OperatorSpec,
    Preflight,
    Reading,
    Result,
    Robustness,
    SurrogateTable,
    readings_of,
)
from landscape.results.comparison import PairRow
from landscape.values import Estimate, Interval, finite_or_none

Entry = dict[str, Any]


def summary_json(
    title: str, material: Material, comparison: Comparison | None, files: Sequence[str]
) -> str:
    """One JSON object: the verdicts, if any, and each checkpoint with every measured scalar.

    ``files`` are those of the report, relative to its folder.
    """
    document: Entry = {
        "schema_version": 1,
        "title": title,
        "baseline": material.baseline,
        "verdicts": []
        if comparison is None
        else [_verdict(p, comparison) for p in comparison.pairs],
        "checkpoints": [_checkpoint(material, label) for label in material.labels],
        "files": list(files),
    }
    return json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def _verdict(pair: PairRow, comparison: Comparison) -> Entry:
    return {
        "group": pair.group,
        "baseline": pair.baseline,
        "primary": comparison.settings.primary,
        "primary_reason": comparison.settings.primary_reason,
        "verdict": pair.verdict,
        "reason": pair.reason,
        "measures": [
            {
                "name": m.measure,
                "verdict": m.verdict,
                "scale": m.scale,
                "scale_invariant": comparison.measure(m.measure).scale_invariant,
                "certified": comparison.measure(m.measure).certified,
                "certified_by": list(comparison.measure(m.measure).certified_by),
                "estimate": m.estimate,
                "interval": _ends(m.interval),
                "p_holm": m.p_holm,
            }
            for m in pair.measures
        ],
    }


def _ends(interval: Interval | None) -> list[float | None] | None:
    # With very few runs an interval may be unbounded, which JSON cannot say.
    return None if interval is None else [finite_or_none(x) for x in (interval.low, interval.high)]


def _checkpoint(material: Material, label: str) -> Entry:
    results = [r for r in material.results if r.subject.label == label]
    subject = results[0].subject
    checks = [c for r in results if isinstance(r, Preflight) for c in r.checks]
    return {
        "label": label,
        "checkpoint": subject.checkpoint,
        "checkpoint_sha256": subject.checkpoint_sha256,
        "model": subject.model,
        "spiking": subject.spiking,
        "num_params": subject.num_params,
        "loss": finite_or_none(subject.loss),
        "accuracy": subject.accuracy,
        "grad_norm": finite_or_none(subject.grad_norm),
        "failed_checks": [c.name for c in checks if c.status == "fail"],
        "measures": [entry for r in results for entry in measures(r)],
        "robustness": [row for r in results if isinstance(r, Robustness) for row in _splits(r)],
        "surrogates": [
            row for r in results if isinstance(r, SurrogateTable) for row in _surrogates(r)
        ],
        "activity": next((_activity(r) for r in results if isinstance(r, Activity)), None),
    }


def _activity(result: Activity) -> Entry:
    """Rates, dead and saturated neurons, operations an example; by layer and time step."""
    firing = result.firing
    return {
        "firing_rate": _estimate(firing.firing_rate),
        "num_neurons": firing.num_neurons,
        "num_dead": firing.num_dead,
        "num_saturated": firing.num_saturated,
        "synaptic_operations": result.synaptic_operations,
        "macs": result.macs,
        "layers": [
            vars(row) | {"firing_rate": _estimate(row.firing_rate)} for row in firing.layers
        ],
        "synapses": [vars(row) for row in result.synapses],
        "uncounted": list(result.uncounted),
    }


def _surrogates(result: SurrogateTable) -> list[Entry]:
    """The curvature under each surrogate, and how far it predicts the loss."""
    return [
        {
            "surrogate": row.surrogate,
            "is_own": row.is_own,
            "num_examples": result.subject.num_examples,
            "grad_norm": row.grad_norm,
            "lambda_max": row.largest.value,
            "residual": row.largest.residual,
            "converged": row.largest.converged,
            "trace": _estimate(row.trace),
            "frobenius_norm": _estimate(row.frobenius_norm),
            "ratio": None if row.ratio is None else vars(row.ratio),
            "radius": result.reference_radius,
            "verdict": row.verdict,
        }
        for row in result.rows
    ]


def _splits(result: Robustness) -> list[Entry]:
    """The network as it is on each split, and what each disturbance changes there."""
    return [
        {
            "split": found.split,
            "num_examples": found.num_examples,
            "loss": _estimate(found.loss),
            "accuracy": _estimate(found.accuracy),
            "disturbed": [
                {
                    "name": row.name,
                    "size": row.size,
                    "loss_change": _estimate(row.loss_change),
                    "accuracy_change": _estimate(row.accuracy_change),
                }
                for row in result.on(found.split)
            ],
        }
        for found in result.undisturbed
    ]


def _estimate(found: Estimate | None) -> Entry | None:
    return None if found is None else {"mean": finite_or_none(found.mean), "stderr": found.stderr}


def measures(result: Result) -> list[Entry]:
    """Every scalar that ``result`` holds, with its error, unit and settings."""
    common: Entry = {"split": result.subject.split, "num_examples": result.subject.num_examples}
    spec = getattr(result, "operator", None)
    if isinstance(spec, OperatorSpec):
        text = operator_text(spec, spiking=result.subject.spiking)
        common |= {"operator": spec.name, "operator_text": text}
    return [common | _entry(reading, in_table=spec is None) for reading in readings_of(result)]


def _entry(reading: Reading, *, in_table: bool) -> Entry:
    m = reading.measure
    by_solver, spread = reading.residual is not None, reading.shard_stderr
    stderr = m.stderr if spread is None or not by_solver else spread
    entry: Entry = {
        "name": m.name,
        "value": finite_or_none(m.value),
        "stderr": finite_or_none(stderr),
        "unit": m.unit,
    }
    if in_table:
        entry |= {"radius": m.radius, "scale": m.scale, "operator": m.operator}
    if by_solver:
        entry |= {"residual": reading.residual, "converged": m.note != NOT_CONVERGED}
    if reading.population is not None:
        entry["population"] = asdict(reading.population)
    return entry
