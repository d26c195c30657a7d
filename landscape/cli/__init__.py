"""The command line: one file a command, imported only when it is the one that runs."""

import importlib
import os
import sys
from collections.abc import Callable
from typing import Any

import click

from landscape.allocator import keep_freed_memory
from landscape.cli.plain import one_line, plain_where_needed
from landscape.cli.surroundings import (
    SurroundingsError,
    as_too_little_memory,
    nobody_reads,
    set_up_surroundings,
)
from landscape.interrupts import stop_on_signals

# Command → (module, one line of help): so that the list of commands imports none of them.
_COMMANDS = {
    "demo": ("demo", "Compare sixteen shipped checkpoints and write a report."),
    "train": ("train", "Train a network, published or yours; run again to resume."),
    "study": ("study", "Many trainings and analyses by a plan, and one report; resumable."),
    "look": ("look", "In a minute: what is this file, is it safe, is it sharp?"),
    "info": ("info", "Say what is in a checkpoint file, without loading its weights."),
    "check": ("check", "Preflight: can the numbers of this checkpoint mean anything?"),
    "analyze": ("analyze", "Everything about some checkpoints, and a report."),
    "eigenvalues": ("eigenvalues", "Eigenvalues at both ends of the spectrum."),
    "density": ("density", "Eigenvalue density by stochastic Lanczos quadrature."),
    "trace": ("trace", "Trace, Frobenius norm and effective rank."),
    "sharpness": ("sharpness", "Sharpness measures, each with its error."),
    "fidelity": ("fidelity", "Does the curvature predict the real loss?"),
    "surface": ("surface", "Loss along lines and over planes."),
    "compare": ("compare", "Are one group's minima flatter than another's?"),
    "table": ("table", "A table for a paper, or a paragraph on the methods."),
    "report": ("report", "Make a report again from its results."),
    "data": ("data", "Look at data sets, download Fashion-MNIST."),
    "env": ("env", "Versions and devices: what to paste into a bug report."),
}
EXIT_GATE, EXIT_USAGE, EXIT_BUG, EXIT_INTERRUPTED = 1, 2, 101, 130


class _UnreadError(Exception):
    """Output that nobody reads to its end."""


def _without_number(error: BrokenPipeError) -> Exception:
    """A closed pipe as what click, which goes by the error's number, does not end with code 1."""
    if nobody_reads():
        return _UnreadError()
    return OSError(f"{error}, of neither stdout nor stderr; LANDSCAPE_TRACEBACK=1 shows where.")


class _LazyGroup(click.Group):
    def make_context(self, *args: Any, **extra: Any) -> click.Context:
        try:
            return super().make_context(*args, **extra)
        except BrokenPipeError as error:
            raise _without_number(error) from error

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except BrokenPipeError as error:
            raise _without_number(error) from error

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in _COMMANDS:
            return None
        module = importlib.import_module(f"landscape.cli.commands.{_COMMANDS[name][0]}")
        command: click.Command = getattr(module, name)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in _COMMANDS and not args[0].startswith("-"):
            from landscape.hints import close_to

            ctx.fail(f"No such command '{args[0]}'.{close_to(args[0], _COMMANDS)}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, help_line) for name, (_, help_line) in _COMMANDS.items()])


@click.group(cls=_LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="landscape-snn", prog_name="landscape")
def cli() -> None:
    """Flatness reports from checkpoint files.

    \b
    landscape demo
    landscape analyze checkpoints/*.safetensors -o reports/mine
    landscape eigenvalues net.pth --model my_nets.py:make --data xy.npz --loss cross-entropy

    Exit codes: 0 done; 1 a requested gate failed (--strict, --fail-if); 2 usage, or a file refused;
    101 a bug; 130 interrupted, with what was finished kept.
    """


def main() -> None:
    """Run the command line, alone or as one of the processes that ``torchrun`` started."""
    try:
        set_up_surroundings()
    except SurroundingsError as error:
        _say(f"Error: {error}")
        sys.exit(EXIT_USAGE)
    plain_where_needed()
    keep_freed_memory()
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:
        from landscape.cli.together import run_together

        code = run_together(_run, sys.argv[1:], _say)
    else:
        code = _run(_say)
    sys.exit(code)


def _run(say: Callable[[str], None]) -> int:
    """Run the command; errors that a user can mend are one message and exit code 2."""
    try:
        with stop_on_signals():
            return _invoke()
    except click.ClickException as error:
        error.show()
        return EXIT_USAGE
    except (KeyboardInterrupt, click.Abort):
        say("Interrupted. What was finished is kept; the same command goes on from there.")
        return EXIT_INTERRUPTED
    except (ValueError, OSError) as error:
        if os.environ.get("LANDSCAPE_TRACEBACK"):
            raise
        say(f"Error: {error}")
        return EXIT_USAGE
    except Exception as error:
        return _told(error, say)


def _invoke() -> int:
    """Run the command; output that nobody reads to its end (``| head -1``) is no error."""
    try:
        code = cli.main(prog_name="landscape", standalone_mode=False)
        sys.stdout.flush()
    except (BrokenPipeError, _UnreadError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except (MemoryError, ImportError, SystemError) as error:
        # Here, since as memory ends the way out of any further block may fail.
        if (too_little := as_too_little_memory(error)) is not None:
            raise too_little from None
        raise
    return code if isinstance(code, int) else 0


def _told(error: Exception, say: Callable[[str], None]) -> int:
    """Say what ended the command, where it is nothing that a module foresaw; its exit code."""
    if type(error).__name__ == "PeerLostError":  # its module imports torch
        say(f"Error: {error}")
        return EXIT_INTERRUPTED
    if _is_out_of_memory(error):
        say(
            "Error: out of memory. Give --memory what a process may take, fewer --examples, or "
            "a smaller --batch-size; what was finished is kept."
        )
        return EXIT_USAGE
    import traceback

    say("".join(traceback.format_exception(error)))
    say(
        f"This is a bug in landscape ({type(error).__name__}). Please report the lines above "
        "with the output of 'landscape env'."
    )
    return EXIT_BUG


def _is_out_of_memory(error: Exception) -> bool:
    # Where torch was never imported, only Python itself can have run out.
    if "torch" not in sys.modules:
        return isinstance(error, MemoryError)
    from landscape.objective.halving import is_out_of_memory

    return is_out_of_memory(error)


def _say(text: str) -> None:
    # A name that came out of a file must not drive the terminal.
    click.echo("\n".join(map(one_line, text.split("\n"))), err=True)
