"""``landscape data``: say which copy of the data is used, and download it when asked."""

from pathlib import Path

import click
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

from landscape.analysis.target_settings import TargetSettings
from landscape.catalog.words import SPLITS
from landscape.cli.options import data_dir_option, json_option, quiet_option
from landscape.cli.plain import echo
from landscape.cli.stdout import Command, print_record

_FETCHED = {"fashion-mnist"}


@click.group()
def data() -> None:
    """Look at data sets, download Fashion-MNIST."""


@data.command(cls=Command)
@click.argument("name", type=click.Choice(sorted(_FETCHED)))
@click.option(
    "--to",
    "folder",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder to put the files in.  [default: the user's cache]",
)
@click.option("--url", help="Another server that holds the same files.")
@quiet_option
def fetch(name: str, folder: Path | None, url: str | None, quiet: bool) -> None:
    """Download NAME, 31 MB; run again to resume.

    What arrives is checked by its size and SHA-256.
    """
    from landscape.data.fashion_mnist import cache_folder
    from landscape.data.fetch import FASHION_MNIST_FILES, FASHION_MNIST_URL
    from landscape.data.fetch import fetch as fetch_files

    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn())
    with Progress(
        *columns, TransferSpeedColumn(), console=Console(stderr=True, quiet=quiet)
    ) as bar:
        tasks = {
            file.name: bar.add_task(file.name, total=file.size) for file in FASHION_MNIST_FILES
        }
        paths = fetch_files(
            FASHION_MNIST_FILES,
            url or FASHION_MNIST_URL,
            folder or cache_folder(),
            lambda file, done, _: bar.update(tasks[file], completed=done),
        )
    for path in paths:
        echo(str(path))


@data.command(cls=Command)
@click.argument("name", default="fashion-mnist")
@data_dir_option
@click.option("--split", type=click.Choice(SPLITS), default=TargetSettings.split, show_default=True)
@click.option("--examples", help="N (random subset) or START:STOP.  [default: all]")
@click.option(
    "--seed", default=TargetSettings.seed, show_default=True, help="Of the random subset."
)
@json_option()
def info(
    name: str, data_dir: Path | None, split: str, examples: str | None, seed: int, as_json: bool
) -> None:
    """Say which copy of data set NAME is used, and what is in it."""
    from landscape.data import open_dataset, select_examples

    dataset = select_examples(
        open_dataset(name, split=split, data_dir=data_dir), examples, seed=seed
    )
    record = {
        "name": dataset.name,
        "split": dataset.split,
        "source": dataset.source,
        "num_examples": len(dataset),
        "shape": list(dataset.inputs.shape[1:]),
        "dtype": str(dataset.inputs.dtype).removeprefix("torch."),
        "num_classes": dataset.num_classes,
        "sha256": dataset.sha256,
        "indices_sha256": dataset.indices_sha256,
    }
    if as_json:
        print_record(record)
        return
    for key, value in record.items():
        echo(f"{key:15}{value}")
