"""What commands print has stdout for itself: it may be JSON, and user code prints what it likes.

While a command runs, ``sys.stdout`` is stderr, for a user's network, loss and data, for libraries
and for the processes that any of them start. Commands print to :func:`stdout`.
"""

import io
import json
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stdout, suppress
from typing import Any, TextIO

import click

_own: list[TextIO] = []  # at most one


class Command(click.Command):
    """A command whose own prints alone reach stdout."""

    def invoke(self, ctx: click.Context) -> Any:
        with _kept_apart():
            return super().invoke(ctx)


def stdout() -> TextIO:
    """Where commands print."""
    return _own[-1] if _own else sys.stdout


def print_record(record: Mapping[str, Any]) -> None:
    """One JSON object on a line of stdout."""
    click.echo(json.dumps(record, allow_nan=False), file=stdout())


@contextmanager
def _kept_apart() -> Iterator[None]:
    if _own:  # a command that is called by another
        yield
        return
    with _descriptor_kept_apart(sys.stdout) as own, redirect_stdout(sys.stderr):
        _own.append(own)
        try:
            yield
        finally:
            _own.clear()


@contextmanager
def _descriptor_kept_apart(stream: TextIO) -> Iterator[TextIO]:
    """``stream``, or a copy of it while what is written to its descriptor goes to stderr.

    That is what C code and child processes write to. A stream within Python alone has none.
    """
    if not isinstance(stream, io.TextIOWrapper) or _descriptor(stream) != 1:
        yield stream
        return
    stream.flush()
    kept = os.dup(1)
    own = type(stream)(
        os.fdopen(kept, "wb"),
        encoding=stream.encoding,
        errors=stream.errors,
        line_buffering=stream.line_buffering,
        write_through=stream.write_through,
    )
    os.dup2(2, 1)
    try:
        yield own
        own.flush()  # output that nobody reads is told here
    finally:
        os.dup2(kept, 1)
        with suppress(BrokenPipeError):  # of an error, or a code, that is told instead
            own.close()


def _descriptor(stream: TextIO) -> int | None:
    try:
        return stream.fileno()
    except (OSError, ValueError):
        return None
