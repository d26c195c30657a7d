"""What a study will cost: a few steps and a few losses timed, the rest counted."""

import time
from collections.abc import Iterator
from typing import NamedTuple

import torch

from landscape.analysis.forecast import forecast
from landscape.analysis.suite_settings import SuiteSettings
from landscape.analysis.target import make_target
from landscape.analysis.target_settings import TargetSettings
from landscape.data import Dataset, open_dataset, select_examples
from landscape.objective.losses import BUILTIN_LOSSES
from landscape.objective.pair import loss_of
from landscape.snn.initialization import initialize
from landscape.snn.model import CSNN
from landscape.study.plan import Plan
from landscape.study.settings import Machine
from landscape.training.config import TrainConfig
from landscape.training.epoch import Examples, evaluate, num_steps
from landscape.training.optimizer import make_optimizer, step

_WARM_UP, _TIMED = 2, 3  # steps; the first ones compile and fill caches
_SEARCH_MATVECS = 25  # that one eigenvalue takes


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
        key = (
            c.channels,
            c.num_time_steps,
            c.batch_size,
            c.images,
            c.epochs,
            c.data,
            c.sam_rho > 0,
        )
        if key not in known:
            known[key] = _forecast(plan, c, machine)
        analysis = known[key].analysis * (1 + len(plan.copies_of(recipe.name)))
        yield recipe.name, known[key]._replace(analysis=analysis)


def _forecast(plan: Plan, config: TrainConfig, machine: Machine) -> RunForecast:
    device = torch.device(machine.device)
    whole, held_out = (
        open_dataset(config.data, split=split, data_dir=machine.data_dir)
        for split in ("train", "test")
    )
    data = select_examples(whole, config.images, seed=config.data_seed)
    model = CSNN(config.channels, config.num_time_steps)
    initialize(model, config.init, seed=config.seed, gain=config.gain, beta=config.beta)
    model.to(device)
    examples = _on(data, device, max(config.batch_size, 500))
    step_seconds = _seconds_a_step(model, examples, config)
    loss_seconds = _seconds_a_loss(model, examples, config)
    training = config.epochs * (
        num_steps(len(data), config) * step_seconds + len(held_out) * loss_seconds
    )
    return RunForecast(training, _analysis_seconds(plan, model, data, config, machine))


def _seconds_a_step(model: CSNN, examples: Examples, config: TrainConfig) -> float:
    optimizer = make_optimizer(model, config)
    x, y = (t[: config.batch_size] for t in examples)
    loss = BUILTIN_LOSSES[config.loss]

    def closure() -> tuple[torch.Tensor, torch.Tensor]:
        outputs = model(x)
        return loss(outputs, y).mean(), outputs

    model.train()
    seconds = []
    for _ in range(_WARM_UP + _TIMED):
        begun = time.perf_counter()
        float(step(model, optimizer, closure, config.sam_rho)[0])  # waits for a device
        seconds.append(time.perf_counter() - begun)
    return min(seconds[_WARM_UP:])


def _seconds_a_loss(model: CSNN, examples: Examples, config: TrainConfig) -> float:
    """Of one example."""
    seconds = []
    for _ in range(_TIMED):
        begun = time.perf_counter()
        evaluate(model, BUILTIN_LOSSES[config.loss], examples)
        seconds.append(time.perf_counter() - begun)
    return min(seconds) / len(examples.targets)


def _analysis_seconds(
    plan: Plan, model: CSNN, data: Dataset, config: TrainConfig, machine: Machine
) -> float:
    analysis = plan.analysis
    target = make_target(
        model,
        loss_of(config.loss),
        select_examples(data, min(analysis.examples, len(data)), seed=analysis.seed),
        TargetSettings(batch_size=analysis.batch_size, device=machine.device),
        label="forecast",
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


def _on(data: Dataset, device: torch.device, count: int) -> Examples:
    inputs = data.inputs[:count].to(device, torch.float32)
    return Examples(inputs, data.targets[:count].to(device))


def total_seconds(plan: Plan, found: dict[str, RunForecast]) -> float:
    """Of all runs one after another, on one process."""
    return sum(sum(found[run.recipe]) for run in plan.runs)
