"""``python -m benchmarks [NAMES…] [--quick] [--json FILE]``, and ``python -m benchmarks table``."""

import sys
from collections.abc import Callable
from pathlib import Path

import click
import torch

from benchmarks.eigenvalues import begin, compare_eigenvalues
from benchmarks.grid import compare_grid
from benchmarks.hvp import compare_hvp
from benchmarks.problem import load_problem
from benchmarks.record import RESULTS, Comparison, write_results
from benchmarks.scaling import compare_scaling
from benchmarks.spectrum import compare_spectrum
from benchmarks.table import write_readme
from benchmarks.training_step import compare_training_step
from landscape.training.allocator import keep_freed_memory

NAMES = ("eigenvalues", "spectrum", "hvp", "training-step", "grid", "scaling")


@click.command()
@click.argument("names", nargs=-1, type=click.Choice((*NAMES, "table")))
@click.option("--quick", is_flag=True, help="Fewer images, pairs and sizes: does it run at all?")
@click.option(
    "--json",
    "json_file",
    type=click.Path(dir_okay=False, path_type=Path),
    default=None,
    help="Where the results go; by default benchmarks/results/results.json, and with --quick "
    "quick.json there.",
)
@click.option("--threads", type=click.IntRange(min=1), default=1, show_default=True)
def main(names: tuple[str, ...], quick: bool, json_file: Path | None, threads: int) -> None:
    """Compare the package with what its users would otherwise run; NAMES: all by default."""
    target = json_file or RESULTS / ("quick.json" if quick else "results.json")
    if names == ("table",):
        write_readme(target)
        return
    torch.set_num_threads(threads)
    keep_freed_memory()  # for all contenders alike, as the package's commands have it
    comparisons = run(names or NAMES, quick=quick, say=lambda text: click.echo(text, err=True))
    command = " ".join(["python -m benchmarks", *sys.argv[1:]])
    write_results(comparisons, target, command)
    click.echo(target)


def run(names: tuple[str, ...], *, quick: bool, say: Callable[[str], None]) -> list[Comparison]:
    """Run the comparisons asked for, the cheap ones first."""
    rounds = 3 if quick else 11
    done: list[Comparison] = []

    def add(comparison: Comparison) -> None:
        done.append(comparison)
        say(f"{comparison.title}:")
        for row in comparison.rows:
            faster = "" if row.ratio is None else f" {row.ratio:.2f}x"
            say(f"  {row.method} on {row.network}: {row.seconds:.4f} s{faster} {row.note}")

    if "hvp" in names:
        add(compare_hvp(load_problem(64 if quick else 256), rounds=rounds))
    if "training-step" in names:
        add(compare_training_step(load_problem(64 if quick else 128), rounds=rounds))
    if "grid" in names:
        problem = load_problem(64 if quick else 256)
        add(compare_grid(problem, num_points=5 if quick else 11, rounds=3 if quick else 7))
    count = None
    if "eigenvalues" in names:
        session = begin(load_problem(_few(quick)), _most(quick), limit=5 if quick else 45)
        add(compare_eigenvalues(session, 2 if quick else 10, rounds=1 if quick else 3))
        add(compare_eigenvalues(session, _most(quick), rounds=1 if quick else 2))
        count = next(r.num_matvecs for r in done[-1].rows if r.method == "PyHessian")
    if "spectrum" in names:
        add(
            compare_spectrum(
                load_problem(32 if quick else 256),
                _most(quick),
                num_probes=2 if quick else 4,
                num_steps=10 if quick else 60,
                few_images=_few(quick),
                count=count,
            )
        )
    if "scaling" in names:
        channels = (4, 8) if quick else (8, 16, 32, 64, 128)
        examples = (64, 128) if quick else (256, 1024, 4096, 20_000)
        figure = RESULTS / ("quick.svg" if quick else "scaling.svg")
        add(compare_scaling(channels, examples, rounds=1 if quick else 3, figure=figure))
    return done


def _few(quick: bool) -> int:
    """Images for what takes thousands of products."""
    return 16 if quick else 64


def _most(quick: bool) -> int:
    """Pairs from each end."""
    return 4 if quick else 50


if __name__ == "__main__":
    main()
