"""``python -m benchmarks.side_by_side``: small networks in two processes, or one on two threads.

Wall seconds, so the machine must be otherwise idle. What counts is networks an hour: two processes
of one thread train two networks in the time shown, one process on two threads trains one.
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median

import click


def train_together(num_processes: int, num_threads: int, channels: int, epochs: int) -> float:
    """Train ``num_processes`` networks at once; median wall seconds of an epoch after the first."""
    with tempfile.TemporaryDirectory() as folder:
        files = [Path(folder) / f"net-{i}.safetensors" for i in range(num_processes)]
        running = [
            subprocess.Popen(
                [
                    *(sys.executable, "cli.py", "train", "-o", str(file)),
                    *("--channels", str(channels), "--epochs", str(epochs)),
                    *("--data", "fashion-mnist-embedded", "--images", "2560"),
                ],
                env={**os.environ, "OMP_NUM_THREADS": str(num_threads)},
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            for file in files
        ]
        if any(process.wait() for process in running):
            raise RuntimeError("a training failed; run it by hand: python cli.py train --help")
        seconds = []
        for file in files:
            lines = file.with_suffix(".metrics.jsonl").read_text(encoding="utf-8").splitlines()
            seconds += [json.loads(line)["seconds"] for line in lines[1:]]
        return median(seconds)


@click.command()
@click.option("--channels", default=8, show_default=True)
@click.option("--epochs", type=click.IntRange(min=2), default=6, show_default=True)
def main(channels: int, epochs: int) -> None:
    """Print seconds an epoch and epochs a minute of each way to use two cores."""
    click.echo("| processes | threads of each | seconds an epoch | epochs a minute, all together |")
    click.echo("|---|---|---|---|")
    for processes, threads in ((1, 1), (1, 2), (2, 1)):
        seconds = train_together(processes, threads, channels, epochs)
        click.echo(f"| {processes} | {threads} | {seconds:.2f} | {60 * processes / seconds:.1f} |")


if __name__ == "__main__":
    main()
