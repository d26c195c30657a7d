"""``landscape train``: make a checkpoint by the published protocol, or a variation of it."""

from dataclasses import replace
from pathlib import Path

import click

from landscape.analysis.target_settings import TargetSettings
from landscape.cli.from_settings import settings_options
from landscape.cli.options import data_dir_option, force_option, quiet_option
from landscape.cli.plain import echo
from landscape.training.config import DEFAULT_SAM_RHO, PUBLISHED_LEARNING_RATES, TrainConfig


@click.command()
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
@data_dir_option
@click.option("--device", default=TargetSettings.device, show_default=True)
@click.option(
    "--out",
    "-o",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Checkpoint to write.  [default: checkpoints/INIT-OPTIMIZER-sSEED.safetensors]",
)
@force_option
@quiet_option
def train(
    config: TrainConfig,
    optimizer: str,
    sam_rho: float | None,
    data_dir: Path | None,
    device: str,
    out: Path | None,
    force: bool,
    quiet: bool,
) -> None:
    """Train a spiking network; run the same command again to resume.

    The defaults are the published protocol: 20,000 Fashion-MNIST images, 64 epochs, 128 channels
    (hours on a CPU; try --channels 16 --epochs 20).

    \b
    landscape train --init kaiming --optimizer sgd --channels 16 --epochs 20
    """
    from landscape.analysis.target_checks import open_device
    from landscape.training.loop import train as train_network
    from landscape.training.progress import show_progress

    config = _with_optimizer(config, optimizer, sam_rho)
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
        )
    echo(str(path))


def _with_optimizer(config: TrainConfig, name: str, sam_rho: float | None) -> TrainConfig:
    base = next(known for known in PUBLISHED_LEARNING_RATES if name in (known, f"sam-{known}"))
    if base == name and sam_rho:
        raise click.UsageError(f"--sam-rho needs --optimizer sam-{base}; got {name}.")
    rho = 0.0 if base == name else (DEFAULT_SAM_RHO if sam_rho is None else sam_rho)
    return replace(config, optimizer=base, sam_rho=rho)
