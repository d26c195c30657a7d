"""A study of a user's own network, by a plan that names files beside it."""

import json
import shutil

import pytest
import user_nets

from landscape.results import load_result
from landscape.study.folder import StudyFolder
from landscape.study.forecast import forecast_recipes
from landscape.study.plan_file import load_plan
from landscape.study.scales import weight_scale

pytestmark = pytest.mark.filterwarnings(
    "ignore::DeprecationWarning"
)  # of what SpikingJelly imports

PLAN = """
seeds = 2
[training]
model = "nets.py:jelly"
data = "nets.py:split"
loss = "cross-entropy"
epochs = 1
batch_size = 20
[grid]
init = ["ikun_v2", "kaiming_normal"]
[analysis]
only = ["sharpness"]
examples = 40
measures = ["expected_rise"]
scales = ["filter"]
radii = [0.03]
num_pairs = 2
[comparison]
primary = ["expected_rise[filter] ρ=0.03"]
contrasts = [["ikun_v2-adam", "kaiming_normal-adam"]]
"""


@pytest.fixture
def own_plan(tmp_path):
    shutil.copy(user_nets.__file__, tmp_path / "nets.py")
    file = tmp_path / "plan.toml"
    file.write_text(PLAN, encoding="utf-8")
    return load_plan(file)


def test_files_lie_beside_the_plan(own_plan, tmp_path):
    config = own_plan.recipes[0].config
    assert config.model == f"{tmp_path / 'nets.py'}:jelly"
    assert config.data == f"{tmp_path / 'nets.py'}:split"
    assert config.loss == "cross-entropy"


def test_single_steps_are_studied_with_their_readout(tmp_path, work):
    shutil.copy(user_nets.__file__, tmp_path / "nets.py")
    readout = 'model = "nets.py:step"\nreadout = "nets.py:mean_over_time"\nnum_time_steps = 3'
    file = tmp_path / "plan.toml"
    file.write_text(PLAN.replace('model = "nets.py:jelly"', readout).replace("= 2", "= 1", 1))
    plan = load_plan(file)
    assert plan.recipes[0].config.readout == f"{tmp_path / 'nets.py'}:mean_over_time"
    work(plan, tmp_path / "study")
    folder = StudyFolder(tmp_path / "study")
    assert {folder.record(run.label).state for run in plan.runs} == {"done"}


def test_data_of_fewer_examples_than_the_default_are_analysed_whole(tmp_path, work):
    """Each run was refused, after its training: examples 1000 reach beyond the data."""
    shutil.copy(user_nets.__file__, tmp_path / "nets.py")
    file = tmp_path / "plan.toml"
    file.write_text(PLAN.replace("examples = 40\n", "").replace("= 2", "= 1", 1))
    work(load_plan(file), tmp_path / "study")
    runs = (tmp_path / "study" / "results").glob("*/sharpness.json")
    assert [load_result(run).subject.num_examples for run in runs] == [60, 60]


def test_recipes_of_a_users_network_are_forecast_and_set_beside_their_scale(own_plan, machine):
    costs = dict(forecast_recipes(own_plan, machine))
    assert set(costs) == {"ikun_v2-adam", "kaiming_normal-adam"}
    assert all(cost.training > 0 and cost.analysis > 0 for cost in costs.values())
    kaiming = own_plan.recipe("kaiming_normal-adam").config
    assert weight_scale(kaiming) == pytest.approx(2)


def test_a_users_network_is_studied(own_plan, tmp_path, work):
    outcome, _ = work(own_plan, tmp_path / "study")
    assert outcome.page.exists()
    folder = StudyFolder(tmp_path / "study")
    labels = [run.label for run in own_plan.runs]
    assert [folder.record(label).state for label in labels] == ["done"] * 4
    sidecar = json.loads(folder.checkpoint(labels[0]).with_suffix(".json").read_text())
    assert sidecar["model"] == f"{tmp_path / 'nets.py'}:jelly"


def test_a_plan_of_an_earlier_version_is_the_same_plan(own_plan, tmp_path):
    folder = StudyFolder(tmp_path / "study")
    folder.claim(own_plan, force=False)
    file = folder.root / "plan.json"
    plan = json.loads(file.read_text())
    for recipe in plan["recipes"]:
        del recipe["config"]["objective"], recipe["config"]["leave"]
    file.write_text(json.dumps(plan))
    folder.claim(own_plan, force=False)
