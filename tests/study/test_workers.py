import os
import signal

import pytest

from landscape.interrupts import postponed
from landscape.study import workers
from landscape.study.folder import StudyFolder
from landscape.study.plan_file import plan_from_table
from landscape.study.queue import run_study
from landscape.study.settings import QueueSettings

_serve = workers._serve


class _Deadly:
    """A worker's pipe; its process dies when it has told what a file in ``lives`` names."""

    def __init__(self, pipe, lives):
        self.pipe, self.lives = pipe, lives
        self.recv = pipe.recv

    def send(self, event):
        self.pipe.send(event)
        life = self.lives / f"{event.label} {event.stage.partition(' ')[0]}".strip()
        if life.exists():
            life.unlink()
            self.end()

    def end(self):
        os.kill(os.getpid(), signal.SIGKILL)


class _Asked(_Deadly):
    """The same, but its process is asked to end, while it does what is not to be cut."""

    def end(self):
        with postponed():
            os.kill(os.getpid(), signal.SIGTERM)


def _serve_until_killed(pipe, plan, folder, machine):
    _serve(_Deadly(pipe, folder.root / "lives"), plan, folder, machine)


def _serve_until_asked(pipe, plan, folder, machine):
    _serve(_Asked(pipe, folder.root / "lives"), plan, folder, machine)


@pytest.mark.dist
@pytest.mark.usefixtures("without_page")
@pytest.mark.parametrize(
    ("serve", "how"),
    [(_serve_until_killed, "was killed by SIGKILL"), (_serve_until_asked, "was interrupted")],
    ids=["killed", "asked"],
)
def test_a_run_whose_process_a_signal_ends_goes_on_once(
    serve, how, table, machine, tmp_path, numbers, whole, monkeypatch
):
    """The first run's process is ended once, that of the second twice."""
    plan = plan_from_table(table | {"seeds": 1}, default_title="tiny")
    first, second = (run.label for run in plan.runs)
    (tmp_path / "lives").mkdir()
    for life in (f"{first} epoch", f"{second} training", f"{second} epoch"):
        (tmp_path / "lives" / life).touch()
    monkeypatch.setattr(workers, "_serve", serve)
    stages = []

    def notify(event):
        stages.append((event.label, event.stage))

    settings = QueueSettings(jobs=2)
    run_study(plan, tmp_path, machine=machine, settings=settings, notify=notify)
    assert not list((tmp_path / "lives").iterdir())
    records = [StudyFolder(tmp_path).record(label) for label in (first, second)]
    assert [record.state for record in records] == ["done", "failed"]
    assert (first, f"its process {how}; going on in another") in stages
    assert records[1].reason.startswith(f"its process {how} twice")
    found, expected = numbers(tmp_path), numbers(whole)
    assert {label for label, _ in found} == {first}
    assert found == {key: expected[key] for key in found}


@pytest.mark.dist
@pytest.mark.usefixtures("without_page")
def test_a_process_killed_between_two_runs_leaves_the_next_to_another(
    plan, machine, tmp_path, numbers, whole, monkeypatch
):
    """One dies before it is given another run, one before it is told that there is none."""
    (tmp_path / "lives").mkdir()
    dying = plan.runs[0].label, plan.runs[-1].label
    for label in dying:
        (tmp_path / "lives" / label).touch()
    receive = workers._receive

    def receive_too_late(worker):
        event = receive(worker)
        if event is not None and event.record is not None and event.label in dying:
            worker.process.join()
        return event

    monkeypatch.setattr(workers, "_serve", _serve_until_killed)
    monkeypatch.setattr(workers, "_receive", receive_too_late)
    settings = QueueSettings(jobs=2)
    run_study(plan, tmp_path, machine=machine, settings=settings, notify=lambda event: None)
    assert not list((tmp_path / "lives").iterdir())
    assert numbers(tmp_path) == numbers(whole)
