"""``landscape eigenvalues``: both ends of the spectrum, each value with its residual."""

from dataclasses import asdict, replace
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

import click

from landscape.analysis.spectrum.settings import EigenvalueSettings
from landscape.cli.eigenvectors import each_eigenpairs, print_overlaps, save_vectors
from landscape.cli.from_settings import settings_options
from landscape.cli.gated import NO_BOUNDS, result_names, subject_names, values_of
from landscape.cli.gates import apply_gates, check_gates, gate_option
from landscape.cli.measured import Asked, measure_each, measured_options
from landscape.cli.output import print_json, print_table, write_results
from landscape.cli.over_examples import over_examples
from landscape.cli.plain import echo
from landscape.cli.spectra import Plot, plot_option, save_plot
from landscape.cli.stdout import Command, stdout
from landscape.page.cells import Cell, number_cell
from landscape.page.columns import text_column
from landscape.page.table import Column, Table

if TYPE_CHECKING:
    from landscape.gates import Gate
    from landscape.results import Eigenvalues
    from landscape.values import Eigenvalue


@click.command(cls=Command)
@settings_options(EigenvalueSettings, "wanted")
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
@gate_option("lambda_max > 50 or accuracy < 0.9")
@plot_option
@measured_options
def eigenvalues(
    wanted: EigenvalueSettings,
    vectors: bool,
    overlap: bool,
    strict: bool,
    solver: str,
    protocol: str | None,
    gates: "tuple[Gate, ...]",
    plot: Plot | None,
    asked: Asked,
) -> None:
    """Print the eigenvalues at both ends of the spectrum of each of CHECKPOINTS.

    \b
    landscape eigenvalues checkpoints/ikun_v1-adam-s0.safetensors --top 10 --bottom 5
    """
    published = protocol == "published"
    both_ends = solver == "lanczos" and not published and wanted.num_smallest > 0
    known = result_names(
        "Eigenvalues",
        scale=wanted.scale,
        operator=wanted.operator,
        without=() if both_ends else ("lambda_min",),
    )
    if published or solver == "pyhessian":
        known = [each._replace(unbounded=NO_BOUNDS) for each in known]
    check_gates(gates, [*subject_names(), *known])
    if published or solver == "pyhessian":
        if vectors or overlap or wanted.basis_dtype:
            raise click.UsageError(
                "--vectors, --overlap and --basis-dtype go with --solver lanczos."
            )
        from landscape.second_opinion import (
            explained,
            published_protocol,
            pyhessian_eigenvalues,
            refuse_other_operators,
        )

        refuse_other_operators(wanted)
        if published:
            asked = replace(asked, settings=published_protocol(asked.settings))
            wanted = replace(wanted, num_largest=50)
        measure = partial(pyhessian_eigenvalues, num_eigenvalues=wanted.num_largest)
        made_with = {"solver": "pyhessian", **asdict(wanted)}
        results = measure_each("eigenvalues", measure, made_with, asked)
    else:
        results = _by_lanczos(wanted, asked, vectors=vectors, overlap=overlap)
    if asked.as_json:
        print_json(results)
    for result in results if not asked.as_json else ():
        if published:
            click.echo(explained(result), file=stdout())
        _print(result)
    if plot is not None:
        from landscape.plotting import plot_eigenvalues

        save_plot(plot, lambda axes: plot_eigenvalues(results, axes))
    apply_gates(
        gates, [(r.subject.label, values_of([r], main=wanted.operator), "") for r in results]
    )
    if strict and any(not e.converged for r in results for e in (*r.largest, *r.smallest)):
        click.echo("--strict: not all pairs converged; raise --max-matvecs or --tol.", err=True)
        raise click.exceptions.Exit(1)


def _by_lanczos(
    wanted: EigenvalueSettings, asked: Asked, *, vectors: bool, overlap: bool
) -> list["Eigenvalues"]:
    from landscape.results import stem_at

    if vectors and asked.out is None:
        raise click.UsageError("--vectors needs -o, a folder to keep the eigenvectors in.")
    if overlap and len(asked.checkpoints) < 2:
        raise click.UsageError("--overlap needs two checkpoints or more.")
    with each_eigenpairs(wanted, asked, with_vectors=vectors or overlap) as runs:
        if vectors and asked.out is not None:
            save_vectors(asked.out, runs)
        if overlap:
            print_overlaps(runs, as_json=asked.as_json)
        results = [run.eigenvalues for run in runs]
        write_results(asked.out, stem_at("eigenvalues", wanted.scale), results)
    return results


def _print(result: "Eigenvalues") -> None:
    # Where all are asked for, the lower end stands among them.
    whole = len(result.largest) == result.operator.num_params
    # PyHessian finds those of largest absolute value, and orders them so.
    first = "|λ|" if "|λ|" in result.method else "largest"
    ends = ((first, result.largest), ("smallest", () if whole else result.smallest))
    rows = [_Line(end, rank, found) for end, pairs in ends for rank, found in enumerate(pairs, 1)]
    title = (
        f"{result.subject.label}: {result.operator.name}, scale {result.operator.scale}, "
        f"{result.num_matvecs} matvecs, {result.method}"
        + (f", all {len(result.largest)} eigenvalues" if whole else "")
    )
    if result.orthogonality_loss is not None:
        title += f", in {result.basis_dtype} orthogonal to {result.orthogonality_loss:.1e}"
    print_table(Table(caption=title, columns=_columns(result), rows=rows))
    for sentence in over_examples(
        {"the largest": result.largest[0].population if result.largest else None}
        | {f"the sum of the {s.number} largest": s.population for s in [result.largest_sum] if s},
        result.no_population,
    ):
        echo(sentence)
    if result.of_rounding:
        echo(f"{result.of_rounding[0].upper()}{result.of_rounding[1:]}.")
    if result.share_of_edge is not None:
        echo(
            f"λ_max is {result.share_of_edge:.3g} of {result.stability_edge:.4g}, the edge of "
            f"stability of {result.stability_of}."
        )
    elif result.stability_of:
        echo(f"No edge of stability: {result.stability_of}.")
    if result.method.startswith("thick") and not whole:
        echo(_claim(result))


class _Line(NamedTuple):
    end: str
    rank: int  # from 1
    found: "Eigenvalue"


def _columns(result: "Eigenvalues") -> list[Column[_Line]]:
    spread = dict(enumerate(result.shard_stderr, 1))

    def over_shards(line: _Line) -> str:
        known = line.end != "smallest" and line.rank in spread
        return f"{spread[line.rank]:.1e}" if known else ""

    def value(line: _Line) -> Cell:
        known = line.found.population
        return number_cell(line.found.value, None if known is None else known.stderr or None)

    return [
        text_column("eigenvalue", lambda line: f"{line.end} {line.rank}"),
        Column(title="value ± over examples", cell=value),
        text_column("residual", lambda line: f"{line.found.residual:.1e}"),
        text_column(f"stderr, {len(result.shards)} shards", over_shards, missing="", optional=True),
        text_column("", lambda line: "" if line.found.converged else "NOT CONVERGED", missing=""),
    ]


def _claim(result: "Eigenvalues") -> str:
    """What the numbers say, and what they do not."""
    ends = zip(("largest", "smallest"), result.num_shown, strict=True)
    shown = " and ".join(f"the {count} {end}" for end, count in ends if count)
    found = f"shows (99 %) the ranks of {shown}" if shown else "is too short to show a rank (99 %)"
    return (
        "A residual bounds the distance to an eigenvalue, not to that of the rank. The look for "
        f"missed ones {found}."
    )
