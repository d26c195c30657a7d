"""The demonstration starts from files that come with the package."""

import shutil

import pytest

from landscape.analysis.budget import BUDGETS
from landscape.analysis.opening import open_target
from landscape.analysis.suite import suite_identity
from landscape.analysis.suite_settings import SuiteSettings
from landscape.analysis.target_settings import TargetSettings
from landscape.checkpoint.inspection import inspect_checkpoint
from landscape.cli.commands.demo import MEASURED, NUM_EXAMPLES, shipped_checkpoints, unpack_measured
from landscape.store.folder import ReportFolder


@pytest.fixture
def archive():
    return shipped_checkpoints()[0].with_name(MEASURED)


def test_its_checkpoints_are_found_and_can_be_analysed():
    paths = shipped_checkpoints()
    seeds = range(10, 18)
    assert [p.stem for p in paths] == [
        f"{r}-sgd-s{s}" for r in ("ikun_v1", "kaiming") for s in seeds
    ]
    assert all(inspect_checkpoint(path).command is not None for path in paths)


def test_what_was_measured_beforehand_is_what_it_would_measure(archive, tmp_path):
    folder = ReportFolder(tmp_path)
    budget = BUDGETS["quick"]
    suite = SuiteSettings(budget=budget, folder=folder)
    settings = TargetSettings(data="fashion-mnist-embedded", examples=str(NUM_EXAMPLES))
    labels = unpack_measured(archive, folder)
    by_label = {path.stem: path for path in shipped_checkpoints()}
    assert set(labels) == {label for label in by_label if not label.endswith("-s10")}
    for label in labels:
        finished = folder.finished(label)
        assert [name for name in budget.unasked if not finished.is_done(name)] == []
    target = open_target(by_label[labels[0]], settings, label=labels[0])
    assert folder.finished(labels[0]).claim(suite_identity(target, suite)) == ""


def test_what_is_in_the_folder_stays(archive, tmp_path):
    folder = ReportFolder(tmp_path)
    labels = unpack_measured(archive, folder)
    kept, lost = (folder.finished(label).record for label in labels[:2])
    kept.write_text("mine")
    shutil.rmtree(lost.parent)
    assert unpack_measured(archive, folder) == labels
    assert kept.read_text() == "mine"
    assert lost.is_file()
