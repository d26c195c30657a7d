import dataclasses
import json

import pytest

from landscape.study.folder import RunRecord, StudyFolder
from landscape.study.plan_parts import Control


def test_what_a_kill_left_of_one_run_is_removed_and_nothing_else(tmp_path):
    folder = StudyFolder(tmp_path)
    folder.write(RunRecord(label="a-s1"))
    kept = [folder.checkpoint("a-s1"), folder.result("a-s1", "scaled")]
    others = [
        folder.checkpoint("b-s1").with_name(".b-s1.safetensors.x1.tmp"),
        folder.root / "runs" / ".a-s11.json.x1.tmp",
    ]
    left = [
        folder.root / "runs" / ".a-s1.json.x1.tmp",
        folder.checkpoint("a-s1").with_name(".a-s1.safetensors.x1.tmp"),
        folder.result("a-s1", "scaled").with_name(".scaled.json.x1.tmp"),
    ]
    for path in (*kept, *others, *left):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    folder.sweep("a-s1")
    assert not any(path.exists() for path in left)
    assert all(path.exists() for path in (*kept, *others))
    assert folder.record("a-s1").state == "waiting"


def test_the_record_of_an_earlier_version_which_told_more_is_read(tmp_path):
    folder = StudyFolder(tmp_path)
    record = RunRecord(label="a-s1", state="failed", stage="spectrum of a-s1", reason="memory")
    folder.write(record)
    path = tmp_path / "runs" / "a-s1.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "analyses": ["a-s1/training"]}))
    assert folder.record("a-s1") == record


def test_a_plan_may_ask_for_more_and_the_folder_says_what_came_later(plan, tmp_path):
    folder = StudyFolder(tmp_path)
    folder.claim(plan, force=False)
    assert folder.added == ()
    recipe = dataclasses.replace(plan.recipes[0], name="another", seeds=(7,))
    control = Control(
        name="again", group=plan.recipes[0].name, baseline="another", expect="equivalent"
    )
    more = dataclasses.replace(
        plan,
        recipes=(recipe, *plan.recipes),
        controls=(*plan.controls, control),
        comparison=dataclasses.replace(plan.comparison, loss_matched_seeds=12),
        analysis=dataclasses.replace(
            plan.analysis, only=(*plan.analysis.only, "activity"), one_image=True
        ),
    )
    folder.claim(more, force=False)
    later = (
        "analysis activity",
        "analysis of one image",
        "12 seeds at one training loss",
        "recipe another",
        "control again",
    )
    assert folder.added == later
    folder.claim(more, force=False)
    assert folder.added == later
    with pytest.raises(ValueError, match=r"recipes\[another\].*now 'absent'"):
        folder.claim(plan, force=False)
    for changed in (
        {"recipes": (recipe, dataclasses.replace(plan.recipes[0], seeds=(99,)), plan.recipes[1])},
        {
            "comparison": dataclasses.replace(
                plan.comparison, primary=("mean_curvature[filter] hessian",)
            )
        },
        {"title": "another"},
    ):
        with pytest.raises(ValueError, match="another plan"):
            folder.claim(dataclasses.replace(more, **changed), force=False)
