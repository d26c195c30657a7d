"""``landscape study``: a plan of many runs in, one report out."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import click

from landscape.cli.ending import print_groups, print_numbers, print_report_paths, print_verdicts
from landscape.cli.from_settings import settings_options
from landscape.cli.options import command_line, figures_option, out_option, quiet_option
from landscape.cli.output import print_table
from landscape.cli.plain import echo
from landscape.cli.stdout import Command
from landscape.page.columns import text_column
from landscape.page.table import Column, Table
from landscape.study.settings import Machine, QueueSettings

if TYPE_CHECKING:
    from landscape.results.study import Study
    from landscape.study.folder import RunRecord
    from landscape.study.forecast import RunForecast
    from landscape.study.plan import Plan


_FEW = 8  # networks: more are told by their groups alone


@click.command(cls=Command)
@click.argument("plan_file", metavar="PLAN.toml", type=click.Path(dir_okay=False, path_type=Path))
@out_option("Folder of the study: runs, results and report.", required=True)
@click.option(
    "--jobs",
    "-j",
    type=click.IntRange(min=1),
    help="Processes side by side.  [default: one a core; 1 on an accelerator]",
)
@settings_options(Machine, "machine")
@settings_options(QueueSettings, "settings")
@click.option(
    "--curvature-every",
    type=click.IntRange(min=0),
    metavar="K",
    help="Measure the curvature every K epochs of training.  [default: as the plan says]",
)
@figures_option
@click.option("--dry-run", is_flag=True, help="Print runs and a forecast; write nothing.")
@click.option(
    "--strict", is_flag=True, help="Exit code 1 if a run failed or a control came out wrong."
)
@quiet_option
def study(
    plan_file: Path,
    out: Path,
    jobs: int | None,
    machine: Machine,
    settings: QueueSettings,
    curvature_every: int | None,
    figures: tuple[str, ...],
    dry_run: bool,
    strict: bool,
    quiet: bool,
) -> None:
    """Train, analyse and compare by a plan; run the same command again to resume.

    Several machines may share the folder: give each a shard, or let each take what is free.

    \b
    landscape study studies/smoke.toml -o reports/smoke
    landscape study studies/paired.toml -o reports/paired --shard 3/40 --device cuda
    """
    from landscape.study.outcome import failures
    from landscape.study.plan_file import load_plan
    from landscape.study.queue import run_study
    from landscape.study.show import show_progress

    plan = load_plan(plan_file, curvature_every=curvature_every)
    for warning in plan.warnings:
        echo(f"warning: {warning}", err=True)
    machine = replace(machine, command=command_line())
    settings = replace(settings, jobs=jobs or _default_jobs(machine))
    if dry_run:
        _print_forecast(plan, out, machine, settings)
        return
    with show_progress(plan, out, settings, quiet=quiet) as notify:
        outcome = run_study(
            plan, out, machine=machine, settings=settings, notify=notify, figures=figures
        )
    if outcome.left:
        echo(
            f"{len(outcome.left)} of {len(plan.runs)} runs are left to other shards or processes. "
            f"Whoever finishes the last one writes the report; or run: landscape study "
            f"{plan_file} -o {out}",
            err=True,
        )
        return
    if outcome.page is None or outcome.study is None:
        click.echo("All runs are done; another process is writing the report.", err=True)
        return
    _print_end(plan, out, outcome.study)
    found = failures(outcome.study)
    for words in found:
        echo(f"warning: {words}", err=True)
    if strict and found:
        raise click.exceptions.Exit(1)


def _print_end(plan: "Plan", out: Path, study: "Study") -> None:
    """The numbers of each group, of few networks those of each too, the verdicts, the paths."""
    from landscape.report.notebook import load_comparison, load_results
    from landscape.report.sections.study import split_study

    comparison, split = load_comparison(out), plan.analysis.split
    results, _ = split_study(study, load_results(out))
    own = [r for r in results if r.subject.split == split]
    print_groups(own, comparison, split)
    if len({result.subject.label for result in own}) <= _FEW:
        echo("")
        print_numbers(own)
    if comparison is not None:
        echo("")
        print_verdicts(comparison)
    print_report_paths(out)


def _default_jobs(machine: Machine) -> int:
    import os

    if machine.device != "cpu":
        return 1
    mine = getattr(os, "sched_getaffinity", None)  # Linux: the cores that this process may use
    cores = len(mine(0)) if mine else os.cpu_count() or 1
    return max(1, cores // machine.num_threads)


def _print_forecast(plan: "Plan", out: Path, machine: Machine, settings: QueueSettings) -> None:
    from landscape.study.folder import StudyFolder
    from landscape.study.forecast import forecast_recipes
    from landscape.study.power import expected_findings
    from landscape.study.queue import own_runs, unsettled
    from landscape.study.workers import prepare_process

    prepare_process(machine.num_threads)
    folder = StudyFolder(out)
    found = dict(forecast_recipes(plan, machine))
    own = own_runs(plan, settings.shard)
    rows = [_Run(run.label, folder.record(run.label), found[run.recipe]) for run in own]
    waiting = {run.label for run in unsettled(own, plan, folder)}
    left = sum(sum(run.cost) for run in rows if run.label in waiting)
    print_table(Table(columns=_RUNS, rows=rows))
    n = len(plan.comparison.contrasts)
    echo("")
    echo(
        f"{len(own)} runs, {len(waiting)} of them waiting; "
        f"{n} contrasts x {len(plan.comparison.all_measures)} measures = {plan.num_tests} tests.",
    )
    for line in expected_findings(plan):
        echo(line)
    hours = left / settings.jobs / 3600
    echo(
        f"About {left / 3600:.2g} hours on one process; at best {hours:.2g} hours with "
        f"{settings.jobs} side by side.",
    )


class _Run(NamedTuple):
    label: str
    record: "RunRecord"
    cost: "RunForecast"


def _state(run: _Run) -> str:
    record = run.record
    return f"failed: {record.reason[:40]}" if record.state == "failed" else record.state


_RUNS: list[Column[_Run]] = [
    text_column("run", lambda run: run.label),
    text_column("state", _state),
    text_column("training", lambda run: f"{run.cost.training:,.0f} s"),
    text_column("analysis", lambda run: f"{run.cost.analysis:,.0f} s"),
]
