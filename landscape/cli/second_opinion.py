"""PyHessian in the place of the project's own solver, and the published protocol around it."""

from collections.abc import Callable
from dataclasses import asdict, fields, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from landscape.analysis.spectrum_settings import (
    EigenvalueSettings,
    OperatorSettings,
    TraceSettings,
)
from landscape.analysis.target_settings import TargetSettings
from landscape.cli.measured import Asked, measure_each

if TYPE_CHECKING:
    from landscape.analysis.progress import Progress
    from landscape.analysis.target import Target
    from landscape.results import Eigenvalues, Result, Trace

R = TypeVar("R", bound="Result")


def published_protocol(settings: TargetSettings) -> TargetSettings:
    """The first test image alone, unless others were named as START:STOP."""
    named = settings.examples is not None and ":" in settings.examples
    return replace(settings, split="test", examples=settings.examples if named else "0:1")


def run_pyhessian(wanted: EigenvalueSettings, asked: Asked) -> list["Eigenvalues"]:
    """PyHessian's eigenvalues of each checkpoint.

    Raises
    ------
    click.UsageError
        For an operator, scale or parameters that PyHessian does not have.
    """
    from landscape.analysis.pyhessian_solver import pyhessian_eigenvalues

    find = partial(pyhessian_eigenvalues, num_eigenvalues=wanted.num_largest)
    return _measure_each("eigenvalues", find, wanted, asked)


def run_pyhessian_trace(wanted: TraceSettings, asked: Asked) -> list["Trace"]:
    """PyHessian's trace of each checkpoint; refuses what :func:`run_pyhessian` refuses."""
    from landscape.analysis.pyhessian_solver import pyhessian_trace

    return _measure_each("trace", pyhessian_trace, wanted, asked)


def _measure_each(
    analysis: str, find: Callable[..., R], wanted: OperatorSettings, asked: Asked
) -> list[R]:
    _check_plain(wanted)

    def measure(target: "Target", *, state: Path | None, progress: "Progress") -> R:
        return find(target, progress=progress)

    return measure_each(analysis, measure, {"solver": "pyhessian", **asdict(wanted)}, asked)


def _check_plain(wanted: OperatorSettings) -> None:
    from landscape.distributed import world_size

    if world_size() > 1:
        raise click.UsageError(
            "--solver pyhessian and --protocol published run as one process; start them without "
            "torchrun."
        )
    for field in fields(OperatorSettings):
        if getattr(wanted, field.name) != field.default:
            raise click.UsageError(
                f"--solver pyhessian knows the plain Hessian of all parameters only; leave out "
                f"--{field.name.replace('_', '-')}."
            )


def explain_protocol(result: "Eigenvalues") -> None:
    """Say beside its numbers what the published protocol can show and what it cannot."""
    subject = result.subject
    vague = sum(e.residual > abs(e.value) / 2 for e in result.largest)
    click.echo(
        f"The published protocol: PyHessian's {len(result.largest)} eigenvalues of largest "
        f"absolute value on {subject.num_examples} test image.\n"
        f"  It shows the curvature at this image (loss {subject.loss:.3g}, gradient norm "
        f"{subject.grad_norm:.3g}), not at a minimum of the training loss.\n"
        "  If the image is fitted exactly, the formal Hessian is positive semidefinite of rank 10 "
        "at most, whatever the\n"
        "  initialisation: positive eigenvalues near zero then say nothing of flatness.\n"
        f"  {vague} of the values below have a residual of more than half their size, so that zero "
        "is as good a value.\n"
        "  One image and one seed carry no error bar. For a verdict: landscape analyze, then "
        "landscape compare."
    )
