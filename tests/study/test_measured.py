"""A measure that no analysis of a plan gives is refused before anything runs."""

import pytest

from landscape.catalog import SCALES
from landscape.study.folder import StudyFolder
from landscape.study.gathered import finished_results
from landscape.study.measured import measure_names
from landscape.study.plan_file import plan_from_table


def declared(table, **analysis):
    def make(*primary):
        comparison = table["comparison"] | {"primary": list(primary)}
        found = {**table, "analysis": table["analysis"] | analysis, "comparison": comparison}
        return plan_from_table(found, default_title="tiny")

    return make


@pytest.mark.parametrize(
    ("primary", "analysis"),
    [
        ("lambda_mx[filter] hessian", {}),
        ("lambda_max[fliter] hessian", {}),
        ("lambda_max[filter] ggn", {}),
        ("lambda_max hessian", {}),  # of no analysis but "spectrum"
        ("expected_rise[filter] ρ=0.2", {}),
        ("expected_rise[filter] ρ=0.1", {"only": ["scaled"]}),
        ("worst_rise[filter] ρ=0.01", {}),
        ("expected_rise[weight] ρ=0.1", {}),
        ("negative_mass[filter] hessian", {}),  # by which nothing is compared
        ("", {}),
    ],
)
def test_what_will_not_be_measured_is_refused(table, primary, analysis):
    with pytest.raises(ValueError, match="none of these"):
        declared(table, **analysis)(primary)


@pytest.mark.parametrize(
    ("primary", "analysis"),
    [
        ("lambda_max[filter]", {}),
        ("lambda_max[filter] ggn", {"operator": "ggn"}),
        ("expected_rise*", {}),
        ("lambda_max", {"only": ["spectrum"]}),
        ("sam_first_order[filter] ρ=0.003", {"measures": ["sam_rise"]}),
        ("smoothed_trace ρ=0.1", {"measures": ["smoothed_trace"]}),
        ("relative_flatness conv*", {"measures": ["relative_flatness"]}),
        ("cusp_slope", {"only": ["fidelity"]}),
        # The scale that the networks' preflights will certify.
        ("lambda_max[symmetry]", {"only": ["preflight", "scaled"]}),
    ],
)
def test_what_will_be_is_not(table, primary, analysis):
    assert declared(table, **analysis)(primary).comparison.primary == (primary,)


def test_all_that_a_study_measured_was_foreseen(plan, whole):
    """Of the names that comparisons read off its results, each one, and no other at a scale."""
    from landscape.results import readings_of

    results = [r for found in finished_results(plan, StudyFolder(whole)).values() for r in found]
    compared = {
        reading.name for r in results for reading in readings_of(r) if reading.kind.is_compared
    }
    assert compared == set(measure_names(plan.analysis))
    assert all(name.partition("[")[2].partition("]")[0] in SCALES for name in compared)
