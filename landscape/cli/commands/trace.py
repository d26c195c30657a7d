"""``landscape trace``: trace, Frobenius norm and effective rank, each with its error."""

from collections.abc import Sequence
from dataclasses import asdict, replace
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

import click

from landscape.analysis.spectrum.settings import TraceSettings
from landscape.catalog.words import SHARES
from landscape.cli.from_settings import settings_options
from landscape.cli.gated import result_names, subject_names, values_of
from landscape.cli.gates import apply_gates, check_gates, gate_option
from landscape.cli.measured import Asked, measure_each, measured_options
from landscape.cli.output import print_json, print_table
from landscape.cli.over_examples import over_examples
from landscape.cli.plain import echo
from landscape.cli.spectra import Plot, plot_option, save_plot
from landscape.cli.stdout import Command
from landscape.page.columns import estimate_column, text_column
from landscape.page.table import Column, Table

if TYPE_CHECKING:
    from landscape.gates import Gate
    from landscape.results import Trace
    from landscape.values import Estimate


class _Line(NamedTuple):
    name: str
    estimate: "Estimate | None"


_COLUMNS: list[Column[_Line]] = [
    text_column("", lambda line: line.name),
    estimate_column("value ± standard error", lambda line: line.estimate),
]


@click.command(cls=Command)
@settings_options(TraceSettings, "wanted")
@click.option(
    "--share",
    type=click.Choice(SHARES),
    default=SHARES[0],
    show_default=True,
    help="What processes divide under torchrun; auto: examples, unless each would have few.",
)
@click.option(
    "--solver",
    type=click.Choice(["landscape", "pyhessian"]),
    default="landscape",
    show_default=True,
    help="pyhessian: its own Hutchinson estimator and stopping rule, as a second opinion.",
)
@gate_option("trace > 100")
@plot_option
@measured_options
def trace(
    wanted: TraceSettings,
    share: str,
    solver: str,
    gates: "tuple[Gate, ...]",
    plot: Plot | None,
    asked: Asked,
) -> None:
    """Estimate trace, Frobenius norm and effective rank of CHECKPOINTS.

    \b
    landscape trace checkpoints/*.safetensors --rel-error 0.05 --max-matvecs 500
    """
    from landscape.analysis.spectrum.trace import trace_of
    from landscape.results import stem_at

    known = result_names("Trace", scale=wanted.scale, operator=wanted.operator)
    check_gates(gates, [*subject_names(), *known])
    asked = replace(asked, settings=replace(asked.settings, share=share))
    if solver == "pyhessian":
        from landscape.second_opinion import pyhessian_trace, refuse_other_operators

        refuse_other_operators(wanted)
        made_with = {"solver": solver, **asdict(wanted)}
        results = measure_each("trace", pyhessian_trace, made_with, asked)
    else:
        measure = partial(trace_of, settings=wanted)
        stem = stem_at("trace", wanted.scale)
        results = measure_each(stem, measure, asdict(wanted), asked)
    if asked.as_json:
        print_json(results)
    for result in results if not asked.as_json else ():
        print_table(_table(result))
        of = {"trace": result.population, "Frobenius norm": result.frobenius_population}
        for sentence in over_examples(of, result.no_population):
            echo(sentence)
    if wanted.rel_error is not None:
        _tell_unreached(results, wanted.rel_error)
    if plot is not None:
        from landscape.plotting import plot_trace

        save_plot(plot, lambda axes: plot_trace(results, axes))
    apply_gates(
        gates, [(r.subject.label, values_of([r], main=wanted.operator), "") for r in results]
    )


def _table(result: "Trace") -> Table[_Line]:
    lines = (
        _Line("trace", result.trace),
        _Line("trace / P", result.mean_curvature),
        _Line("Frobenius norm", result.frobenius_norm),
        _Line("effective rank", result.effective_rank),
    )
    return Table(
        caption=f"{result.subject.label}: {result.operator.name}, {result.method}, "
        f"{result.num_matvecs} matvecs",
        columns=_COLUMNS,
        rows=[line for line in lines if line.estimate is not None],
    )


def _tell_unreached(results: Sequence["Trace"], rel_error: float) -> None:
    for result in results:
        reached = (result.trace.stderr or 0) / (abs(result.trace.mean) or 1)
        if reached > rel_error:
            echo(
                f"{result.subject.label}: the standard error is {reached:.2g} of the trace, not "
                f"{rel_error:g} yet: raise --max-matvecs.",
                err=True,
            )
