"""``landscape train``: make a checkpoint by the published protocol, or a variation of it.

Any network, data and loss may take the place of the published ones.
"""

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from landscape.analysis.target_settings import TargetSettings
from landscape.cli.from_settings import settings_options
from landscape.cli.options import data_dir_option, force_option, quiet_option
from landscape.cli.plain import echo
from landscape.cli.stdout import Command
from landscape.probe.settings import ProbeSettings
from landscape.training.config import (
    DEFAULT_SAM_RHO,
    PUBLISHED_LEARNING_RATES,
    TrainConfig,
    differences,
)

if TYPE_CHECKING:
    from landscape.data.source import Source
    from landscape.objective.objective import Objective
    from landscape.training.loop import Watch

# What its runs differ in: the others are the protocol.
_VARIED = ("init", "gain", "beta", "optimizer", "seed", "snapshots")


@click.command(cls=Command)
@settings_options(TrainConfig, "config")
@click.option(
    "--optimizer",
    type=click.Choice([*PUBLISHED_LEARNING_RATES, *map("sam-{}".format, PUBLISHED_LEARNING_RATES)]),
    default=TrainConfig.optimizer,
    show_default=True,
    help="sam-… is sharpness-aware minimisation around it.",
)
@click.option(
    "--sam-rho", type=float, help=f"Radius of sam-adam and sam-sgd.  [default: {DEFAULT_SAM_RHO}]"
)
@click.option(
    "--protocol",
    type=click.Choice(["published"]),
    help="Refuse whatever is not of the published protocol.",
)
@click.option(
    "--probe",
    is_flag=True,
    help="Measure curvature while it trains, into NAME.probe.jsonl; the weights stay the same.",
)
@settings_options(ProbeSettings, "pace")
@data_dir_option
@click.option("--device", default=TargetSettings.device, show_default=True)
@click.option(
    "--out",
    "-o",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Checkpoint to write.  [default: checkpoints/INIT-OPTIMIZER-sSEED.safetensors]",
)
@click.option("--dry-run", is_flag=True, help="Print a forecast; write nothing.")
@force_option
@quiet_option
def train(
    config: TrainConfig,
    optimizer: str,
    sam_rho: float | None,
    protocol: str | None,
    probe: bool,
    pace: ProbeSettings,
    data_dir: Path | None,
    device: str,
    out: Path | None,
    dry_run: bool,
    force: bool,
    quiet: bool,
) -> None:
    """Train a network; run the same command again to resume.

    The defaults are the published protocol: 20,000 Fashion-MNIST images, 64 epochs, 128 channels
    (hours on a CPU; try --channels 16 --epochs 20). --model trains a network of yours in its place.

    \b
    landscape train --init kaiming --optimizer sgd --channels 16 --epochs 20
    landscape train --model nets.py:make --data xy.npz --loss cross-entropy --init ikun_v2
    landscape train --protocol published --dry-run
    """
    from landscape.analysis.target_checks import open_device
    from landscape.training.loop import train as train_network
    from landscape.training.progress import show_progress

    config = _with_optimizer(config, optimizer, sam_rho)
    if not probe and pace != ProbeSettings():
        raise click.UsageError("--probe-every and --probe-budget need --probe.")
    if protocol is not None:
        _require_published(config)
    if dry_run:
        _print_forecast(config, device, data_dir)
        return
    label = f"{config.init}-{optimizer}-s{config.seed}"
    out = out or Path("checkpoints") / f"{label}.safetensors"

    with show_progress(config, quiet=quiet) as monitor:
        path = train_network(
            config,
            out,
            device=open_device(device),
            data_dir=data_dir,
            force=force,
            monitor=monitor,
            told=lambda words: None if quiet else _say(words, err=True),
            watched=partial(_probe, pace) if probe else None,
        )
    echo(str(path))


def _probe(pace: ProbeSettings, objective: "Objective", source: "Source", path: Path) -> "Watch":
    """What measures after the steps that are due."""
    from landscape.data.source import Rows
    from landscape.probe.probe import Probe

    data = source.nest if isinstance(source, Rows) else source  # of which it takes some
    return Probe(objective, data, every=pace.every, budget=pace.budget, path=path)


def _require_published(config: TrainConfig) -> None:
    published = TrainConfig(**{name: getattr(config, name) for name in _VARIED})
    if found := differences(published, config):
        raise click.UsageError(
            f"--protocol published: this is another ({found}). Leave these options out, or "
            "--protocol."
        )


def _print_forecast(config: TrainConfig, device: str, data_dir: Path | None) -> None:
    from landscape.analysis.target_checks import open_device
    from landscape.training.forecast import forecast_training

    found = forecast_training(config, device=open_device(device), data_dir=data_dir)
    examples = f"{len(found.source):,} examples of {found.source.name}"
    _say("\n".join([str(found.initialisation), *found.notes]))
    echo(f"{sum(p.numel() for p in found.model.parameters()):,} parameters; {examples}")
    echo(
        f"{found.epochs} epochs of {found.num_steps} steps, {found.step_seconds:.3g} s each, and "
        f"of {found.num_held_out:,} test losses, {found.loss_seconds:.2g} s each: about "
        f"{found.seconds / 3600:.2g} hours"
    )


def _with_optimizer(config: TrainConfig, name: str, sam_rho: float | None) -> TrainConfig:
    base = next(known for known in PUBLISHED_LEARNING_RATES if name in (known, f"sam-{known}"))
    if base == name and sam_rho:
        raise click.UsageError(f"--sam-rho needs --optimizer sam-{base}; got {name}.")
    rho = 0.0 if base == name else (DEFAULT_SAM_RHO if sam_rho is None else sam_rho)
    return replace(config, optimizer=base, sam_rho=rho)


def _say(words: str, *, err: bool = False) -> None:
    for line in words.splitlines():
        echo(line, err=err)
