"""``python -m benchmarks [NAMES…] [--quick] [--json FILE]``, and ``python -m benchmarks table``."""

import dataclasses
import sys
from collections.abc import Callable, Iterator
from functools import partial
from itertools import chain
from pathlib import Path

import click
import torch

from benchmarks.block import compare_block_lanczos, compare_block_products
from benchmarks.eigenvalues import begin, compare_eigenvalues
from benchmarks.grid import compare_grid
from benchmarks.hvp import compare_hvp
from benchmarks.problem import CHECKPOINT, Problem, load_problem
from benchmarks.products import compare_products
from benchmarks.record import RESULTS, Comparison, read_results, write_results
from benchmarks.scaling import compare_scaling
from benchmarks.smooth import compare_smooth_eigenvalues, compare_smooth_hvp, load_smooth_problem
from benchmarks.spectrum import compare_spectrum
from benchmarks.table import write_readme
from benchmarks.training_step import compare_training_step
from landscape.allocator import keep_freed_memory

Names = tuple[str, ...]
Load = Callable[[int], Problem]

NAMES = (
    "eigenvalues",
    "products",
    "spectrum",
    "hvp",
    "training-step",
    "grid",
    "scaling",
    "smooth",
    "block",
)


@click.command()
@click.argument("names", nargs=-1, type=click.Choice((*NAMES, "table")))
@click.option(
    "--quick",
    is_flag=True,
    help="Few images, pairs and sizes: does it run at all?",
)
@click.option(
    "--json",
    "json_file",
    type=click.Path(dir_okay=False, path_type=Path),
    default=None,
    help="Where the results go; by default benchmarks/results/results.json, and with --quick "
    "quick.json there.",
)
@click.option(
    "--checkpoint",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    default=CHECKPOINT,
    help="Of a CSNN, in place of the shipped one; its results are added to those.",
)
@click.option(
    "--pairs",
    type=click.Choice(["10", "50"]),
    default="50",
    help="Eigenpairs from each end, at most.",
)
@click.option("--threads", type=click.IntRange(min=1), default=1, show_default=True)
def main(
    names: tuple[str, ...],
    quick: bool,
    json_file: Path | None,
    checkpoint: Path,
    pairs: str,
    threads: int,
) -> None:
    """Compare the package with what its users would otherwise run; NAMES: all by default."""
    target = json_file or RESULTS / ("quick.json" if quick else "results.json")
    if names == ("table",):
        write_readme(target)
        return
    try:
        stored = read_results(target)  # at once, not when all has been measured
    except ValueError as error:
        raise click.ClickException(str(error)) from error
    torch.set_num_threads(threads)
    keep_freed_memory()  # for all contenders alike, as the package's commands have it
    comparisons = run(
        names or NAMES,
        quick=quick,
        checkpoint=checkpoint,
        pairs=int(pairs),
        figure=target.with_name("quick.svg" if quick else "scaling.svg"),
        say=lambda text: click.echo(text, err=True),
    )
    if checkpoint != CHECKPOINT:
        comparisons = [_of_checkpoint(c, checkpoint) for c in comparisons]
    command = " ".join(["python -m benchmarks", *sys.argv[1:]])
    write_results(comparisons, stored, target, command)
    click.echo(target)


def _of_checkpoint(comparison: Comparison, checkpoint: Path) -> Comparison:
    name = checkpoint.stem
    if comparison.name.startswith(("smooth", "scaling", "products")):
        return comparison
    return dataclasses.replace(
        comparison,
        name=f"{comparison.name}-{name}",
        title=f"{comparison.title}, on {name}",
    )


def run(
    names: Names,
    *,
    quick: bool,
    say: Callable[[str], None],
    checkpoint: Path,
    pairs: int,
    figure: Path,
) -> list[Comparison]:
    """Run the comparisons asked for, the cheap ones first."""
    done: list[Comparison] = []
    load = partial(load_problem, checkpoint=checkpoint)
    for comparison in chain(
        _single_calls(names, load, quick=quick),
        _solvers(names, load, quick=quick, pairs=pairs),
        _sizes(names, quick=quick, figure=figure),
    ):
        done.append(comparison)
        say(f"{comparison.title}:")
        for row in comparison.rows:
            faster = "" if row.ratio is None else f" {row.ratio:.2f}x"
            say(f"  {row.method} on {row.network}: {row.seconds:.4f} s{faster} {row.note}")
    return done


def _single_calls(names: Names, load: Load, *, quick: bool) -> Iterator[Comparison]:
    rounds = 3 if quick else 11
    if "hvp" in names:
        yield compare_hvp(load(16 if quick else 256), rounds=rounds)
    if "training-step" in names:
        yield compare_training_step(load(16 if quick else 128), rounds=rounds)
    if "grid" in names:
        problem = load(16 if quick else 256)
        yield compare_grid(problem, num_points=5 if quick else 11, rounds=3 if quick else 7)
    if "smooth" in names:
        yield compare_smooth_hvp(load_smooth_problem(32 if quick else 256), rounds=rounds)
    if "block" in names:
        yield compare_block_products(num_examples=16 if quick else 256, rounds=rounds)
        yield compare_block_lanczos(dim=60 if quick else 300)


def _solvers(names: Names, load: Load, *, quick: bool, pairs: int) -> Iterator[Comparison]:
    count = None
    if "eigenvalues" in names:
        most = min(pairs, _most(quick))
        session = begin(load(_few(quick)), most, limit=5 if quick else 45)
        last = compare_eigenvalues(session, 2 if quick else 10, rounds=1 if quick else 3)
        yield last
        if most > 10:
            last = compare_eigenvalues(session, most, rounds=2)
            yield last
        count = next(r.num_matvecs for r in last.rows if r.method == "PyHessian")
    if "products" in names:
        yield compare_products(2 if quick else 10, num_examples=_few(quick))
    if "spectrum" in names:
        yield compare_spectrum(
            load(8 if quick else 256),
            _most(quick),
            num_probes=2 if quick else 4,
            num_steps=4 if quick else 60,
            few_images=_few(quick),
            count=count,
        )
    if "smooth" in names:
        smooth = load_smooth_problem(16 if quick else 256)
        yield compare_smooth_eigenvalues(smooth, 2 if quick else 10)


def _sizes(names: Names, *, quick: bool, figure: Path) -> Iterator[Comparison]:
    if "scaling" in names:
        channels = (4, 8) if quick else (8, 16, 32, 64, 128)
        examples = (32, 64) if quick else (256, 1024, 4096, 20_000)
        yield compare_scaling(channels, examples, rounds=1 if quick else 3, figure=figure)


def _few(quick: bool) -> int:
    """Images for what takes thousands of products."""
    return 4 if quick else 64


def _most(quick: bool) -> int:
    """Pairs from each end."""
    return 2 if quick else 50


if __name__ == "__main__":
    main()
