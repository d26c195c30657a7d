"""Curvature along a training: measured on the copies of the weights that were kept."""

import dataclasses
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np

from landscape.analysis.opening import open_target
from landscape.analysis.progress import quiet
from landscape.analysis.provenance import start_clock
from landscape.analysis.sharpness.run import sharpness
from landscape.analysis.spectrum.run import spectrum
from landscape.analysis.spectrum.settings import SpectrumSettings
from landscape.analysis.target_settings import TargetSettings
from landscape.catalog.optimizers import Optimizer, edge_of
from landscape.results.study import CurvatureCourse
from landscape.study.plan_parts import AnalysisPlan
from landscape.training.config import TrainConfig


def measure_course(
    label: str,
    snapshots: list[tuple[int, Path]],
    *,
    config: TrainConfig,
    plan: AnalysisPlan,
    settings: TargetSettings,
    progress: Callable[[int, int], None],
) -> CurvatureCourse:
    """λ_max, trace and expected sharpness at each of ``snapshots``, (epoch, checkpoint).

    The largest radius of the plan's noise is used: far from a minimum small ones drown in it.
    """
    clock = start_clock()
    radius = max(plan.budget.sharpness.radii)
    noise = dataclasses.replace(
        plan.budget.sharpness, measures=("expected_rise",), scales=("filter",), radii=(radius,)
    )
    krylov = SpectrumSettings(
        operator=plan.operator,
        num_largest=1,
        num_smallest=0,
        tol=plan.budget.tol,
        num_probes=plan.budget.num_probes,
        num_steps=plan.budget.num_steps,
        max_matvecs=plan.budget.max_matvecs,
    )
    rows: list[dict[str, float]] = []
    for done, (epoch, path) in enumerate(snapshots):
        progress(done, len(snapshots))
        target = open_target(path, settings, label=label)
        found = spectrum(target, settings=krylov, progress=quiet)
        (rise,) = sharpness(target, settings=noise, progress=quiet).rows
        top, trace = found.eigenvalues.largest[0], found.trace.trace
        rate = config.learning_rate_at(epoch + 1) if epoch < config.epochs else 0.0
        edge = edge_of(_optimizer(config, rate), scale="none").value
        rows.append(
            {
                "epochs": epoch,
                "losses": target.subject.loss,
                "lambda_max": top.value,
                "lambda_residual": top.residual,
                "trace": trace.mean,
                "trace_stderr": trace.error,
                "rise": rise.value,
                "rise_stderr": math.nan if rise.stderr is None else rise.stderr,
                "learning_rates": rate,
                "edges": math.nan if edge is None else edge,
            }
        )
    progress(len(snapshots), len(snapshots))
    columns = {name: np.array([row[name] for row in rows]) for name in rows[0]}
    return CurvatureCourse(
        subject=target.subject,
        provenance=clock.provenance(
            command=settings.command, seed=settings.seed, device=target.device
        ),
        operator=found.eigenvalues.operator,
        radius=radius,
        **columns,
    )


def _optimizer(config: TrainConfig, rate: float) -> Optimizer:
    return Optimizer(
        kind=config.optimizer_name,
        learning_rate=rate,
        rate_of="of the next epoch",
        momentum=config.momentum if config.optimizer == "sgd" else 0.0,
        weight_decay=config.weight_decay,
    )
