"""What commands print: tables and JSON on stdout, progress on stderr, results under -o."""

import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click
from rich.cells import cell_len
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table as TextTable
from rich.text import Text

from landscape.cli.plain import for_stdout, one_line
from landscape.cli.stdout import print_record, stdout
from landscape.page.table import Table

if TYPE_CHECKING:
    from landscape.data.source import Told
    from landscape.results import Result

# A number, whatever stands before or after it, or the sign of a missing one.
_NUMBER = re.compile(r"[-+−±≤≥<>~ ]*\d|[-–]?$|nan|inf", re.IGNORECASE)
_FIRST_LINE = 10_000  # examples; the next line at ten times as many
_LEAST_WORDS = 24  # columns of a terminal in which words may be wrapped


class _Output(Console):
    def on_broken_pipe(self) -> None:
        raise BrokenPipeError  # which ``landscape.cli`` knows for no error; rich's own exit is one


@contextmanager
def progress_bar(title: str, *, quiet: bool) -> Iterator["Told"]:
    """A bar with count and time left on stderr; nothing where stderr is no terminal."""
    console = Console(stderr=True, quiet=quiet or not sys.stderr.isatty())
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, TimeRemainingColumn(), console=console, transient=True) as bar:
        task = bar.add_task(Text(title).plain, total=None)

        def report(done: int, total: int | None) -> None:
            bar.update(task, completed=done, total=total)

        yield report


@contextmanager
def reading_examples(label: str, *, quiet: bool) -> Iterator["Told"]:
    """The same for examples read in order, which may never end; elsewhere a line now and then."""
    next_line = _FIRST_LINE
    with progress_bar(f"{label}: reading examples", quiet=quiet) as report:

        def told(done: int, total: int | None) -> None:
            nonlocal next_line
            report(done, total)
            if done >= next_line and not quiet and not sys.stderr.isatty():
                of = "" if total is None else f" of {total:,}"
                click.echo(f"{label}: {done:,}{of} examples read so far", err=True)
                next_line = 10 * done

        yield told


def print_words(text: str, *, indent: str = "") -> None:
    """A paragraph on stdout, broken between words where a terminal is too narrow for it."""
    text = one_line(text)
    if stdout().isatty():
        width = Console(file=stdout()).width
        text = click.wrap_text(for_stdout(text), width, indent, indent)
        indent = ""
    click.echo(f"{indent}{text}", file=stdout())


def print_table(table: Table[Any]) -> None:
    """A table on stdout; text in it is taken as it is, whatever markup it may look like.

    In a terminal that is too narrow the words of the last column are wrapped, or else each row is
    a list of its own. Numbers are never cut.
    """
    table = table.without_empty()
    columns = [for_stdout(column.heading) for column in table.columns]
    rows = [[for_stdout(cell.text) for cell in row] for row in table.cells]
    # Into a pipe nothing is cut off: the width of a terminal means nothing there.
    width = None if stdout().isatty() else 10_000
    console = _Output(file=stdout(), markup=False, highlight=False, width=width)
    if table.caption:
        console.print(Text(for_stdout(table.caption)))
    if not rows or _width(columns, rows) <= console.width:
        console.print(_side_by_side(columns, rows))
        return
    others = _width(columns[:-1], [row[:-1] for row in rows])
    if _are_words(rows, len(columns) - 1) and others + _LEAST_WORDS <= console.width:
        console.print(_side_by_side(columns, rows, wrapped=len(columns) - 1))
        return
    for row in rows:
        console.print(Text(row[0], style="bold"))
        listed = TextTable(box=None, show_header=False)
        for name, cell in zip(columns[1:], row[1:], strict=True):
            if cell:
                listed.add_row(Text(name), Text(cell))
        console.print(listed)


def _side_by_side(
    columns: Sequence[str], rows: Sequence[Sequence[str]], *, wrapped: int | None = None
) -> TextTable:
    table = TextTable(box=None)
    for index, name in enumerate(columns):
        words = index == 0 or _are_words(rows, index)
        justify: Literal["left", "right"] = "left" if words else "right"
        table.add_column(Text(name), justify=justify, no_wrap=index != wrapped)
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    return table


def _are_words(rows: Sequence[Sequence[str]], column: int) -> bool:
    return not all(_NUMBER.match(row[column]) for row in rows)


def _width(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> int:
    """Of the table, a space on either side of each cell."""
    return sum(max(map(cell_len, cells)) + 2 for cells in zip(columns, *rows, strict=True))


def print_json(results: Sequence["Result"]) -> None:
    """One JSON object on stdout; with several checkpoints, one a line."""
    for result in results:
        print_record(result.record())


def write_results(folder: Path | None, analysis: str, results: Sequence["Result"]) -> None:
    """Save each result under ``folder``; None: nowhere.

    Of several processes that shared the work, all but the first end here: what follows is
    printing and files.
    """
    from landscape.distributed import is_main
    from landscape.results import result_path, save_result

    if not is_main():
        raise click.exceptions.Exit(0)
    if folder is None:
        return

    for result in results:
        save_result(result, result_path(folder, result.subject.label, analysis))
