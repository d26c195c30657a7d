"""The scale of a recipe's initial weights, and which recipes stand on the curve of one scheme."""

import pytest
from compared_results import analysed, checkpoints, subject

from landscape.study.plan_file import plan_from_table
from landscape.study.scales import recipe_scales, weight_scale
from landscape.training.config import TrainConfig


@pytest.mark.parametrize(
    ("init", "gain", "scale"),
    [("lecun", 1.0, 1.0), ("kaiming", 1.0, 2.0), ("lecun", 0.5, 0.25), ("ikun_v1", 1.0, 1.274)],
)
def test_the_scale_is_fan_in_times_variance(init, gain, scale):
    # Each of these schemes has one fan-in times variance in all layers, so that means agree.
    config = TrainConfig(init=init, gain=gain, channels=2, num_time_steps=2)
    assert weight_scale(config) == pytest.approx(scale, rel=1e-3)


def test_a_scheme_at_two_gains_is_no_curve(table):
    table["recipe"] = [{"init": "kaiming", "optimizer": "adam", "gain": 2.0}]
    assert recipe_scales(plan_from_table(table, default_title="tiny"), {}) == ()


def test_what_trains_alike_stands_beside_the_curve(table):
    table["recipe"] = [
        {"init": "kaiming", "optimizer": "adam", "gain": gain} for gain in (0.5, 2.0)
    ] + [{"init": "kaiming", "optimizer": "sgd"}, {"init": "lecun", "sam_rho": 0.1}]
    table["comparison"]["contrasts"] = [["ikun_v1-adam", "kaiming-adam"]]
    table["comparison"]["primary"] = ["lambda_max[filter] hessian"]
    plan = plan_from_table(table, default_title="tiny")
    groups = {
        recipe.name: checkpoints(
            analysed(subject(recipe.name, 0), 2.0), analysed(subject(recipe.name, 1), 3.0)
        )
        for recipe in plan.recipes
    }
    rows = recipe_scales(plan, groups)
    assert {row.recipe: row.in_sweep for row in rows} == {
        "ikun_v1-adam": False,
        "kaiming-adam": True,
        "kaiming-gain0.5-adam": True,
        "kaiming-gain2-adam": True,
    }
    assert all(row.values == (18.0, 27.0) for row in rows)
