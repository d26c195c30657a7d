"""One run of a study: train, analyse, and analyse the copies; resumable, its failure recorded."""

import dataclasses
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from landscape.analysis.opening import open_target
from landscape.analysis.provenance import start_clock
from landscape.analysis.suite import run_analysis, suite_identity
from landscape.analysis.suite_settings import SuiteSettings
from landscape.analysis.target import Target
from landscape.analysis.target_checks import open_device
from landscape.analysis.target_settings import TargetSettings
from landscape.catalog.words import MOST_EXAMPLES
from landscape.files import OutputError, lock_if_free
from landscape.results import Result
from landscape.results.training import curves_from_metrics
from landscape.study.copies import write_rescaled
from landscape.study.course import measure_course
from landscape.study.folder import RunRecord, StudyFolder
from landscape.study.one_image import one_image_spectrum
from landscape.study.plan import Plan
from landscape.study.plan_parts import Run, label_of
from landscape.study.settings import Machine
from landscape.training.loop import Progress as TrainingProgress
from landscape.training.loop import train
from landscape.training.run_files import RunFiles

_TRAINING_SHARE = 0.6  # of a run's time, until it is known better: for the bar only

Report = Callable[[float, str], None]  # the part of a run that is done, and what it does


def is_settled(run: Run, plan: Plan, folder: StudyFolder) -> bool:
    """Whether nothing is to be done: it failed, or all that ``plan`` measures of it is there."""
    state = folder.record(run.label).state
    measured = (folder.finished(label).is_done(name) for label, name in plan.analyses_of(run))
    return state == "failed" or (state == "done" and all(measured))


def attempt(
    run: Run, plan: Plan, folder: StudyFolder, machine: Machine, report: Report
) -> RunRecord | None:
    """Finish ``run``, or record why that cannot be; None: another process has it in hand.

    Raises
    ------
    OutputError
        If the folder cannot be written to: then no further run could be kept either.
    """
    with lock_if_free(folder.run_lock(run.label)) as is_held:
        if not is_held:
            return None
        folder.sweep(run.label)
        record = folder.record(run.label)
        if is_settled(run, plan, folder):
            return record
        work = _Work(run, plan, folder, machine, report, record)
        try:
            work.finish()
        except OutputError:
            raise
        # One run that cannot be finished, whatever the reason, is an outcome of the study.
        except Exception as error:
            work.fail(error)
        return work.record


@dataclass
class _Work:
    run: Run
    plan: Plan
    folder: StudyFolder
    machine: Machine
    report: Report
    record: RunRecord
    stage: str = ""

    def finish(self) -> None:
        self._note(state="begun")
        paths = {self.run.label: self._train()}
        for copy in self.plan.copies_of(self.run):
            name = label_of(copy.name, self.run.config.seed)
            paths[name] = self.folder.checkpoint(name)
            if not paths[name].exists():
                self.stage = f"copying to {name}"
                checkpoint, model = paths[self.run.label], self.run.config.model
                write_rescaled(checkpoint, paths[name], copy.factor, model=model)
        jobs = self.plan.analyses_of(self.run)
        targets: dict[str, Target] = {}
        for done, (name, what) in enumerate(jobs):
            if self.folder.finished(name).is_done(what):
                continue
            self.stage = f"{what} of {name}"
            start = _TRAINING_SHARE + (1 - _TRAINING_SHARE) * done / len(jobs)
            self.report(start, self.stage)
            if name not in targets:
                targets = {name: self._open(paths[name], name)}
            self._analyse(targets[name], what)
        self._note(state="done")

    def _open(self, checkpoint: Path, label: str) -> Target:
        """The checkpoint's target, whose results are to be added to those that are there."""
        target = open_target(checkpoint, self._target_settings, label=label)
        self.folder.refuse_mixed(target)
        self.folder.finished(label).claim(suite_identity(target, self._suite))
        return target

    def fail(self, error: Exception) -> None:
        kind = type(error).__name__
        reason = str(error) if isinstance(error, ValueError) else f"{kind}: {error}"
        self._note(state="failed", stage=self.stage, reason=reason)

    def _train(self) -> Path:
        config, out = self.run.config, self.folder.checkpoint(self.run.training)
        if self.run.epoch is not None:
            return RunFiles(out).snapshot(self.run.epoch)
        self.stage = "training"
        if self.folder.finished(self.run.label).is_done("training"):
            return out
        begun = time.monotonic()

        def monitor(progress: TrainingProgress) -> None:
            epochs = progress.epoch - 1 + progress.step / progress.num_steps
            words = f"epoch {progress.epoch}/{config.epochs}"
            self.report(_TRAINING_SHARE * epochs / config.epochs, words)

        self.report(0.0, self.stage)
        train(
            config,
            out,
            device=open_device(self.machine.device),
            data_dir=self.machine.data_dir,
            force=False,
            monitor=monitor,
        )
        seconds = self.record.training_seconds + time.monotonic() - begun
        self._note(training_seconds=round(seconds, 3))
        self._save_curves(self._open(out, self.run.label))
        return out

    def _save_curves(self, target: Target) -> None:
        text = RunFiles(self.folder.checkpoint(self.run.label)).metrics.read_text(encoding="utf-8")
        clock = start_clock()
        curves = curves_from_metrics(
            text,
            subject=target.subject,
            provenance=clock.provenance(
                command=self.machine.command, seed=self.run.config.seed, device=target.device
            ),
        )
        found = {} if curves is None else {"training": curves}
        self.folder.finished(self.run.label).add("training", found)

    def _analyse(self, target: Target, name: str) -> None:
        label, begun = target.subject.label, time.monotonic()
        finished = self.folder.finished(label)
        found: Mapping[str, Result]
        if name == "course":
            files = RunFiles(self.folder.checkpoint(label))
            found = {
                "course": measure_course(
                    label,
                    [(e, files.snapshot(e)) for e in self.plan.course_epochs(self.run.config)],
                    config=self.run.config,
                    plan=self.plan.analysis,
                    settings=self._target_settings,
                    progress=self._tick,
                )
            }
        elif name == "one-image":
            found = {"one-image": one_image_spectrum(Path(target.subject.checkpoint), target)}
        else:
            earlier = finished.results()
            found = run_analysis(name, target, self._suite, earlier, self._tick)
        finished.add(name, found)
        seconds = self.record.analysis_seconds + time.monotonic() - begun
        self._note(analysis_seconds=round(seconds, 3))

    def _tick(self, done: int, total: int) -> None:
        pass  # analyses of a study are short; the bar moves from one to the next

    @property
    def _target_settings(self) -> TargetSettings:
        analysis, config = self.plan.analysis, self.run.config
        is_default = analysis.examples == MOST_EXAMPLES  # then data may hold fewer
        return TargetSettings(
            model=config.model,
            data=config.data,
            data_dir=self.machine.data_dir,
            loss=config.loss if config.objective is None else None,
            objective=config.objective,
            layout=config.layout,
            readout=config.readout,
            split=analysis.split,
            examples=None if is_default else str(analysis.examples),
            batch_size=analysis.batch_size,
            device=self.machine.device,
            seed=analysis.seed,
            command=self.machine.command,
        )

    @property
    def _suite(self) -> SuiteSettings:
        analysis = self.plan.analysis
        return SuiteSettings(
            budget=analysis.budget,
            operator=analysis.operator,
            num_shards=analysis.num_shards,
            folder=self.folder,
        )

    def _note(self, **changes: object) -> None:
        self.record = dataclasses.replace(self.record, **changes)  # type: ignore[arg-type]
        self.folder.write(self.record)
