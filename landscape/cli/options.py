"""Options that commands share, and how a checkpoint becomes a target under them."""

import os
import sys
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from landscape.analysis.target_settings import TargetSettings
from landscape.catalog.words import FIGURE_FORMATS
from landscape.cli.from_settings import settings_options
from landscape.cli.option_types import ListOf, Parsed, inches
from landscape.cli.plain import echo

if TYPE_CHECKING:
    from landscape.analysis.target import Target

F = TypeVar("F", bound=Callable[..., Any])


def _figure_formats(
    ctx: click.Context, param: click.Parameter, formats: tuple[str, ...]
) -> tuple[str, ...]:
    """Known ones, each once, in one order."""
    for name in formats:
        if name not in FIGURE_FORMATS:
            known = ", ".join(FIGURE_FORMATS)
            raise click.BadParameter(f"unknown format {name!r}; known are {known}.", ctx, param)
    return tuple(name for name in FIGURE_FORMATS if name in formats)


checkpoints_argument = click.argument(
    "checkpoints", nargs=-1, required=True, type=click.Path(path_type=Path)
)
data_dir_option = click.option(
    "--data-dir", type=click.Path(path_type=Path), help="Folder of the data set's files."
)
figures_option = click.option(
    "--figures",
    type=ListOf(str),
    default=(),
    callback=_figure_formats,
    metavar=",".join(FIGURE_FORMATS),
    help="Write figures in these formats too, beside the SVG.",
)
quiet_option = click.option("--quiet", "-q", is_flag=True, help="No progress.")
force_option = click.option(
    "--force", is_flag=True, help="Start anew, whatever an earlier run left."
)


def out_option(
    help: str, *, required: bool = False, default: Path | None = None
) -> Callable[[F], F]:
    """``-o``, a folder."""
    # A default of None would count as given: click 8.5 then asks for no required option.
    given: dict[str, Any] = {} if default is None else {"default": default, "show_default": True}
    kind = click.Path(file_okay=False, path_type=Path)
    return click.option("--out", "-o", type=kind, required=required, help=help, **given)


def json_option(of_each: str = "") -> Callable[[F], F]:
    """``--json``, as ``as_json``: one object, or one of each of these."""
    each = f" {of_each}" if of_each else ""
    return click.option("--json", "as_json", is_flag=True, help=f"One JSON object{each} on stdout.")


def width_option(of: str) -> Callable[[F], F]:
    """Add ``--width`` of such figures; the command receives inches, or None."""
    return click.option(
        "--width",
        type=Parsed(inches),
        metavar="LENGTH",
        help=f"Of {of}: 3.25in, 8cm, 240pt.  [default: wider than a paper's column]",
    )


def group_option(command: F) -> F:
    """Add ``--group``; the command receives ``groups``, each name's globs, or None."""
    option: Callable[[F], F] = click.option(
        "--group",
        "groups",
        multiple=True,
        metavar="NAME=GLOB",
        callback=_groups,
        help="Checkpoints by path, file name or label; repeatable.  "
        "[default: by initialisation and optimiser, else by file name]",
    )
    return option(command)


def _groups(
    ctx: click.Context, _param: click.Parameter, patterns: tuple[str, ...]
) -> dict[str, list[str]] | None:
    groups: dict[str, list[str]] = {}
    for pattern in patterns:
        name, equals, globs = pattern.partition("=")
        if not (name and equals and globs):
            raise click.UsageError(
                f"--group must be NAME=GLOB, for example 'mine=checkpoints/mine-*'; got "
                f"{pattern!r}.",
                ctx,
            )
        groups.setdefault(name, []).extend(p.strip() for p in globs.split(",") if p.strip())
    return groups or None


def target_options(command: F) -> F:
    """Add the options that decide which function of which parameters is analysed.

    The command receives them as one ``settings: TargetSettings``.
    """

    @wraps(command)
    def wrapper(*, settings: TargetSettings, deterministic: bool, **others: Any) -> Any:
        from landscape.distributed import from_main
        from landscape.files import check_writable

        if settings.unsafe_pickle:
            click.echo(
                "Warning: --unsafe-pickle runs whatever code the file contains, with your rights.",
                err=True,
            )
        out = others.get("out")
        if isinstance(out, Path) and not others.get("dry_run"):
            from_main(lambda: check_writable(out))  # before hours are spent
        with _deterministic(deterministic):
            return command(settings=replace(settings, command=command_line()), **others)

    decorated: Any = wrapper
    deterministic: Callable[[F], F] = click.option(
        "--deterministic",
        is_flag=True,
        help="Bitwise the same again on a GPU too: refuse operations that are not.",
    )
    result: F = settings_options(TargetSettings, "settings")(deterministic(decorated))
    return result


@contextmanager
def _deterministic(asked: bool) -> Iterator[None]:
    """PyTorch's deterministic algorithms for the block, where ``asked``.

    Raises
    ------
    ValueError
        Naming an operation that has none.
    """
    if not asked:
        yield
        return
    import torch

    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # read when cuBLAS starts
    before = torch.are_deterministic_algorithms_enabled()
    torch.use_deterministic_algorithms(True)
    try:
        yield
    except RuntimeError as error:
        if "deterministic" not in str(error):
            raise
        raise ValueError(
            f"--deterministic: {str(error).split(', but you set')[0]}. Replace the operation, or "
            "leave the option out and accept that runs may differ."
        ) from error
    finally:
        torch.use_deterministic_algorithms(before)


def command_line() -> str:
    """The command as it was typed, for the record; the program's path is left out."""
    import shlex

    return shlex.join(["landscape", *sys.argv[1:]])


def open_targets(
    paths: Sequence[Path], settings: TargetSettings, *, scales: Collection[str] = (), quiet: bool
) -> list["Target"]:
    """Load each checkpoint, and print its loss, accuracy and gradient norm before anything else.

    ``scales`` are those that it is to be measured at, on which there may be something to note.
    """
    return [
        opened(path, label, settings, scales=scales, quiet=quiet)
        for path, label in zip(paths, unique_labels(paths), strict=True)
    ]


def opened(
    path: Path,
    label: str,
    settings: "TargetSettings",
    *,
    params: str = "*",
    scales: Collection[str] = (),
    quiet: bool,
) -> "Target":
    """Load one checkpoint, restricted to ``params``, and print what it is."""
    from landscape.analysis.opening import open_target
    from landscape.cli.output import reading_examples

    with reading_examples(label, quiet=quiet) as told:
        target = open_target(path, settings, label=label, told=told).restricted(params)
    target = target.with_note_on(scales)
    if not quiet:
        describe(target)
    return target


def describe(target: "Target") -> None:
    """Print what was loaded to stderr, so that a wrong load is visible before hours are spent."""
    s = target.subject
    accuracy = "" if s.accuracy is None else f", accuracy {s.accuracy:.4f}"
    echo(
        f"{s.label}: loss {s.loss:.6g}{accuracy}, gradient norm {s.grad_norm:.3g}; "
        f"{s.num_params:,} parameters; {s.num_examples:,} {s.split} examples of {s.data} "
        f"({s.data_source}{'' if s.taken in ('', 'all') else f'; {s.taken}'})",
        err=True,
    )
    for note in s.notes:
        echo(f"  note: {note}", err=True)


def unique_labels(paths: Sequence[Path]) -> list[str]:
    """File names without their endings, made unique by folders or a number."""
    from landscape.results.labels import told_apart

    return told_apart([path.stem for path in paths], paths)
