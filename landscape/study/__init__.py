"""Studies: a plan of trainings and analyses as a queue that can be resumed and shared."""

from landscape.study.folder import RunRecord, StudyFolder
from landscape.study.one_run import Machine
from landscape.study.outcome import failures, write_outcome
from landscape.study.plan import Plan
from landscape.study.plan_file import load_plan
from landscape.study.queue import Outcome, QueueSettings, run_study
from landscape.study.workers import Event

__all__ = [
    "Event",
    "Machine",
    "Outcome",
    "Plan",
    "QueueSettings",
    "RunRecord",
    "StudyFolder",
    "failures",
    "load_plan",
    "run_study",
    "write_outcome",
]
