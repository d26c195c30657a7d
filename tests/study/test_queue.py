import dataclasses
import json
import shutil
from contextlib import ExitStack

import pytest

from landscape.analysis.sharpness import entry
from landscape.files import exclusive_lock, present
from landscape.results import load_stored
from landscape.study import queue
from landscape.study.folder import StudyFolder
from landscape.study.outcome import failures
from landscape.study.plan_file import plan_from_table
from landscape.study.settings import QueueSettings


def test_a_plan_becomes_runs_results_and_a_report(table, tmp_path, work):
    table["analysis"] |= {"one_image": True, "curvature_every": 1, "curvature_seeds": 1}
    table["copy"] = [{"name": "rescaled", "of": "kaiming-adam", "factor": 4.0}]
    table["control"] = [
        {"name": "c", "group": "rescaled", "baseline": "kaiming-adam", "expect": "identical"},
        {"name": "d", "group": "ikun_v1-adam", "baseline": "kaiming-adam", "expect": "identical"},
    ]
    plan = plan_from_table(table, default_title="tiny")
    outcome, events = work(plan, tmp_path)
    study = load_stored(tmp_path / "study.json")
    assert outcome.left == ()
    assert outcome.page == tmp_path / "index.html"
    assert [(r.label, r.state) for r in study.runs] == [
        ("ikun_v1-adam-s0", "done"),
        ("kaiming-adam-s0", "done"),
        ("ikun_v1-adam-s1", "done"),
        ("kaiming-adam-s1", "done"),
    ]
    comparison = load_stored(tmp_path / "comparison.json")
    (pair,) = comparison.pairs
    assert comparison.settings.primary_declared
    assert pair.paired
    assert [m.measure for m in pair.measures] == list(plan.comparison.primary)
    finished = [e.label for e in events if e.record is not None]
    assert finished == [run.label for run in plan.runs]
    page = outcome.page.read_text(encoding="utf-8")
    assert "ikun_v1-adam-s1" in page
    # The copy is the same function; another initialisation is not, and the control says so.
    assert [(c.name, c.passed) for c in study.controls] == [("c", True), ("d", False)]
    assert [words for words in failures(study) if "'d'" in words]
    course = StudyFolder(tmp_path).finished("kaiming-adam-s0").results()["course"]
    assert list(course.epochs) == [0, 1]
    assert all(name in page for name in ("Controls", "Curvature along training", "one image"))


@pytest.mark.usefixtures("without_page")
def test_going_on_after_an_interruption_gives_the_same_numbers(
    plan, tmp_path, work, numbers, whole, monkeypatch
):
    sharpness, calls = entry.run, []

    def interrupted(*args):
        calls.append(args)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return sharpness(*args)

    with monkeypatch.context() as patch:
        patch.setattr(entry, "run", interrupted)
        with pytest.raises(KeyboardInterrupt):
            work(plan, tmp_path / "broken")
    folder = StudyFolder(tmp_path / "broken")
    states = [folder.record(run.label).state for run in plan.runs]
    assert states == ["done", "begun", "waiting", "waiting"]
    assert not (tmp_path / "broken/index.html").exists()

    _, events = work(plan, tmp_path / "broken")
    assert plan.runs[0].label not in {e.label for e in events}
    assert numbers(tmp_path / "broken") == numbers(whole)


@pytest.mark.usefixtures("without_page")
def test_shards_together_are_the_whole(plan, tmp_path, work, numbers, whole):
    first, _ = work(plan, tmp_path / "shared", shard=(1, 2))
    assert first.left == ("kaiming-adam-s0", "kaiming-adam-s1")
    assert first.page is None
    second, _ = work(plan, tmp_path / "shared", shard=(2, 2))
    assert second.page is not None
    assert numbers(tmp_path / "shared") == numbers(whole)


@pytest.mark.parametrize("n", [1, 2, 3, 5])
def test_every_run_belongs_to_one_shard(plan, n):
    owned = [run.label for i in range(n) for run in queue.own_runs(plan, (i + 1, n))]
    assert sorted(owned) == sorted(run.label for run in plan.runs)


@pytest.mark.dist
@pytest.mark.usefixtures("without_page")
def test_processes_side_by_side_give_the_numbers_of_one(plan, tmp_path, work, numbers, whole):
    outcome, _ = work(plan, tmp_path / "two", jobs=2)
    assert outcome.page is not None
    assert numbers(tmp_path / "two") == numbers(whole)


@pytest.mark.usefixtures("without_page")
def test_a_failed_run_is_recorded_and_the_rest_goes_on(table, tmp_path, work):
    diverging = {"name": "wild", "init": "kaiming", "gain": 1e30, "lr": 1e30, "seeds": 1}
    plan = plan_from_table({**table, "recipe": [diverging]}, default_title="tiny")
    outcome, _ = work(plan, tmp_path)
    record = StudyFolder(tmp_path).record("wild-s0")
    assert record.state == "failed"
    assert record.stage == "training"
    assert "diverged" in record.reason
    assert sum(r.state == "done" for r in outcome.study.runs) == 4
    assert [words for words in failures(outcome.study) if "wild-s0" in words]

    _, events = work(plan, tmp_path)
    assert events == []  # a failure is an outcome
    _, events = work(plan, tmp_path, retry_failed=True)
    assert {e.label for e in events} == {"wild-s0"}


