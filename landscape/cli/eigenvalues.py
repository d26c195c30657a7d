"""``landscape eigenvalues``: both ends of the spectrum, each value with its residual."""

from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from landscape.cli.eigenvectors import each_eigenpairs, print_overlaps, save_vectors
from landscape.cli.gated import eigenvalue_names, subject_names, values_of
from landscape.cli.gates import apply_gates, check_gates, gate_option
from landscape.cli.output import print_json, print_table, write_results
from landscape.cli.second_opinion import (
    explain_protocol,
    published_protocol,
    run_pyhessian,
)
from landscape.cli.spectra import basis_option, save_plot, shards_option, spectrum_options

if TYPE_CHECKING:
    from landscape.analysis.target import TargetSettings
    from landscape.gates import Gate
    from landscape.results import Eigenvalues


@click.command()
@click.option(
    "--top",
    "num_largest",
    type=click.IntRange(min=1),
    default=10,
    show_default=True,
    help="How many of the largest; all, where that is more than there are.",
)
@click.option(
    "--bottom",
    "num_smallest",
    type=click.IntRange(min=0),
    default=5,
    show_default=True,
    help="How many of the smallest.",
)
@click.option(
    "--solver",
    type=click.Choice(["lanczos", "pyhessian"]),
    default="lanczos",
    show_default=True,
    help="pyhessian: its own power iteration, as a second opinion.",
)
@click.option(
    "--protocol",
    type=click.Choice(["published"]),
    help="published: PyHessian's top 50 on one test image, as the released IKUN code does.",
)
@click.option(
    "--vectors", is_flag=True, help="Keep the eigenvectors too, as safetensors; needs -o."
)
@click.option(
    "--overlap", is_flag=True, help="Overlap of the upper eigenspaces between checkpoints."
)
@click.option("--strict", is_flag=True, help="Exit code 1 if an eigenpair has not converged.")
@gate_option
@shards_option
@basis_option
@spectrum_options
def eigenvalues(
    checkpoints: tuple[Path, ...],
    settings: "TargetSettings",
    vectors: bool,
    overlap: bool,
    strict: bool,
    solver: str,
    protocol: str | None,
    gates: "tuple[Gate, ...]",
    as_json: bool,
    plot: Path | None,
    out: Path | None,
    quiet: bool,
    **options: Any,
) -> None:
    """Print the eigenvalues at both ends of the spectrum of each of CHECKPOINTS.

    \b
    landscape eigenvalues checkpoints/ikun_v1-adam-s0.safetensors --top 10 --bottom 5
    """
    published = protocol == "published"
    operator = options["operator_name"]
    known = eigenvalue_names(
        scale=options["scale"],
        operator=operator,
        smallest=solver == "lanczos" and not published and options["num_smallest"] > 0,
    )
    check_gates(gates, [*subject_names(), *known])
    about = {"checkpoints": checkpoints, "out": out, "quiet": quiet}
    if published or solver == "pyhessian":
        if vectors or overlap or options["basis_dtype"]:
            raise click.UsageError(
                "--vectors, --overlap and --basis-dtype go with --solver lanczos."
            )
        if published:
            settings = published_protocol(settings)
            options |= {"num_largest": 50}
        results = run_pyhessian(options, settings=settings, **about)
    else:
        results = _by_lanczos(
            options, vectors, overlap, as_json=as_json, settings=settings, **about
        )
    if as_json:
        print_json(results)
    for result in results if not as_json else ():
        if published:
            explain_protocol(result)
        _print(result)
    if plot is not None:
        from landscape.plotting import plot_eigenvalues

        save_plot(plot, lambda axes: plot_eigenvalues(results, axes))
    apply_gates(gates, [(r.subject.label, values_of([r], main=operator), "") for r in results])
    if strict and any(not e.converged for r in results for e in (*r.largest, *r.smallest)):
        click.echo("--strict: not all pairs converged; raise --max-matvecs or --tol.", err=True)
        raise click.exceptions.Exit(1)


def _by_lanczos(
    options: dict[str, Any], vectors: bool, overlap: bool, *, as_json: bool, **about: Any
) -> list["Eigenvalues"]:
    if vectors and about["out"] is None:
        raise click.UsageError("--vectors needs -o, a folder to keep the eigenvectors in.")
    if overlap and len(about["checkpoints"]) < 2:
        raise click.UsageError("--overlap needs two checkpoints or more.")
    with each_eigenpairs(options, vectors or overlap, **about) as runs:
        if vectors:
            save_vectors(about["out"], runs)
        if overlap:
            print_overlaps(runs, as_json=as_json)
        results = [run.eigenvalues for run in runs]
        write_results(about["out"], "eigenvalues", results)
    return results


def _print(result: "Eigenvalues") -> None:
    from landscape.report.numbers import rounded  # late: it brings Matplotlib

    # Where all are asked for, the lower end stands among them.
    whole = len(result.largest) == result.operator.num_params
    # PyHessian finds those of largest absolute value, and orders them so.
    first = "|λ|" if "|λ|" in result.method else "largest"
    spread = [f"{s:.1e}" for s in result.shard_stderr]
    rows = [
        (
            f"{end} {i}",
            rounded(e.value, e.residual).text(),
            f"{e.residual:.1e}",
            *([error or ""] if spread else []),
            "" if e.converged else "NOT CONVERGED",
        )
        for end, values, errors in (
            (first, result.largest, spread),
            ("smallest", () if whole else result.smallest, []),
        )
        for i, (e, error) in enumerate(zip_longest(values, errors), 1)
    ]
    title = (
        f"{result.subject.label}: {result.operator.name}, scale {result.operator.scale}, "
        f"{result.num_matvecs} matvecs, {result.method}"
        + (f", all {len(result.largest)} eigenvalues" if whole else "")
    )
    if result.orthogonality_loss is not None:
        title += f", in {result.basis_dtype} orthogonal to {result.orthogonality_loss:.1e}"
    of_data = [f"stderr, {len(result.shards)} shards"] if spread else []
    columns = ("eigenvalue", "value ± residual", "residual", *of_data, "")
    print_table(columns, rows, title=title)
    if result.method.startswith("thick") and not whole:
        click.echo(_claim(result))


def _claim(result: "Eigenvalues") -> str:
    """What the numbers say, and what they do not."""
    ends = zip(("largest", "smallest"), result.num_shown, strict=True)
    shown = " and ".join(f"the {count} {end}" for end, count in ends if count)
    found = f"shows (99 %) the ranks of {shown}" if shown else "is too short to show a rank (99 %)"
    return (
        "A residual bounds the distance to an eigenvalue, not to that of the rank. The look for "
        f"missed ones {found}."
    )
