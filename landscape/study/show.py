"""Show a study's progress on stderr: a bar on a terminal, a line a run elsewhere."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.text import Text

from landscape.analysis.progress import Pace
from landscape.study.folder import StudyFolder
from landscape.study.plan import Plan
from landscape.study.queue import Notify, own_runs, unsettled
from landscape.study.settings import QueueSettings
from landscape.study.workers import Event


@contextmanager
def show_progress(
    plan: Plan, out: Path, settings: QueueSettings, *, quiet: bool
) -> Iterator[Notify]:
    """Yield what tells the whole plan's progress, with the time that is left."""
    console = Console(stderr=True, quiet=quiet)
    own = own_runs(plan, settings.shard)
    folder = StudyFolder(out)
    settled = 0 if settings.force else len(own) - len(unsettled(own, plan, folder))
    tally = Tally(total=len(own), settled=settled)
    columns = (
        TextColumn("{task.fields[done]}/{task.total} runs"),
        BarColumn(),
        TextColumn("{task.fields[now]}"),
        TimeElapsedColumn(),
        TextColumn("{task.fields[left]}"),
    )
    bar = Progress(*columns, console=console, transient=True)
    task = bar.add_task("", total=len(own), completed=settled, done=settled, now="", left="")

    def notify(event: Event) -> None:
        tally.take(event)
        bar.update(
            task,
            total=tally.total,
            completed=tally.settled + sum(tally.parts.values()),
            done=tally.settled,
            now=Text(" · ".join(f"{k}: {v}" for k, v in tally.stages.items())).plain,
            left=tally.time_left(),
        )
        if event.record is not None or event.elsewhere:
            console.print(_line(event, tally), markup=False, highlight=False, soft_wrap=True)

    with bar:
        yield notify


class Tally:
    """Runs settled, parts of those under way, and from both the time left."""

    def __init__(self, *, total: int, settled: int) -> None:
        self.total, self.settled = total, settled
        self.parts: dict[str, float] = {}
        self.stages: dict[str, str] = {}
        self._pace = Pace(least=0.05)
        self._worked = 0.0  # runs' worth of work since then

    def take(self, event: Event) -> None:
        label = event.label
        self.total += event.num_more
        if event.num_more:
            return
        if event.elsewhere:
            self.total -= 1
        elif event.record is not None:
            self.settled += 1
            self._worked += 1
        if event.elsewhere or event.record is not None:
            self.parts.pop(label, None)
            self.stages.pop(label, None)
        else:
            self.parts[label], self.stages[label] = event.part, event.stage

    def time_left(self) -> str:
        """In words; empty until it can be told."""
        under_way = sum(self.parts.values())
        return self._pace.left(self._worked + under_way, self.total - self.settled - under_way)


def _line(event: Event, tally: Tally) -> str:
    if event.elsewhere or event.record is None:
        return f"{event.label}: in another process's hands"
    r = event.record
    what = (
        f"failed in {r.stage}: {r.reason}"
        if r.state == "failed"
        else f"done in {r.training_seconds:.0f} + {r.analysis_seconds:.0f} s"
    )
    return f"{tally.settled}/{tally.total} {event.label}: {what}; {tally.time_left()}"
