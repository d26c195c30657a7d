"""Which copies along training are measured, and what contrasts say at one training loss."""

import dataclasses
import math

import numpy as np
import pytest
from compared_results import PROVENANCE, subject

from landscape.results import load_stored
from landscape.results.training import TrainingCurves
from landscape.study.folder import StudyFolder
from landscape.study.matching import loss_matched_runs
from landscape.study.plan_file import plan_from_table


def curves(*losses):
    return TrainingCurves(
        subject=subject("ikun_v1", 0),
        provenance=PROVENANCE,
        epochs=np.arange(1.0, len(losses) + 1),
        train_loss=np.array(losses),
    )


@pytest.fixture
def matched(table):
    table["training"]["epochs"] = 4
    table["comparison"]["loss_matched_seeds"] = 1
    return plan_from_table(table, default_title="tiny")


def test_the_run_that_ends_lower_is_set_back_to_the_others_loss(matched):
    found = loss_matched_runs(
        matched,
        {
            "ikun_v1-adam": {0: curves(4.0, 3.1, 2.2, 1.0), 1: curves(4.0, 3.0, 2.0, 1.0)},
            "kaiming-adam": {0: curves(9.0, 8.0, 5.0, 3.0), 1: curves(9.0, 8.0, 5.0, 3.0)},
        },
    )
    assert [(run.label, run.epoch) for run in found] == [("ikun_v1-adam-s0-e02", 2)]
    assert found[0].training == "ikun_v1-adam-s0"


def test_of_a_copy_is_measured_what_is_compared(table):
    table["analysis"]["only"] = ["preflight", "scaled", "sharpness", "robustness"]
    plan = plan_from_table(table, default_title="tiny")
    (first, *_) = plan.runs
    assert [name for _, name in plan.analyses_of(first)] == table["analysis"]["only"]
    assert [name for _, name in plan.analyses_of(first.copied_at(1))] == ["scaled", "sharpness"]


def test_runs_that_end_alike_or_failed_need_no_copy(matched):
    alike = {0: curves(4.0, 3.0, 1.6, 1.0)}, {0: curves(4.0, 3.0, 2.0, 1.2)}
    for a, b in (alike, ({}, alike[1])):
        assert loss_matched_runs(matched, {"ikun_v1-adam": a, "kaiming-adam": b}) == ()


def test_every_epoch_leaves_a_copy_but_the_course_keeps_its_distance(table):
    table["training"]["epochs"] = 4
    table["comparison"]["loss_matched_seeds"] = 1
    table["analysis"]["curvature_every"] = 2
    plan = plan_from_table(table, default_title="tiny")
    config = plan.recipes[0].config
    assert config.snapshot_epochs == (0, 1, 2, 3, 4)
    assert plan.course_epochs(config) == (0, 2, 4)


@pytest.mark.usefixtures("without_page")
def test_a_study_measures_the_copies_and_judges_at_one_loss(table, tmp_path, work):
    table["training"] |= {"epochs": 4, "channels": 2, "num_time_steps": 2, "images": 128}
    table["recipe"] = [{"name": "slow", "init": "kaiming", "lr": 1e-5}]
    table["comparison"] |= {"loss_matched_seeds": 2, "contrasts": [["kaiming-adam", "slow"]]}
    plan = plan_from_table(table, default_title="tiny")
    _, events = work(plan, tmp_path)
    study = load_stored(tmp_path / "study.json")
    copies = [run for run in study.runs if run.epoch is not None]
    assert {run.recipe for run in copies} == {"kaiming-adam"}
    assert sum(event.num_more for event in events) == len(copies)
    assert all(run.state == "done" for run in study.runs)
    assert len(study.loss_matched) == 2
    for row in study.loss_matched:
        assert row.by_epoch.num_pairs == row.by_loss.num_pairs == 2
        gaps = [abs(math.log(at.loss_ratio)) for at in (row.by_epoch, row.by_loss)]
        assert gaps[1] < gaps[0]
    again, more = work(plan, tmp_path)
    assert again.left == ()
    assert not more

    folder = StudyFolder(tmp_path)
    failed = dataclasses.replace(folder.record(copies[0].label), state="failed", reason="memory")
    folder.write(failed)
    assert not work(plan, tmp_path)[1]
    _, more = work(plan, tmp_path, retry_failed=True)
    assert {event.label for event in more} == {failed.label}
    assert folder.record(failed.label).state == "done"

    # Of two seeds one is left of a recipe: they do not pair, and the rest of the report stands.
    folder.write(dataclasses.replace(failed, label="slow-s1"))
    outcome, _ = work(plan, tmp_path)
    assert outcome.study.loss_matched == ()
    assert any("Not judged at one training loss" in note for note in outcome.study.notes)
