from dataclasses import replace

import pytest
from numpy.testing import assert_allclose
from synthetic_measures import sharpness
from synthetic_results import LABELS, header

from landscape.plotting import compared_rows, plot_sharpness
from landscape.results import SharpnessTable, make_measure


def table(label, *rows):
    return SharpnessTable(
        **header(label), rows=rows, batch_norm="eval", accuracy_drop=0.05, num_pairs=2,
        num_evaluations=3,
    )  # fmt: skip


def marks(ax):
    """The ratios of each checkpoint, from top to bottom."""
    return [container[0].get_xdata() for container in ax.containers]


def test_all_measures_stand_on_one_axis_as_ratios_left_is_flatter(ax):
    first = table(
        "a-s0", make_measure("lambda_max", 2.0, None), make_measure("tolerated_noise", 0.1, 0.01)
    )
    second = table(
        "b-s0", make_measure("lambda_max", 4.0, None), make_measure("tolerated_noise", 0.4, 0.01)
    )
    plot_sharpness([first, second], ax, baseline="a-s0")
    assert_allclose(marks(ax), [[1, 1], [2, 0.25]])
    assert ax.get_xlabel().startswith("← flatter")


def test_without_a_baseline_ratios_are_to_the_geometric_mean(ax):
    tables = [table(f"{v}", make_measure("lambda_max", v, None)) for v in (2.0, 8.0)]
    plot_sharpness(tables, ax)
    assert_allclose(marks(ax), [[0.5], [2]])


def test_what_has_no_flatter_side_no_ratio_or_no_other_network_is_left_out():
    rows = (
        make_measure("effective_rank", 3.0, 0.1),
        make_measure("expected_rise", -1e-5, 1e-4, scale="filter", radius=0.01),
        make_measure("cusp_slope", 0.3, 0.02),
    )
    one, two = table("a-s0", *rows), table("b-s0", *rows)
    assert [row.name for row in compared_rows([one, two])] == ["cusp_slope"]
    assert compared_rows([one]) == []


def test_a_measure_that_a_checkpoint_lacks_leaves_its_row_to_the_others(ax):
    tables = [sharpness(label) for label in LABELS[:3]]
    tables[0] = replace(tables[0], rows=tables[0].rows[1:])
    plot_sharpness(tables, ax)
    assert len(marks(ax)[0]) == len(marks(ax)[1]) - 1
    assert marks(ax)[1][-1] == pytest.approx((1.51 / 2.46) ** 0.5)
