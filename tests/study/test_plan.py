import pytest

from landscape.study.plan_difference import differences
from landscape.study.plan_file import load_plan, plan_from_table
from landscape.study.power import expected_findings

_TWO_MEASURES = ["frobenius_norm[filter] hessian", "expected_rise[filter] ρ=0.1"]


def make(table, **changes):
    return plan_from_table({**table, **changes}, default_title="tiny")


def test_the_grid_is_a_product_and_recipes_add_to_it(table):
    table["grid"] = {"init": ["ikun_v1", "kaiming"], "optimizer": ["adam", "sgd"], "gain": [1, 2]}
    plan = make(table, recipe=[{"init": "kaiming", "optimizer": "sgd", "sam_rho": 0.05}])
    assert [r.name for r in plan.recipes] == [
        "ikun_v1-adam",
        "ikun_v1-gain2-adam",
        "ikun_v1-sgd",
        "ikun_v1-gain2-sgd",
        "kaiming-adam",
        "kaiming-gain2-adam",
        "kaiming-sgd",
        "kaiming-gain2-sgd",
        "kaiming-sam-sgd",
    ]
    assert len(plan.runs) == 2 * 9


def test_beta_varies_the_schemes_that_have_one(table):
    table["grid"]["beta"] = ["released", "surrogate"]
    names = [r.name for r in make(table).recipes]
    assert names == ["ikun_v1-adam", "ikun_v1-surrogate-adam", "kaiming-adam"]


def test_contrasts_are_repeated_for_each_optimizer(table):
    table["grid"]["optimizer"] = ["adam", "sgd"]
    assert make(table).comparison.contrasts == (
        ("ikun_v1-adam", "kaiming-adam"),
        ("ikun_v1-sgd", "kaiming-sgd"),
    )


def test_runs_of_one_seed_come_before_those_of_the_next(plan):
    assert [r.config.seed for r in plan.runs] == [0, 0, 1, 1]


@pytest.mark.parametrize("seeds", [6, 7])
def test_what_so_few_seeds_cannot_decide_is_said(table, seeds):
    # Two tests: 2 · 2/2ⁿ is 0.0625 at n = 6 and 0.031 at n = 7.
    warnings = make(table, seeds=seeds).warnings
    assert bool(warnings) == (seeds == 6)
    assert all("6 pairs of runs: tendencies only" in words for words in warnings)
    assert all("7 needed" in words for words in warnings)


def test_recipes_without_shared_seeds_are_two_groups_of_runs(table):
    """Of 4 against 4 the least p is 2/70, times two tests 0.057; of 5 against 5 2/252."""
    table["grid"] = {"init": ["ikun_v1"], "optimizer": ["adam"]}
    table["comparison"]["contrasts"] = [["ikun_v1-adam", "kaiming-adam"]]
    table["comparison"]["scatter"] = {_TWO_MEASURES[1]: 0.2}
    for n, decides in ((4, False), (5, True)):
        other = {"init": "kaiming", "seeds": list(range(n, 2 * n))}
        plan = make(table, seeds=n, recipe=[other])
        assert bool(plan.warnings) != decides
        assert all(f"{n} against {n} runs, unpaired" in words for words in plan.warnings)
        found = expected_findings(plan)
        assert len(found) == decides
        assert all("5 against 5 runs, unpaired find a ratio of" in words for words in found)


def test_curvature_along_training_ends_at_the_trained_network(table):
    table["training"]["epochs"] = 6
    table["analysis"] |= {"curvature_every": 2, "curvature_seeds": 1}
    plan = make(table)
    assert plan.recipes[0].config.snapshot_epochs == (0, 2, 4, 6)
    assert [r.with_course for r in plan.runs] == [True, True, False, False]
    table["analysis"]["curvature_every"] = 4
    with pytest.raises(ValueError, match="must divide epochs"):
        make(table)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"sedes": 3}, "Did you mean 'seeds'"),
        ({"training": {"chanels": 3}}, "Did you mean 'channels'"),
        ({"seeds": 0}, "seeds must be"),
        ({"seeds": [1, 1]}, "must differ"),
        ({"grid": {"init": "ikun_v1"}}, "must be a list"),
        ({"grid": {"init": ["ikun_v9"]}}, "unknown"),
        ({"comparison": {}}, "contrasts must hold"),
        ({"comparison": {"contrasts": [["ikun_v1-adam", "lecun-adam"]]}}, "none of"),
        ({"comparison": {"contrasts": [["ikun_v1-adam"]]}}, r"must be \[group, baseline\]"),
        ({"copy": [{"name": "c", "of": "nothing", "factor": 2.0}]}, "none of"),
        ({"copy": [{"name": "kaiming-adam", "of": "kaiming-adam", "factor": 2.0}]}, "twice"),
        ({"recipe": [{"name": "../up", "init": "kaiming"}]}, "letters, digits"),
        ({"analysis": {"only": ["spectrums"]}}, "none of"),
        ({"analysis": {"only": "scaled"}}, "only must be a list"),
        ({"analysis": {"split": "tset"}}, "split must be one of"),
        ({"analysis": {"operator": "hesian"}}, "operator must be one of"),
        ({"analysis": {"scales": ["fliter"]}}, "scales must be some of"),
        ({"analysis": {"measures": ["rise"]}}, "measures must be some of"),
        ({"analysis": {"examples": "100"}}, "examples must be a whole number"),
        ({"comparison": {"contrasts": [], "primary": "lambda_max"}}, "primary must be a list"),
        ({"comparison": {"contrasts": [], "accuracies": 0.8}}, "accuracies must be a list"),
        ({"comparison": {"contrasts": [], "bounds": 0.8}}, "bounds must be a list"),
        ({"comparison": "x"}, r"\[comparison\] must be a table"),
        ({"comparison": [{"contrasts": []}]}, r"\[comparison\] must be a table"),
        ({"comparison": {"contrasts": [], "scatter": [1]}}, r"scatter\] must be a table"),
        ({"analysis": {"budget": "lavish"}}, "budget must be"),
    ],
)
def test_a_plan_that_cannot_be_is_refused(table, changes, message):
    with pytest.raises(ValueError, match=message):
        make(table, **changes)


def test_the_file_is_named_where_it_is_wrong(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text("seeds = [")
    with pytest.raises(ValueError, match=r"mine\.toml"):
        load_plan(path)


def test_differences_name_the_place_and_both_values(table):
    before = make(table).record()
    assert differences(before, make(table).record()) == []
    table["analysis"]["num_pairs"] = 5
    (found,) = differences(before, make(table).record())
    assert found == "analysis.budget.sharpness.num_pairs was 4, now 5"


def test_too_few_seeds_at_one_loss_to_decide_anything_are_told_of(table):
    """Of n pairs the least p is 2/2^n, here times two tests: at 5 % seven are needed."""
    table["seeds"] = 8
    for seeds, told in ((0, False), (6, True), (7, False)):
        table["comparison"] |= {"loss_matched_seeds": seeds, "primary": _TWO_MEASURES}
        found = [w for w in make(table).warnings if w.startswith("loss_matched_seeds")]
        assert bool(found) is told
        assert all("over 2 tests; 7 seeds could decide" in w for w in found)
