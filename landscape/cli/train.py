"""``landscape train``: make a checkpoint by the published protocol, or a variation of it."""

from pathlib import Path
from typing import Any

import click

from landscape.cli.plain import echo
from landscape.training.config import DEFAULT_SAM_RHO, TrainConfig

_DEFAULT = TrainConfig()


@click.command()
@click.option("--init", default=_DEFAULT.init, show_default=True, help="Weight initialisation.")
@click.option("--gain", default=_DEFAULT.gain, show_default=True, help="Multiplies all weights.")
@click.option(
    "--beta",
    type=click.Choice(["released", "surrogate"]),
    default=_DEFAULT.beta,
    show_default=True,
    help="β of the IKUN schemes: as released, or from the surrogate's derivative.",
)
@click.option(
    "--optimizer",
    type=click.Choice(["adam", "sgd", "sam-adam", "sam-sgd"]),
    default=_DEFAULT.optimizer,
    show_default=True,
    help="sam-… is sharpness-aware minimisation around it.",
)
@click.option(
    "--lr", type=float, help="Learning rate at the start.  [default: 0.001 (adam), 0.1 (sgd)]"
)
@click.option("--momentum", default=_DEFAULT.momentum, show_default=True, help="Of sgd.")
@click.option("--weight-decay", default=_DEFAULT.weight_decay, show_default=True)
@click.option(
    "--sam-rho", type=float, help=f"Radius of sam-adam and sam-sgd.  [default: {DEFAULT_SAM_RHO}]"
)
@click.option("--seed", default=_DEFAULT.seed, show_default=True, help="Of weights and order.")
@click.option("--channels", default=_DEFAULT.channels, show_default=True, help="C of the CSNN.")
@click.option(
    "--time-steps",
    "num_time_steps",
    default=_DEFAULT.num_time_steps,
    show_default=True,
    help="T of the CSNN.",
)
@click.option("--epochs", default=_DEFAULT.epochs, show_default=True)
@click.option("--batch-size", default=_DEFAULT.batch_size, show_default=True)
@click.option(
    "--loss",
    type=click.Choice(["mse", "cross-entropy"]),
    default=_DEFAULT.loss,
    show_default=True,
    help="Between mean firing rates and labels.",
)
@click.option("--data", default=_DEFAULT.data, show_default=True, help="Data set to train on.")
@click.option("--data-dir", type=click.Path(path_type=Path), help="Folder of the data set's files.")
@click.option(
    "--images",
    default=_DEFAULT.images,
    show_default=True,
    help="Random subset of the training images; 0 takes them all.",
)
@click.option("--data-seed", default=_DEFAULT.data_seed, show_default=True, help="Of the subset.")
@click.option(
    "--snapshots",
    default=_DEFAULT.snapshots,
    show_default=True,
    help="Copies of the weights to keep along the way, for trajectories.",
)
@click.option("--device", default="cpu", show_default=True)
@click.option(
    "--out",
    "-o",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Checkpoint to write.  [default: checkpoints/INIT-OPTIMIZER-sSEED.safetensors]",
)
@click.option("--force", is_flag=True, help="Start anew, whatever an earlier run left.")
@click.option("--quiet", "-q", is_flag=True, help="No progress.")
def train(
    out: Path | None,
    data_dir: Path | None,
    device: str,
    force: bool,
    quiet: bool,
    **options: Any,
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

    label = f"{options['init']}-{options['optimizer']}-s{options['seed']}"
    out = out or Path("checkpoints") / f"{label}.safetensors"
    config = _config(**options)
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


def _config(*, optimizer: str, sam_rho: float | None, images: int, **rest: Any) -> TrainConfig:
    base: Any = optimizer.removeprefix("sam-")
    if base == optimizer and sam_rho:
        raise click.UsageError(f"--sam-rho needs --optimizer sam-{base}; got {optimizer}.")
    rho = 0.0 if base == optimizer else (DEFAULT_SAM_RHO if sam_rho is None else sam_rho)
    return TrainConfig(optimizer=base, sam_rho=rho, images=images or None, **rest)
