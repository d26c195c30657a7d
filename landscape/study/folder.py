"""A study's folder: its plan, its checkpoints, its results, and how far each run is."""

import dataclasses
import json
import shutil
from dataclasses import dataclass
from pathlib import Path

from landscape.files import remove_partial, write_atomic
from landscape.results import Result, in_order, load_result
from landscape.study.plan import Plan, differences

_MOST_DIFFERENCES = 8


@dataclass(frozen=True, kw_only=True)
class RunRecord:
    """What has become of one run.

    Attributes
    ----------
    state
        ``waiting``, ``begun``, ``done`` or ``failed``.
    stage
        What it was doing when it failed; empty otherwise.
    reason
        Why it failed, in words.
    analyses
        Finished ones, as ``label/analysis``.
    """

    label: str
    state: str = "waiting"
    stage: str = ""
    reason: str = ""
    analyses: tuple[str, ...] = ()
    training_seconds: float = 0.0
    analysis_seconds: float = 0.0

    @property
    def is_settled(self) -> bool:
        return self.state in ("done", "failed")


@dataclass(frozen=True)
class StudyFolder:
    """Where everything of a study lies; several processes and machines may share it."""

    root: Path

    @property
    def lock(self) -> Path:
        return self.root / ".report.lock"

    @property
    def presence(self) -> Path:
        """Where the studies at work in the folder are counted; their workers are not."""
        return self.root / "runs" / ".studies.lock"

    def run_lock(self, label: str) -> Path:
        return self.root / "runs" / f".{label}.lock"

    def checkpoint(self, label: str) -> Path:
        return self.root / "checkpoints" / f"{label}.safetensors"

    def result(self, label: str, analysis: str) -> Path:
        return self.root / "results" / label / f"{analysis}.json"

    @property
    def work(self) -> Path:
        return self.root / "unfinished"

    @property
    def comparison(self) -> Path:
        return self.root / "comparison.json"

    @property
    def study(self) -> Path:
        return self.root / "study.json"

    def claim(self, plan: Plan, *, force: bool) -> None:
        """Record the plan that this folder is for.

        Raises
        ------
        ValueError
            If it is for another one; the message shows the difference.
        """
        if force:
            for name in ("runs", "checkpoints", "results", "unfinished"):
                if (self.root / name).is_dir() and not (self.root / name).is_symlink():
                    shutil.rmtree(self.root / name)
            self._plan.unlink(missing_ok=True)
        if self._plan.exists():
            before = json.loads(self._plan.read_text(encoding="utf-8"))
            if found := differences(before, plan.record()):
                shown = "; ".join(found[:_MOST_DIFFERENCES])
                more = len(found) - _MOST_DIFFERENCES
                raise ValueError(
                    f"{self.root} holds a study by another plan: {shown}"
                    f"{f'; and {more} more' if more > 0 else ''}. Write to another folder with "
                    "-o, or start anew with --force, which deletes its runs."
                )
            return
        write_atomic(self._plan, json.dumps(plan.record(), indent=1, ensure_ascii=False) + "\n")
        # The networks are many megabytes, and can be made again from the plan.
        write_atomic(self.root / "checkpoints" / ".gitignore", "*\n")

    def sweep(self, label: str) -> None:
        """Remove what a kill left while a file of this run was written."""
        for path in (self._record(label), self.checkpoint(label)):
            remove_partial(path.parent, f"{path.stem}.")
        remove_partial(self.result(label, "_").parent)

    def record(self, label: str) -> RunRecord:
        """How far the run is; one that was never begun is ``waiting``."""
        path = self._record(label)
        if not path.exists():
            return RunRecord(label=label)
        found = json.loads(path.read_text(encoding="utf-8"))
        return RunRecord(**{**found, "analyses": tuple(found["analyses"])})

    def write(self, record: RunRecord) -> None:
        text = json.dumps(dataclasses.asdict(record), indent=1, ensure_ascii=False)
        write_atomic(self._record(record.label), text + "\n")

    def forget_failure(self, label: str) -> None:
        """Make a failed run one to be gone on with."""
        record = self.record(label)
        if record.state == "failed":
            self.write(dataclasses.replace(record, state="begun", stage="", reason=""))

    def results(self, label: str) -> dict[str, Result]:
        """What was measured of one checkpoint, by the name of the file."""
        paths = in_order(self.result(label, "_").parent.glob("*.json"))
        return {path.stem: load_result(path) for path in paths}

    @property
    def _plan(self) -> Path:
        return self.root / "plan.json"

    def _record(self, label: str) -> Path:
        return self.root / "runs" / f"{label}.json"
