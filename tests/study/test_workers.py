import os
import signal

import pytest

from landscape.study import QueueSettings, StudyFolder, run_study, workers
from landscape.study.plan_file import plan_from_table

_serve = workers._serve


class _Deadly:
    """A worker's pipe; its process dies when it has told what a file in ``lives`` names."""

    def __init__(self, pipe, lives):
        self.pipe, self.lives = pipe, lives
        self.recv = pipe.recv

    def send(self, event):
        self.pipe.send(event)
        life = self.lives / f"{event.label} {event.stage.partition(' ')[0]}"
        if life.exists():
            life.unlink()
            os.kill(os.getpid(), signal.SIGKILL)


def _serve_until_killed(pipe, plan, folder, machine):
    _serve(_Deadly(pipe, folder.root / "lives"), plan, folder, machine)


@pytest.mark.dist
@pytest.mark.usefixtures("without_page")
def test_a_run_whose_process_is_killed_goes_on_once(
    table, machine, tmp_path, numbers, whole, monkeypatch
):
    """The first run's process is killed once, that of the second twice."""
    plan = plan_from_table(table | {"seeds": 1}, default_title="tiny")
    first, second = (run.label for run in plan.runs)
    (tmp_path / "lives").mkdir()
    for life in (f"{first} epoch", f"{second} training", f"{second} epoch"):
        (tmp_path / "lives" / life).touch()
    monkeypatch.setattr(workers, "_serve", _serve_until_killed)
    stages = []

    def notify(event):
        stages.append((event.label, event.stage))

    settings = QueueSettings(jobs=2)
    run_study(plan, tmp_path, machine=machine, settings=settings, notify=notify)
    assert not list((tmp_path / "lives").iterdir())
    records = [StudyFolder(tmp_path).record(label) for label in (first, second)]
    assert [record.state for record in records] == ["done", "failed"]
    assert (first, "its process was killed by SIGKILL; going on in another") in stages
    assert records[1].reason.startswith("its process was killed by SIGKILL twice")
    found, expected = numbers(tmp_path), numbers(whole)
    assert {label for label, _ in found} == {first}
    assert found == {key: expected[key] for key in found}
