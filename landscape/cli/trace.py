"""``landscape trace``: trace, Frobenius norm and effective rank, each with its error."""

from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from landscape.cli.gated import subject_names, trace_names, values_of
from landscape.cli.gates import apply_gates, check_gates, gate_option
from landscape.cli.measured import measure_each
from landscape.cli.options import operator_options, target_options
from landscape.cli.output import print_json, print_table
from landscape.cli.plain import echo
from landscape.cli.second_opinion import run_pyhessian_trace
from landscape.cli.spectra import output_options, save_plot

if TYPE_CHECKING:
    from landscape.analysis.target import TargetSettings
    from landscape.gates import Gate


@click.command()
@click.argument("checkpoints", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--method",
    type=click.Choice(["auto", "hutchinson", "hutch++", "xtrace", "xnystrace"]),
    default="auto",
    show_default=True,
    help="auto: the one that promises least error.",
)
@click.option(
    "--matvecs",
    "num_matvecs",
    type=click.IntRange(min=12),
    default=60,
    show_default=True,
    help="At most so many.",
)
@click.option(
    "--rel-error",
    type=click.FloatRange(min=0, min_open=True),
    help="Stop once the standard error is this share of the trace.",
)
@click.option(
    "--share",
    type=click.Choice(["auto", "examples", "probes"]),
    default="auto",
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
@gate_option
@output_options
@operator_options
@target_options
def trace(
    checkpoints: tuple[Path, ...],
    settings: "TargetSettings",
    operator_name: str,
    solver: str,
    gates: "tuple[Gate, ...]",
    as_json: bool,
    plot: Path | None,
    out: Path | None,
    quiet: bool,
    **options: Any,
) -> None:
    """Estimate trace, Frobenius norm and effective rank of CHECKPOINTS.

    \b
    landscape trace checkpoints/*.safetensors --rel-error 0.05 --matvecs 500
    """
    from landscape.analysis.trace import TraceSettings, trace_of
    from landscape.report.numbers import rounded  # late: it brings Matplotlib

    scale = options["scale"]
    check_gates(gates, [*subject_names(), *trace_names(scale=scale, operator=operator_name)])
    about = {"checkpoints": checkpoints, "settings": settings, "out": out, "quiet": quiet}
    if solver == "pyhessian":
        results = run_pyhessian_trace({"operator_name": operator_name, **options}, **about)
    else:
        chosen = TraceSettings(operator=operator_name, **options)
        results = measure_each("trace", partial(trace_of, settings=chosen), asdict(chosen), **about)
    if as_json:
        print_json(results)
    for result in results if not as_json else ():
        rows = [
            (name, rounded(e.mean, e.stderr).text())
            for name, e in (
                ("trace", result.trace),
                ("trace / P", result.mean_curvature),
                ("Frobenius norm", result.frobenius_norm),
                ("effective rank", result.effective_rank),
            )
            if e is not None
        ]
        title = (
            f"{result.subject.label}: {result.operator.name}, {result.method}, "
            f"{result.num_matvecs} matvecs"
        )
        print_table(("", "value ± standard error"), rows, title=title)
    for result in results if options["rel_error"] else ():
        reached = (result.trace.stderr or 0) / (abs(result.trace.mean) or 1)
        if reached > options["rel_error"]:
            echo(
                f"{result.subject.label}: the standard error is {reached:.2g} of the trace, not "
                f"{options['rel_error']:g} yet: raise --matvecs.",
                err=True,
            )
    if plot is not None:
        from landscape.plotting import plot_trace

        save_plot(plot, lambda axes: plot_trace(results, axes))
    apply_gates(gates, [(r.subject.label, values_of([r], main=operator_name), "") for r in results])
