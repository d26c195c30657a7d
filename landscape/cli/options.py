"""Options that commands share, and how a checkpoint becomes a target under them."""

import os
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from landscape.cli.named import operator_option, scale_option
from landscape.cli.plain import echo

if TYPE_CHECKING:
    from landscape.analysis.target import Target, TargetSettings

F = TypeVar("F", bound=Callable[..., Any])

_SUFFIXES = {"": 0, "k": 10, "m": 20, "g": 30, "t": 40}


def _bytes(ctx: click.Context, param: click.Parameter, value: str | None) -> int | None:
    """A size such as 8G; the suffixes K, M, G and T are powers of 1,024."""
    if value is None:
        return None
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([kmgt]?)(?:i?b)?", value.lower())
    if found is None or not float(found[1]) > 0:
        raise click.BadParameter(f"{value!r} is no size; write it like 8G or 512M.")
    return int(float(found[1]) * 2 ** _SUFFIXES[found[2]])


_TARGET_OPTIONS = [
    click.option("--model", help="module:factory or file.py:factory[?k=v]; or a built-in name."),
    click.option(
        "--data",
        help="fashion-mnist, arrays.npz, module:factory or file.py:factory of arrays, a Dataset, a "
        "DataLoader or other batches.",
    ),
    click.option("--data-dir", type=click.Path(path_type=Path), help="Folder of the data's files."),
    click.option("--loss", help="mse, cross-entropy, nll or module:function(outputs, targets)."),
    click.option(
        "--objective",
        help="In place of --loss: file.py:name of a function(model, batch), or of an Objective.",
    ),
    click.option(
        "--split", type=click.Choice(["train", "test"]), default="train", show_default=True
    ),
    click.option(
        "--examples",
        help="N (a random subset; of batches that are read in order the first N), START:STOP (in "
        "data-set order) or all.  [default: at most 1000]",
    ),
    click.option(
        "--keep",
        type=click.Choice(["memory", "reread"]),
        default="memory",
        show_default=True,
        help="Batches that are read in order: held in memory, or read again at each pass.",
    ),
    click.option("--batch-size", type=click.IntRange(min=1), default=250, show_default=True),
    click.option(
        "--bn",
        "batch_norm",
        type=click.Choice(["eval", "train"]),
        default="eval",
        show_default=True,
        help="Batch norm: running statistics, or those of each batch.",
    ),
    click.option(
        "--dtype", type=click.Choice(["float32", "float64"]), default="float32", show_default=True
    ),
    click.option(
        "--memory",
        callback=_bytes,
        metavar="SIZE",
        help="What a process may take, e.g. 8G: batches, graphs and Krylov basis are cut to it.",
    ),
    click.option("--device", default="cpu", show_default=True),
    click.option(
        "--deterministic",
        is_flag=True,
        help="Bitwise the same again on a GPU too: refuse operations that are not.",
    ),
    click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True),
    click.option("--ema", "use_ema", is_flag=True, help="Use the averaged weights in the file."),
    click.option("--state-key", help="Which entry of the file holds the weights."),
    click.option(
        "--allow-global",
        "allow_globals",
        multiple=True,
        metavar="NAME",
        help="A class that the file's pickle may name; repeatable.",
    ),
    click.option(
        "--unsafe-pickle",
        is_flag=True,
        help="Run whatever code the file contains. Only for files you made yourself.",
    ),
]


def target_options(command: F) -> F:
    """Add the options that decide which function of which parameters is analysed.

    The command receives them as one ``settings: TargetSettings``.
    """

    @wraps(command)
    def wrapper(**options: Any) -> Any:
        from landscape.analysis.target import TargetSettings
        from landscape.distributed import from_main
        from landscape.files import ensure_writable

        names = set(TargetSettings.__dataclass_fields__)
        chosen = {name: options.pop(name) for name in list(options) if name in names}
        if chosen["unsafe_pickle"]:
            click.echo(
                "Warning: --unsafe-pickle runs whatever code the file contains, with your rights.",
                err=True,
            )
        settings = TargetSettings(command=command_line(), **chosen)
        if isinstance(options.get("out"), Path) and not options.get("dry_run"):
            from_main(lambda: ensure_writable(options["out"]))  # before hours are spent
        with _deterministic(options.pop("deterministic")):
            return command(settings=settings, **options)

    decorated: Any = wrapper
    result: F = with_options(_TARGET_OPTIONS, decorated)
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


def with_options(options: Sequence[Callable[[F], F]], command: F) -> F:
    """Decorate ``command`` with ``options``, shown by --help in that order."""
    for option in reversed(options):
        command = option(command)
    return command


params_option = click.option(
    "--params",
    default="*",
    show_default=True,
    help="Vary these parameters only: globs of their names, comma-separated; !GLOB excludes.",
)
weight_decay_option = click.option(
    "--weight-decay",
    type=float,
    default=0.0,
    show_default=True,
    metavar="WD",
    help="Adds WD times the identity to A; with a scale, S (A + WD I) S.",
)


def operator_options(command: F) -> F:
    """Add the options that decide which linear operator: name, parameters, scale, weight decay."""
    options = [
        operator_option(),
        params_option,
        scale_option(
            help="The spectrum of S A S, blind to rescaled weights.",
        ),
        weight_decay_option,
    ]
    return with_options(options, command)


def command_line() -> str:
    """The command as it was typed, for the record; the program's path is left out."""
    import shlex

    return shlex.join(["landscape", *sys.argv[1:]])


def open_targets(
    paths: Sequence[Path], settings: "TargetSettings", *, quiet: bool
) -> list["Target"]:
    """Load each checkpoint, and print its loss, accuracy and gradient norm before anything else."""
    labels = unique_labels(paths)
    return [opened(p, label, settings, quiet=quiet) for p, label in zip(paths, labels, strict=True)]


def opened(
    path: Path, label: str, settings: "TargetSettings", *, params: str = "*", quiet: bool
) -> "Target":
    """Load one checkpoint, restricted to ``params``, and print what it is."""
    from landscape.analysis.target import open_target
    from landscape.cli.output import reading_examples

    with reading_examples(label, quiet=quiet) as told:
        target = open_target(path, settings, label=label, told=told).restricted(params)
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
