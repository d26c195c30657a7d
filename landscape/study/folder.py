"""A study's folder: its plan, its checkpoints, its results, and how far each run is."""

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path

from landscape.files import COMPARISON, STUDY, remove_partial, wait_until_free, write_atomic
from landscape.store.folder import ReportFolder
from landscape.study.plan import Plan
from landscape.study.plan_difference import additions, differences

_MOST_DIFFERENCES = 8
_ADDED = "added_later"


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
    """

    label: str
    state: str = "waiting"
    stage: str = ""
    reason: str = ""
    training_seconds: float = 0.0
    analysis_seconds: float = 0.0


@dataclass(frozen=True)
class StudyFolder(ReportFolder):
    """A report's folder with the trainings; several processes and machines may share it."""

    @property
    def presence(self) -> Path:
        """Where the studies at work in the folder are counted; their workers are not."""
        return self.root / ".studies.lock"

    def run_lock(self, label: str) -> Path:
        return self.root / "runs" / f".{label}.lock"

    def checkpoint(self, label: str) -> Path:
        return self.root / "checkpoints" / f"{label}.safetensors"

    @property
    def comparison(self) -> Path:
        return self.root / COMPARISON

    @property
    def study(self) -> Path:
        return self.root / STUDY

    def claim(self, plan: Plan, *, force: bool) -> None:
        """Record the plan that this folder is for; it may ask for more than before.

        More are analyses, recipes, controls, and seeds at one training loss: no verdict of the
        plan's contrasts rests on any. With ``force`` all that is there is removed first, so that no
        other study may be present; workers of one that was killed are waited for.

        Raises
        ------
        ValueError
            If it is for another one; the message shows the difference.
        """
        if force:
            for lock in self._record("_").parent.glob(".*.lock"):
                wait_until_free(lock)
            self.remove("runs", "checkpoints", "results", "unfinished")
            self._plan.unlink(missing_ok=True)
        now, added = plan.record(), self.added
        if self._plan.exists():
            before = json.loads(self._plan.read_text(encoding="utf-8"))
            before.pop(_ADDED, None)
            if found := differences(before, now):
                shown = "; ".join(found[:_MOST_DIFFERENCES])
                more = len(found) - _MOST_DIFFERENCES
                raise ValueError(
                    f"{self.root} holds a study by another plan: {shown}"
                    f"{f'; and {more} more' if more > 0 else ''}. Write to another folder with "
                    "-o, or start anew with --force, which deletes its runs."
                )
            added = (*added, *additions(before, now))
        record = {**now, _ADDED: added} if added else now
        write_atomic(self._plan, json.dumps(record, indent=1, ensure_ascii=False) + "\n")
        # The networks are many megabytes, and can be made again from the plan.
        write_atomic(self.root / "checkpoints" / ".gitignore", "*\n")

    @property
    def added(self) -> tuple[str, ...]:
        """What the plan asked for later than for the rest, in words."""
        if not self._plan.exists():
            return ()
        return tuple(json.loads(self._plan.read_text(encoding="utf-8")).get(_ADDED, ()))

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
        known = {field.name for field in dataclasses.fields(RunRecord)}  # earlier ones told more
        return RunRecord(**{name: value for name, value in found.items() if name in known})

    def write(self, record: RunRecord) -> None:
        text = json.dumps(dataclasses.asdict(record), indent=1, ensure_ascii=False)
        write_atomic(self._record(record.label), text + "\n")

    def forget_failure(self, label: str) -> None:
        """Make a failed run one to be gone on with."""
        record = self.record(label)
        if record.state == "failed":
            self.write(dataclasses.replace(record, state="begun", stage="", reason=""))

    @property
    def _plan(self) -> Path:
        return self.root / "plan.json"

    def _record(self, label: str) -> Path:
        return self.root / "runs" / f"{label}.json"
