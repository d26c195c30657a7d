import json
import math

import pytest
from torch.testing import assert_close

from landscape.results import Provenance, Subject
from landscape.results.training import curves_from_metrics
from landscape.study.accuracy import (
    accuracy_differences,
    epochs_to_reach,
    recipe_accuracies,
    speed_rows,
)
from landscape.study.plan_parts import ComparisonPlan

PLAN = ComparisonPlan(
    contrasts=(("a", "b"),), accuracies=(0.5,), claimed_train=0.9, claimed_test=0.5
)


def curves(*test_accuracies):
    lines = [
        json.dumps({"epoch": i + 1, "train_loss": 1.0, "train_accuracy": v, "test_accuracy": v})
        for i, v in enumerate(test_accuracies)
    ]
    subject = Subject(
        label="x",
        checkpoint="x",
        checkpoint_sha256="0",
        model="csnn",
        spiking=True,
        num_params=1,
        data="d",
        data_source="d",
        split="train",
        num_examples=1,
        examples_sha256="0",
        loss_name="mse",
        loss=1.0,
        grad_norm=1.0,
    )
    provenance = Provenance(command="", seed=0, device="cpu", num_threads=1, seconds=0.0)
    found = curves_from_metrics("\n".join(lines), subject=subject, provenance=provenance)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("accuracies", "epochs"),
    [
        ((0.2, 0.4, 0.6), 2.5),  # half way from epoch 2 to epoch 3
        ((0.2, 0.5), 2.0),
        ((0.7, 0.8), 1.0),
        ((0.2, 0.8, 0.3), 1.5),  # first reached; a later fall does not matter
        ((0.2, 0.4), None),
    ],
)
def test_epochs_to_an_accuracy_are_interpolated(accuracies, epochs):
    found = epochs_to_reach(curves(*accuracies), 0.5)
    assert found == epochs or math.isclose(found, epochs)


def test_half_the_epochs_is_a_ratio_of_one_half():
    both = {
        "a": {s: curves(0.3, 0.5, 0.6, 0.7) for s in range(6)},
        "b": {s: curves(0.2, 0.3, 0.4, 0.5) for s in range(6)},
    }
    (row,) = speed_rows(both, PLAN)
    assert_close(row.ratio, 0.5)
    assert (row.epochs, row.baseline_epochs, row.num_pairs) == (2.0, 4.0, 6)
    assert row.words == "faster"


def test_runs_that_never_reach_it_are_counted_and_left_out():
    both = {
        "a": {0: curves(0.2, 0.6), 1: curves(0.1, 0.2)},
        "b": {0: curves(0.2, 0.6), 1: curves(0.2, 0.6)},
    }
    (row,) = speed_rows(both, PLAN)
    assert row.num_reached == (1, 2)
    assert row.num_pairs == 1
    assert row.interval is None
    assert "not decided" in row.words


def test_a_claim_is_reached_only_if_the_whole_interval_is_above_it():
    found = recipe_accuracies(
        {"a": {0: curves(0.6), 1: curves(0.61)}, "b": {0: curves(0.4), 1: curves(0.6)}}, PLAN
    )
    words = {(row.recipe, row.split): row.words for row in found}
    assert words == {
        ("a", "train"): "not reached",
        ("b", "train"): "not decided",
        ("a", "test"): "reached",
        ("b", "test"): "not decided",
    }


def test_differences_are_paired_by_seed():
    a = {s: curves(0.5 + 0.1 * s + 0.02) for s in (0, 1, 2)}
    b = {s: curves(0.5 + 0.1 * s) for s in (2, 1, 0)}
    (row,) = accuracy_differences({"a": a, "b": b}, PLAN)
    assert_close(row.difference, 0.02)
    assert_close((row.interval.low, row.interval.high), (0.02, 0.02), rtol=0, atol=1e-12)
