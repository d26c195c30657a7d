"""One run of a study: train, analyse, and analyse the copies; resumable, its failure recorded."""

import dataclasses
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import torch

from landscape.analysis.provenance import start_clock
from landscape.analysis.suite import run_analysis
from landscape.analysis.suite_settings import SuiteSettings
from landscape.analysis.target import Target, open_target
from landscape.analysis.target_settings import TargetSettings
from landscape.files import OutputError, exclusive_lock
from landscape.results import Result, save_result
from landscape.results.identity import refuse_other_code, with_fingerprint
from landscape.results.training import curves_from_metrics
from landscape.study.copies import write_rescaled
from landscape.study.course import measure_course
from landscape.study.folder import RunRecord, StudyFolder
from landscape.study.one_image import one_image_spectrum
from landscape.study.plan import Plan, Run, label_of
from landscape.study.settings import Machine
from landscape.training.loop import Progress as TrainingProgress
from landscape.training.loop import train
from landscape.training.run_files import RunFiles

_TRAINING_SHARE = 0.6  # of a run's time, until it is known better: for the bar only

Report = Callable[[float, str], None]  # the part of a run that is done, and what it does


def attempt(
    run: Run, plan: Plan, folder: StudyFolder, machine: Machine, report: Report
) -> RunRecord | None:
    """Finish ``run``, or record why that cannot be; None: another process has it in hand.

    Raises
    ------
    OutputError
        If the folder cannot be written to: then no further run could be kept either.
    """
    with ExitStack() as stack:
        try:
            stack.enter_context(exclusive_lock(folder.run_lock(run.label)))
        except OutputError:
            return None
        folder.sweep(run.label)
        record = folder.record(run.label)
        if record.is_settled:
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
        label, analysis = self.run.label, self.plan.analysis
        self._note(state="begun")
        checkpoint = self._train()
        jobs = [(label, checkpoint, name) for name in analysis.only]
        if analysis.one_image:
            jobs.append((label, checkpoint, "one-image"))
        if self.run.with_course:
            jobs.append((label, checkpoint, "course"))
        for copy in self.plan.copies_of(self.run.recipe):
            name = label_of(copy.name, self.run.config.seed)
            path = self.folder.checkpoint(name)
            if not path.exists():
                self.stage = f"copying to {name}"
                write_rescaled(checkpoint, path, copy.factor)
            jobs += [(name, path, analysis_name) for analysis_name in analysis.only]
        targets: dict[Path, Target] = {}
        for done, (name, path, what) in enumerate(jobs):
            if f"{name}/{what}" in self.record.analyses:
                continue
            self.stage = f"{what} of {name}"
            start = _TRAINING_SHARE + (1 - _TRAINING_SHARE) * done / len(jobs)
            self.report(start, self.stage)
            if path not in targets:
                targets = {path: open_target(path, self._target_settings, label=name)}
                self._check_code(targets[path])
            self._analyse(targets[path], what)
        self._note(state="done")

    def _check_code(self, target: Target) -> None:
        """Refuse to add to results that other code made."""
        now = with_fingerprint({}, target.subject.fingerprint)
        for stem, result in self.folder.results(target.subject.label).items():
            if result.subject.examples_sha256 == target.subject.examples_sha256:
                before = with_fingerprint({}, result.subject.fingerprint)
                where = self.folder.result(target.subject.label, stem)
                refuse_other_code(before, now, f"{where} holds a result")

    def fail(self, error: Exception) -> None:
        kind = type(error).__name__
        reason = str(error) if isinstance(error, ValueError) else f"{kind}: {error}"
        self._note(state="failed", stage=self.stage, reason=reason)

    def _train(self) -> Path:
        config, out = self.run.config, self.folder.checkpoint(self.run.label)
        self.stage = "training"
        done = f"{self.run.label}/training"
        if done in self.record.analyses:
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
            device=torch.device(self.machine.device),
            data_dir=self.machine.data_dir,
            force=False,
            monitor=monitor,
        )
        seconds = self.record.training_seconds + time.monotonic() - begun
        self._note(training_seconds=round(seconds, 3))
        target = open_target(out, self._target_settings, label=self.run.label)
        self._save_curves(target)
        self._note(analyses=(*self.record.analyses, done))
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
        if curves is not None:
            save_result(curves, self.folder.result(self.run.label, "training"))

    def _analyse(self, target: Target, name: str) -> None:
        label, begun = target.subject.label, time.monotonic()
        found: Mapping[str, Result]
        if name == "course":
            files = RunFiles(self.folder.checkpoint(label))
            found = {
                "course": measure_course(
                    label,
                    [(e, files.snapshot(e)) for e in self.run.config.snapshot_epochs],
                    config=self.run.config,
                    plan=self.plan.analysis,
                    settings=self._target_settings,
                    progress=self._tick,
                )
            }
        elif name == "one-image":
            found = {"one-image": one_image_spectrum(Path(target.subject.checkpoint), target)}
        else:
            earlier = self.folder.results(label)
            found = run_analysis(name, target, self._suite, earlier, self._tick)
        for stem, result in found.items():
            save_result(result, self.folder.result(label, stem))
        seconds = self.record.analysis_seconds + time.monotonic() - begun
        self._note(
            analyses=(*self.record.analyses, f"{label}/{name}"),
            analysis_seconds=round(seconds, 3),
        )

    def _tick(self, done: int, total: int) -> None:
        pass  # analyses of a study are short; the bar moves from one to the next

    @property
    def _target_settings(self) -> TargetSettings:
        analysis = self.plan.analysis
        return TargetSettings(
            data=self.run.config.data,
            data_dir=self.machine.data_dir,
            loss=self.run.config.loss,
            split=analysis.split,
            examples=str(analysis.examples),
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
            work=self.folder.work,
        )

    def _note(self, **changes: object) -> None:
        self.record = dataclasses.replace(self.record, **changes)  # type: ignore[arg-type]
        self.folder.write(self.record)
