"""One bar over all that a command does, with the time that is left."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, TextColumn
from rich.progress import Progress as Bar
from rich.text import Text

from landscape.analysis.progress import Pace
from landscape.cli.plain import echo

if TYPE_CHECKING:
    from landscape.analysis.progress import Progress


class Overall:
    """What is done of everything, on stderr: a bar in a terminal, elsewhere a line a part.

    Parts have weights, of which each tells its own and that of all that is to follow it: more may
    be known of them later on. The bar is up while a part is under way only, so that whatever is
    between two parts can have one of its own.
    """

    def __init__(self, *, quiet: bool, pace: Pace | None = None) -> None:
        self._in_lines = not quiet and not sys.stderr.isatty()
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.percentage:>3.0f} %"),
            TextColumn("{task.fields[left]}"),
        )
        console = Console(stderr=True, quiet=quiet or not sys.stderr.isatty())
        self._bar = Bar(*columns, console=console, transient=True)
        self._task = self._bar.add_task("", total=None, left="")
        self._pace = pace or Pace(least=0.02)
        self._done = 0.0

    @contextmanager
    def part(self, name: str, weight: float, *, after: float) -> Iterator["Progress"]:
        """A block for a part, and what its own progress is told to.

        Parameters
        ----------
        weight, after
            Of this part, and of all that is to follow it.
        """
        total = self._done + weight + after

        def left(done: float) -> str:
            return self._pace.left(done / total, 1 - done / total)

        def report(done: int, of: int) -> None:
            here = self._done + weight * min(1.0, done / max(of, 1))
            self._bar.update(self._task, completed=here, left=left(here))

        told = Text(name).plain
        self._bar.update(
            self._task,
            total=total,
            completed=self._done,
            description=told,
            left=left(self._done),
        )
        if self._in_lines and (after or self._done):
            self._tell(name, self._done / total, left(self._done))
        with self._bar:
            yield report
        self._done += weight

    def _tell(self, name: str, done: float, left: str) -> None:
        from landscape.distributed import is_main

        if is_main():
            echo(f"{name}; {done:.0%} done{left and f', {left}'}", err=True)
