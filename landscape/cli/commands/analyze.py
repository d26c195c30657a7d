"""``landscape analyze``: checkpoint files in, a flatness report out."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from landscape.analysis.suite_settings import SuiteSettings
from landscape.analysis.target_settings import TargetSettings
from landscape.catalog import ANALYSES
from landscape.cli.dry_run import print_forecast
from landscape.cli.ending import print_numbers, print_report_paths
from landscape.cli.from_settings import settings_options
from landscape.cli.gated import analysis_names, subject_names, values_of
from landscape.cli.gates import apply_gates, check_gates, gate_option
from landscape.cli.option_types import NamesOf
from landscape.cli.options import (
    checkpoints_argument,
    figures_option,
    force_option,
    opened,
    out_option,
    quiet_option,
    target_options,
    unique_labels,
)
from landscape.cli.overall import Overall
from landscape.cli.plain import echo
from landscape.cli.spectra import tell_plan
from landscape.cli.stdout import Command
from landscape.values import Levels

if TYPE_CHECKING:
    from landscape.analysis.budget import Budget
    from landscape.analysis.progress import Progress
    from landscape.analysis.target import Target
    from landscape.gates import Gate, Known
    from landscape.results import Result
    from landscape.store.folder import ReportFolder


@click.command(cls=Command)
@checkpoints_argument
@out_option("Folder of the report.", required=True)
@click.option("--only", type=NamesOf(ANALYSES), help="These analyses only, comma-separated.")
@click.option("--skip", type=NamesOf(ANALYSES), help="Leave these out.")
@settings_options(SuiteSettings, "suite")
@click.option("--title", help="The report's heading.")
@click.option("--baseline", help="Label of the checkpoint that others are shown relative to.")
@figures_option
@gate_option("lambda_max > 50 or accuracy < 0.9")
@force_option
@click.option(
    "--dry-run", is_flag=True, help="Forecast all budgets from a few losses and matvecs, and stop."
)
@quiet_option
@target_options
def analyze(
    checkpoints: tuple[Path, ...],
    out: Path,
    only: tuple[str, ...] | None,
    skip: tuple[str, ...] | None,
    suite: SuiteSettings,
    title: str | None,
    baseline: str | None,
    figures: tuple[str, ...],
    gates: "tuple[Gate, ...]",
    force: bool,
    dry_run: bool,
    quiet: bool,
    settings: TargetSettings,
) -> None:
    """Analyse CHECKPOINTS and write a report; run the same command again to resume.

    \b
    landscape analyze checkpoints/*.safetensors -o reports/mine
    """
    from landscape.store.folder import ReportFolder

    suite = replace(suite, folder=ReportFolder(out))

    def names_in(budget: "Budget") -> list[str]:
        return chosen_names((*(only or budget.unasked), *suite.implied), skip)

    names = names_in(suite.budget)
    check_gates(gates, _known(suite, names))
    if dry_run:
        _tell_expectations(checkpoints)
        print_forecast(checkpoints, settings, suite, names_in, figures, quiet)
        return
    run_suite(
        checkpoints,
        out,
        settings=settings,
        suite=suite,
        names=names,
        title=title or out.name,
        baseline=baseline,
        figures=figures,
        force=force,
        quiet=quiet,
    )
    _end(checkpoints, out, gates, suite.operator)


def _known(suite: SuiteSettings, names: Sequence[str]) -> "list[Known]":
    """What these analyses give to gates."""
    found = subject_names()
    for name in names:
        found += analysis_names(ANALYSES[name], suite)
    return found


def _end(checkpoints: Sequence[Path], out: Path, gates: "Sequence[Gate]", operator: str) -> None:
    """The numbers of these checkpoints, what was written, and the gates on the numbers."""
    from landscape.distributed import is_main
    from landscape.report.notebook import load_results

    if not is_main():
        return
    found: dict[str, list[Result]] = {label: [] for label in unique_labels(checkpoints)}
    for result in load_results(out):
        found.get(result.subject.label, []).append(result)
    print_numbers(result for own in found.values() for result in own)
    print_report_paths(out)
    apply_gates(gates, [(k, values_of(own, main=operator), "") for k, own in found.items()])


def chosen_names(asked: Sequence[str], skip: Sequence[str] | None) -> list[str]:
    """Those that are asked for and not left out, in the catalog's order.

    Raises
    ------
    click.UsageError
        If none is left.
    """
    left = set(asked) - set(skip or ())
    if not left:
        raise click.UsageError(f"--only and --skip leave none of {', '.join(ANALYSES)} to run.")
    return [name for name in ANALYSES if name in left]


def run_suite(
    checkpoints: Sequence[Path],
    out: Path,
    *,
    settings: TargetSettings,
    suite: SuiteSettings,
    names: Sequence[str],
    title: str | None,
    baseline: str | None = None,
    force: bool,
    quiet: bool,
    figures: Sequence[str] = (),
) -> None:
    """Run what is missing, then write the report of all results in the folder.

    ``title`` is the report's; None: whoever calls writes it.
    """
    from landscape.analysis.spectrum.entry import spectrum_settings
    from landscape.distributed import is_main
    from landscape.report import write_report
    from landscape.report.made_from import is_current, remember
    from landscape.report.notebook import load_comparison, load_results
    from landscape.store.folder import ReportFolder

    folder = ReportFolder(out)
    if not quiet:
        _tell_expectations(checkpoints)
    with folder.held():
        if force:
            folder.start_anew()
        overall, labels = Overall(quiet=quiet), unique_labels(checkpoints)
        waiting = {
            label
            for label in labels
            if not all(folder.finished(label).is_done(name) for name in names)
        }
        for path, label in zip(checkpoints, labels, strict=True):
            target = opened(path, label, settings, params=suite.params, quiet=quiet)
            if any("Eigenvalues" in ANALYSES[name].gives for name in names):
                tell_plan(target, spectrum_settings(suite, "none"))
            waiting.discard(label)
            _run_one(target, folder, suite, names, quiet, overall, len(waiting))
        if title is None or not is_main():
            return
        if is_current(out, title, baseline, figures):
            if not quiet:
                click.echo("nothing new: the report is left as it is.", err=True)
        else:
            write_report(
                out,
                load_results(out),
                title=title,
                baseline=baseline,
                comparison=load_comparison(out),
                figures=figures,
            )
            remember(out, title, baseline, figures)


def _tell_expectations(checkpoints: Sequence[Path]) -> None:
    """Say, before hours are spent, what ``landscape compare`` can make of so many runs."""
    from landscape.analysis.choices import training_info
    from landscape.checkpoint.sidecar import read_sidecar
    from landscape.compare.expectation import expected_of
    from landscape.compare.groups import Origin
    from landscape.distributed import is_main

    if not is_main():
        return
    origins = []
    for path, label in zip(checkpoints, unique_labels(checkpoints), strict=True):
        sidecar = read_sidecar(path)
        origins.append(Origin(label, sidecar.model if sidecar else "", training_info(sidecar)))
    for words in expected_of(origins, alpha=Levels.alpha):
        echo(f"to compare: {words}", err=True)


def _run_one(
    target: "Target",
    folder: "ReportFolder",
    suite: SuiteSettings,
    names: Sequence[str],
    quiet: bool,
    overall: Overall,
    further: int,
) -> None:
    """The analyses of one checkpoint; as many again are expected of each of ``further``."""
    from landscape.analysis.suite import passes_of, run_analyses, suite_identity
    from landscape.results import LeftOut

    label = target.subject.label
    finished = folder.finished(label)
    folder.refuse_mixed(target)
    if note := finished.claim(suite_identity(target, suite)):
        click.echo(f"  note: {label}: {note}", err=True)
    done = [name for name in names if finished.is_done(name)]
    if not quiet:
        told = [f"finished before: {', '.join(done)}"] if done else []
        told += [f"going on with: {', '.join(begun)}"] if (begun := folder.begun(label)) else []
        if told:
            click.echo(f"{label}: {'; '.join(told)}.", err=True)
    left = [name for name in names if name not in done]
    known: dict[str, Result] = {}

    def progress(name: str) -> AbstractContextManager["Progress"]:
        if "preflight" not in known:  # which says at how many scales others measure
            known.update(finished.results())
        passes = {each: passes_of(each, target, suite, known) for each in names}
        after = sum(passes[later] for later in left[left.index(name) + 1 :])
        after += further * sum(passes.values())
        return overall.part(f"{label}: {name}", passes[name], after=after)

    for _, found in run_analyses(target, suite, names, progress=progress, finished=finished):
        for result in found.values():
            if isinstance(result, LeftOut):
                click.echo(f"{label}: {result.note}", err=True)
