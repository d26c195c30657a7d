import multiprocessing
import os
import signal
from collections import Counter

import pytest

from landscape.study import QueueSettings, StudyFolder, run_study
from landscape.study.plan_file import plan_from_table


@pytest.mark.dist
@pytest.mark.usefixtures("without_page")
def test_a_run_whose_process_is_killed_goes_on_once(table, machine, tmp_path, numbers, whole):
    """The first run's process is killed once, that of the second twice."""
    plan = plan_from_table(table | {"seeds": 1}, default_title="tiny")
    first, second = (run.label for run in plan.runs)
    left, seen, stages = Counter({f"study-{first}": 1, f"study-{second}": 2}), set(), []

    def notify(event):
        stages.append((event.label, event.stage))
        for child in multiprocessing.active_children():
            if child.pid not in seen and left[child.name]:
                seen.add(child.pid)
                left[child.name] -= 1
                os.kill(child.pid, signal.SIGKILL)

    settings = QueueSettings(jobs=2)
    run_study(plan, tmp_path, machine=machine, settings=settings, notify=notify)
    records = [StudyFolder(tmp_path).record(label) for label in (first, second)]
    assert [record.state for record in records] == ["done", "failed"]
    assert (first, "its process was killed by SIGKILL; going on in another") in stages
    assert records[1].reason.startswith("its process was killed by SIGKILL twice")
    found, expected = numbers(tmp_path), numbers(whole)
    assert {label for label, _ in found} == {first}
    assert found == {key: expected[key] for key in found}
