"""The queue of a study's runs: what is left is worked through, then the report is written."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from landscape.analysis.target_checks import open_device
from landscape.data.choosing import open_source
from landscape.files import LOCK, ensure_writable, lock_if_free, present, wait_until_free
from landscape.results.study import Study
from landscape.study.folder import StudyFolder
from landscape.study.gathered import training_curves
from landscape.study.matching import loss_matched_runs
from landscape.study.one_run import attempt, is_settled
from landscape.study.outcome import write_outcome
from landscape.study.plan import Plan
from landscape.study.plan_parts import Run
from landscape.study.settings import Machine, QueueSettings
from landscape.study.workers import Event, prepare_process, work_side_by_side


class Outcome(NamedTuple):
    """What is there after the queue: ``left`` is empty and a report is written, or it waits."""

    left: tuple[str, ...]  # labels of runs that other processes have, or have yet to do
    page: Path | None
    study: Study | None


Notify = Callable[[Event], None]


def own_runs(plan: Plan, shard: tuple[int, int] | None) -> tuple[Run, ...]:
    """The runs of one shard: every n-th, so that shards are alike in recipes and seeds."""
    i, n = shard or (1, 1)
    return plan.runs[i - 1 :: n]


def unsettled(runs: Sequence[Run], plan: Plan, folder: StudyFolder) -> list[Run]:
    """Those that are neither done nor failed."""
    return [run for run in runs if not is_settled(run, plan, folder)]


def run_study(
    plan: Plan,
    out: Path,
    *,
    machine: Machine,
    settings: QueueSettings,
    notify: Notify,
    figures: Sequence[str] = (),
) -> Outcome:
    """Work through what is left of ``plan`` in ``out``, and write the report once all is done.

    Several processes, on any machines that share the folder, may do so at once: a run is one
    process's at a time. Whoever finishes the last run writes the report. Runs of workers whose
    study has been killed are waited for, and gone on with.

    Parameters
    ----------
    figures
        Formats that the report's figures are written in beside the SVG.

    Raises
    ------
    ValueError
        If the folder is of another plan, device or data cannot be opened, or nothing could be
        finished.
    OutputError
        If it cannot be written to.
    """
    ensure_writable(out)
    folder, own = StudyFolder(out), own_runs(plan, settings.shard)
    anew = settings.force or settings.retry_failed
    if anew or unsettled(own, plan, folder):
        _check_inputs(plan, machine)
    with present(folder.presence) as is_alone:
        if settings.force and not is_alone():
            raise ValueError(
                f"another study is at work in {out}, and force would delete its runs. Stop it, or "
                "write to another folder with -o."
            )
        folder.claim(plan, force=settings.force)

        def work_off(runs: Sequence[Run]) -> None:
            if settings.retry_failed:
                for run in runs:
                    folder.forget_failure(run.label)
            _work_off(plan, folder, machine, settings.jobs, notify, is_alone, runs)

        work_off(own)
        left = unsettled(plan.runs, plan, folder)
        if not left:  # only now all losses are known
            copies = loss_matched_runs(plan, training_curves(plan, folder))
            if waiting := unsettled(copies, plan, folder):
                notify(Event("", 0.0, "", num_more=len(waiting)))
            work_off(copies)
            left = unsettled(copies, plan, folder)
    if left:
        return Outcome(tuple(run.label for run in left), None, None)
    with lock_if_free(out / LOCK) as is_held:
        if not is_held:
            return Outcome((), None, None)  # another process is writing the same report
        written = write_outcome(plan, folder, command=machine.command, figures=figures)
        return Outcome((), *written)


def _check_inputs(plan: Plan, machine: Machine) -> None:
    """Open the device and every data set once: else each run would fail by itself."""
    open_device(machine.device)
    for data in dict.fromkeys(recipe.config.data for recipe in plan.recipes):
        open_source(data, plan.analysis.choice, data_dir=machine.data_dir)


def _work_off(
    plan: Plan,
    folder: StudyFolder,
    machine: Machine,
    jobs: int,
    notify: Notify,
    is_alone: Callable[[], bool],
    runs: Sequence[Run],
) -> None:
    """Finish ``runs``, but for those that another study's processes have in hand."""
    while waiting := unsettled(runs, plan, folder):
        for event in _events(waiting, plan, folder, machine, jobs, notify):
            notify(event)
        held = unsettled(waiting, plan, folder)
        if not (held and is_alone()):  # what others have in hand is theirs
            return
        for run in held:  # by workers of a study that is gone; they end at their next word to it
            notify(Event(run.label, 0.0, "waiting for the worker of a study that was killed"))
            wait_until_free(folder.run_lock(run.label))


def _events(
    runs: list[Run],
    plan: Plan,
    folder: StudyFolder,
    machine: Machine,
    jobs: int,
    notify: Notify,
) -> Iterator[Event]:
    jobs = min(jobs, len(runs))
    if jobs > 1:
        yield from work_side_by_side(runs, plan, folder, machine, jobs)
        return
    if runs:
        prepare_process(machine.num_threads)
    for run in runs:

        def report(part: float, stage: str, label: str = run.label) -> None:
            notify(Event(label, part, stage))

        record = attempt(run, plan, folder, machine, report)
        yield Event(run.label, 1.0, "", record, elsewhere=record is None)