@pytest.mark.parametrize(
    ("changes", "device", "message"),
    [({}, "gpu", "device 'gpu' cannot be used"), ({"data": "no.npz"}, "cpu", "no data file")],
)
def test_what_no_run_could_open_is_told_of_before_any_is_begun(
    table, tmp_path, machine, changes, device, message
):
    table["training"] |= changes
    plan = plan_from_table(table, default_title="tiny")
    elsewhere = dataclasses.replace(machine, device=device)
    with pytest.raises(ValueError, match=message):
        queue.run_study(plan, tmp_path, machine=elsewhere, settings=QueueSettings(), notify=print)
    assert not list(tmp_path.rglob("*.json"))


def test_another_study_s_runs_are_not_deleted_while_it_is_at_work(plan, tmp_path, work):
    folder = StudyFolder(tmp_path)
    folder.claim(plan, force=False)
    folder.write(folder.record(plan.runs[0].label))
    with present(folder.presence), pytest.raises(ValueError, match="another study is at work"):
        work(plan, tmp_path, force=True)
    assert (tmp_path / "runs").exists()


def test_a_changed_plan_is_refused_with_the_difference(plan, tmp_path, work):
    folder = StudyFolder(tmp_path)
    folder.claim(plan, force=False)
    longer = dataclasses.replace(plan.recipes[0].config, epochs=3)
    recipes = (dataclasses.replace(plan.recipes[0], config=longer), *plan.recipes[1:])
    with pytest.raises(ValueError, match=r"\[ikun_v1-adam\]\.config\.epochs was 1, now 3"):
        folder.claim(dataclasses.replace(plan, recipes=recipes), force=False)
    comparison = dataclasses.replace(plan.comparison, primary=("mean_curvature[filter] hessian",))
    with pytest.raises(ValueError, match="primary was"):
        folder.claim(dataclasses.replace(plan, comparison=comparison), force=False)


def test_force_starts_anew(plan, tmp_path):
    folder = StudyFolder(tmp_path)
    folder.claim(plan, force=False)
    folder.write(folder.record(plan.runs[0].label))
    folder.claim(dataclasses.replace(plan, title="another"), force=True)
    assert not (tmp_path / "runs").exists()
    assert json.loads((tmp_path / "plan.json").read_text())["title"] == "another"


def test_a_run_in_another_process_s_hands_is_left_to_it(plan, tmp_path, work):
    folder = StudyFolder(tmp_path)
    with present(folder.presence), exclusive_lock(folder.run_lock(plan.runs[0].label)):
        outcome, events = work(plan, tmp_path, shard=(1, 4))
    assert [e.elsewhere for e in events] == [True]
    assert plan.runs[0].label in outcome.left


@pytest.mark.usefixtures("without_page")
def test_a_run_in_the_hands_of_a_killed_study_s_worker_is_waited_for(
    plan, tmp_path, machine, numbers, whole
):
    """No study is present: whoever holds the run is an orphan, and lets go of it in the end."""
    folder, label, stages = StudyFolder(tmp_path), plan.runs[0].label, []
    with ExitStack() as orphan:
        orphan.enter_context(exclusive_lock(folder.run_lock(label)))

        def notify(event):
            stages.append(event.stage)
            if event.stage.startswith("waiting for the worker"):
                orphan.close()

        outcome = queue.run_study(
            plan, tmp_path, machine=machine, settings=QueueSettings(), notify=notify
        )
    assert sum(stage.startswith("waiting for the worker") for stage in stages) == 1
    assert outcome.left == ()
    assert numbers(tmp_path) == numbers(whole)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"shard": (3, 2)}, "shard must be"),
        ({"jobs": 0}, "jobs must be"),
        ({"shard": (1, 2), "force": True}, "force would delete"),
    ],
)
def test_impossible_settings_are_named(settings, message):
    with pytest.raises(ValueError, match=message):
        queue.QueueSettings(**settings)


@pytest.mark.usefixtures("without_page")
def test_a_plan_that_asks_for_more_analyses_goes_on_with_what_is_there(table, tmp_path, work):
    table["analysis"]["only"] = ["scaled"]
    table["comparison"]["primary"] = ["frobenius_norm[filter] hessian"]
    table["copy"] = [{"name": "rescaled", "of": "kaiming-adam", "factor": 4.0}]
    small = plan_from_table(table, default_title="tiny")
    work(small, tmp_path)
    folder = StudyFolder(tmp_path)
    before = {path: path.read_bytes() for path in tmp_path.glob("results/*/trace-*.json")}
    table["analysis"]["only"] = ["scaled", "sharpness"]
    more = plan_from_table(table, default_title="tiny")
    _, events = work(more, tmp_path)
    assert {e.label for e in events if e.record is not None} == {r.label for r in more.runs}
    labels = [*(r.label for r in more.runs), "rescaled-s0", "rescaled-s1"]
    assert all(folder.finished(label).is_done("sharpness") for label in labels)
    assert {path: path.read_bytes() for path in before} == before
    assert not work(more, tmp_path)[1]
    with pytest.raises(ValueError, match=r"another plan: analysis\.only"):
        work(small, tmp_path)


@pytest.mark.usefixtures("without_page")
def test_a_result_that_was_lost_is_measured_again(plan, tmp_path, work, numbers, whole):
    shutil.copytree(whole, tmp_path / "lost")
    label = plan.runs[0].label
    (tmp_path / f"lost/results/{label}/sharpness.json").unlink()
    _, events = work(plan, tmp_path / "lost")
    assert {e.label for e in events if e.record is not None} == {label}
    assert numbers(tmp_path / "lost") == numbers(whole)
