"""``summary.json``: the report's numbers for scripts, described by ``summary.schema.json``."""

import json
import math
from typing import Any

from landscape.page.material import Material, operator_text
from landscape.results import (
    Comparison,
    Eigenvalues,
    OperatorSpec,
    Preflight,
    Result,
    SpectralDensity,
    Trace,
    spectrum_unit,
)
from landscape.results.comparison import PairRow, StoredInterval
from landscape.results.sharpness import SharpnessTable

Entry = dict[str, Any]


def summary_json(title: str, material: Material, comparison: Comparison | None) -> str:
    """One JSON object: the verdicts, if any, and each checkpoint with every measured scalar."""
    document: Entry = {
        "schema_version": 1,
        "title": title,
        "baseline": material.baseline,
        "verdicts": []
        if comparison is None
        else [_verdict(p, comparison) for p in comparison.pairs],
        "checkpoints": [_checkpoint(material, label) for label in material.labels],
    }
    return json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def _verdict(pair: PairRow, comparison: Comparison) -> Entry:
    return {
        "group": pair.group,
        "baseline": pair.baseline,
        "primary": comparison.settings.primary,
        "verdict": pair.verdict,
        "reason": pair.reason,
        "measures": [
            {
                "name": m.measure,
                "verdict": m.verdict,
                "scale": m.scale,
                "estimate": m.estimate,
                "interval": _ends(m.interval),
                "p_holm": m.p_holm,
            }
            for m in pair.measures
        ],
    }


def _ends(interval: StoredInterval | None) -> list[float | None] | None:
    # With very few runs an interval may be unbounded, which JSON cannot say.
    return None if interval is None else [_finite(interval.low), _finite(interval.high)]


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
        "loss": _finite(subject.loss),
        "accuracy": subject.accuracy,
        "grad_norm": _finite(subject.grad_norm),
        "failed_checks": [c.name for c in checks if c.status == "fail"],
        "measures": [entry for r in results for entry in measures(r)],
    }


def measures(result: Result) -> list[Entry]:
    """Every scalar that ``result`` holds, with its error, unit and settings."""
    common: Entry = {"split": result.subject.split, "num_examples": result.subject.num_examples}
    if isinstance(result, Eigenvalues):
        ends = (("lambda_max", result.largest), ("lambda_min", result.smallest))
        spread, unit = result.shard_stderr, spectrum_unit(result.operator)
        return [
            common
            | _operator(result.operator, result)
            | _entry(
                name, pairs[0].value, spread[0] if name == "lambda_max" and spread else None, unit
            )
            | {"residual": pairs[0].residual, "converged": pairs[0].converged}
            for name, pairs in ends
            if pairs
        ]
    if isinstance(result, Trace):
        estimates = {
            "trace": result.trace,
            "mean_curvature": result.mean_curvature,
            "frobenius_norm": result.frobenius_norm,
            "effective_rank": result.effective_rank,
        }
        unit = spectrum_unit(result.operator)
        return [
            common
            | _operator(result.operator, result)
            | _entry(name, e.mean, e.stderr, "1" if name == "effective_rank" else unit)
            for name, e in estimates.items()
            if e is not None
        ]
    if isinstance(result, SpectralDensity):
        mass = result.negative_mass
        entry = _entry("negative_mass", mass.mean, mass.stderr, "1")
        return [common | _operator(result.operator, result) | entry]
    if isinstance(result, SharpnessTable):
        return [
            common
            | _entry(row.name, row.value, row.stderr, row.unit)
            | {"radius": row.radius, "scale": row.scale, "operator": row.operator}
            for row in result.rows
        ]
    return []


def _operator(spec: OperatorSpec, result: Result) -> Entry:
    return {
        "operator": spec.name,
        "operator_text": operator_text(spec, spiking=result.subject.spiking),
    }


def _entry(name: str, value: float, stderr: float | None, unit: str) -> Entry:
    return {"name": name, "value": _finite(value), "stderr": _finite(stderr), "unit": unit}


def _finite(value: float | None) -> float | None:
    return None if value is None or not math.isfinite(value) else value
