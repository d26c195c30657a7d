"""What a study will cost: its trainings and analyses timed in part, the rest counted."""

import dataclasses
from collections.abc import Iterator
from typing import NamedTuple

from torch import nn

from landscape.analysis.forecast import forecast
from landscape.analysis.opening import make_target
from landscape.analysis.suite_settings import SuiteSettings
from landscape.analysis.target_checks import open_device
from landscape.analysis.target_settings import TargetSettings
from landscape.data.choosing import open_source
from landscape.study.plan import Plan
from landscape.study.settings import Machine
from landscape.training.config import TrainConfig
from landscape.training.forecast import forecast_training
from landscape.training.network import objective_of, timing_of

_SEARCH_MATVECS = 25  # that one eigenvalue takes
# What a training takes no longer for, whatever it is; of sam_rho, whether there is one.
_FREE = (
    *("init", "gain", "beta", "leave", "seed", "data_seed", "snapshots"),
    *("optimizer", "lr", "momentum", "weight_decay", "sam_rho"),
)


class RunForecast(NamedTuple):
    """Seconds of one run on one process."""

    training: float
    analysis: float


def forecast_recipes(plan: Plan, machine: Machine) -> Iterator[tuple[str, RunForecast]]:
    """Forecast a run of each recipe; recipes that cost the same are timed once. Writes nothing.

    Raises
    ------
    ValueError
        If the data cannot be opened, or are too few.
    """
    known: dict[tuple[object, ...], RunForecast] = {}
    for recipe in plan.recipes:
        c = recipe.config
        costly = {k: v for k, v in dataclasses.asdict(c).items() if k not in _FREE}
        key = (*costly.values(), c.sam_rho > 0)
        if key not in known:
            known[key] = _forecast(plan, c, machine)
        analysis = known[key].analysis * (1 + sum(c.of == recipe.name for c in plan.copies))
        yield recipe.name, known[key]._replace(analysis=analysis)


def _forecast(plan: Plan, config: TrainConfig, machine: Machine) -> RunForecast:
    found = forecast_training(config, device=open_device(machine.device), data_dir=machine.data_dir)
    return RunForecast(found.seconds, _analysis_seconds(plan, found.model, config, machine))


def _analysis_seconds(plan: Plan, model: nn.Module, config: TrainConfig, machine: Machine) -> float:
    analysis = plan.analysis
    target = make_target(
        model,
        objective_of(config),
        open_source(config.data, analysis.choice, data_dir=machine.data_dir),
        TargetSettings(batch_size=analysis.batch_size, device=machine.device),
        label="forecast",
        timing=timing_of(config),
    )
    suite = SuiteSettings(
        budget=analysis.budget,
        operator=analysis.operator,
        num_shards=analysis.num_shards,
    )
    lines = forecast(target, suite, ("spectrum", *analysis.only))
    per_matvec = lines[0].seconds / max(lines[0].num_matvecs, 1)
    shards = 2 if analysis.num_shards else 1  # the parts together cost what the whole does
    total = sum(
        line.seconds * (shards if line.name in ("spectrum", "scaled") else 1) for line in lines[1:]
    )
    if analysis.curvature_every:
        matvecs = _SEARCH_MATVECS + analysis.budget.num_probes * analysis.budget.num_steps
        share = _course_share(plan)
        total += share * (config.epochs // analysis.curvature_every + 1) * matvecs * per_matvec
    return total


def _course_share(plan: Plan) -> float:
    """Of the runs, those whose curvature is measured along the way."""
    return sum(run.with_course for run in plan.runs) / len(plan.runs)


def total_seconds(plan: Plan, found: dict[str, RunForecast]) -> float:
    """Of all runs one after another, on one process."""
    return sum(sum(found[run.recipe]) for run in plan.runs)
