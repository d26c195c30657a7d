"""Show a training on stderr: a bar on a terminal, a line an epoch elsewhere."""

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from landscape.training.config import TrainConfig
from landscape.training.loop import Monitor
from landscape.training.loop import Progress as Report


@contextmanager
def show_progress(config: TrainConfig, *, quiet: bool) -> Iterator[Monitor]:
    """Yield a monitor for ``train`` that shows loss, accuracy and the time left."""
    console = Console(stderr=True, quiet=quiet)
    columns = (
        TextColumn("epoch {task.fields[epoch]}/" + str(config.epochs)),
        BarColumn(),
        TextColumn("loss {task.fields[loss]:.4f} · accuracy {task.fields[accuracy]:.3f}"),
        TextColumn("· test {task.fields[test]}"),
        TimeElapsedColumn(),
        TextColumn("·"),
        TimeRemainingColumn(),
        TextColumn("left"),
    )
    # The speed is that of the last minute, so that a resumed run forecasts well.
    bar = Progress(*columns, console=console, speed_estimate_period=60, transient=True)
    task = bar.add_task("", total=None, epoch=0, loss=0.0, accuracy=0.0, test="-")

    def monitor(report: Report) -> None:
        if bar.tasks[task].total is None:
            bar.reset(task, total=config.epochs * report.num_steps)
        bar.update(
            task,
            completed=(report.epoch - 1) * report.num_steps + report.step,
            epoch=report.epoch,
            loss=report.train.loss,
            accuracy=report.train.accuracy,
        )
        if report.record is not None:
            bar.update(task, test=f"{report.record['test_accuracy']:.3f}")
            console.print(_line(report, config), highlight=False, soft_wrap=True)

    with bar:
        yield monitor


def _line(report: Report, config: TrainConfig) -> str:
    record = report.record or {}
    return (
        f"epoch {report.epoch}/{config.epochs}: loss {report.train.loss:.5f}, accuracy "
        f"{report.train.accuracy:.4f}; test loss {record['test_loss']:.5f}, accuracy "
        f"{record['test_accuracy']:.4f}; {record['seconds']:.1f} s"
    )
