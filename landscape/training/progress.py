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
    """Yield a monitor for ``train`` that shows loss, accuracy where known, and the time left."""
    console = Console(stderr=True, quiet=quiet)
    columns = (
        TextColumn("epoch {task.fields[epoch]}/" + str(config.epochs)),
        BarColumn(),
        TextColumn("loss {task.fields[loss]:.4f}{task.fields[accuracy]}{task.fields[test]}"),
        TimeElapsedColumn(),
        TextColumn("·"),
        TimeRemainingColumn(),
        TextColumn("left"),
    )
    # The speed is that of the last minute, so that a resumed run forecasts well.
    bar = Progress(*columns, console=console, speed_estimate_period=60, transient=True)
    task = bar.add_task("", total=None, epoch=0, loss=0.0, accuracy="", test="")

    def monitor(report: Report) -> None:
        if bar.tasks[task].total is None:
            bar.reset(task, total=config.epochs * report.num_steps)
        bar.update(
            task,
            completed=(report.epoch - 1) * report.num_steps + report.step,
            epoch=report.epoch,
            loss=report.train.loss,
            accuracy=_accuracy(report.train.accuracy, " · accuracy {:.3f}"),
        )
        if report.record is not None:
            test = _accuracy(report.record["test_accuracy"], " · test {:.3f}")
            bar.update(task, test=test)
            console.print(_line(report, config), highlight=False, soft_wrap=True)

    with bar:
        yield monitor


def _line(report: Report, config: TrainConfig) -> str:
    record = report.record or {}
    accuracy = ", accuracy {:.4f}"
    words = f"loss {report.train.loss:.5f}{_accuracy(report.train.accuracy, accuracy)}"
    if record["test_loss"] is not None:
        test = _accuracy(record["test_accuracy"], accuracy)
        words += f"; test loss {record['test_loss']:.5f}{test}"
    return f"epoch {report.epoch}/{config.epochs}: {words}; {record['seconds']:.1f} s"


def _accuracy(value: float | None, form: str) -> str:
    """Nothing where there are no classes."""
    return "" if value is None else form.format(value)
