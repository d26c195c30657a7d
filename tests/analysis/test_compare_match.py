"""Which checkpoint of a run is compared with which of the other."""

import pytest
from compared_results import analysed, checkpoints, subject

from landscape.analysis.compare_match import match_runs


def run(init, losses, seed=0):
    """One training run with a checkpoint after each epoch, by its loss."""
    results = [
        r
        for epoch, loss in losses.items()
        for r in analysed(
            subject(init, seed, epoch=epoch, loss=loss, label=f"{init}{seed}e{epoch}")
        )
    ]
    return checkpoints(results)


def matched(a, b, how):
    found = match_runs(a, b, names=("a", "b"), how=how)
    return [(x.epoch, y.epoch) for x, y in zip(found.runs, found.baseline_runs, strict=True)], found


def test_by_epoch_the_last_one_that_all_share_is_compared():
    a = run("a", {5: 0.4, 10: 0.2, 20: 0.1})
    pairs, found = matched(a, run("b", {5: 0.5, 10: 0.25}), "epoch")
    assert pairs == [(10, 10)]
    assert found.loss_ratio == pytest.approx(0.8)
    assert found.words.startswith("at epoch 10; loss 0.8 times")
    with pytest.raises(ValueError, match="last ones are 20 of 'a' and 16 of 'b'"):
        matched(a, run("b", {16: 0.1}), "epoch")


def test_by_loss_the_nearest_of_which_one_ends_its_run_is_compared():
    # Both begin at a loss of 0.9, which would match best of all and means nothing.
    a = run("a", {0: 0.9, 5: 0.3, 10: 0.12, 20: 0.05})
    b = run("b", {0: 0.9, 5: 0.5, 10: 0.2, 20: 0.11})
    assert matched(a, b, "loss")[0] == [(10, 20)]
    assert matched(b, a, "loss")[0] == [(20, 10)]
    assert matched(a, b, "none")[0] == [(20, 20)]
    _, single = matched(run("a", {20: 0.1}), run("b", {20: 0.2}), "loss")
    assert "there was no choice" in single.words


def test_losses_are_not_matched_between_strangers():
    a = [*run("a", {20: 0.1}, seed=0), *run("a", {20: 0.1}, seed=1)]
    b = [*run("b", {20: 0.1}, seed=2), *run("b", {20: 0.1}, seed=3)]
    assert not match_runs(a, b, names=("a", "b"), how="epoch").paired
    with pytest.raises(ValueError, match=r"'a' and 'b' share; got 0, 1 and 2, 3"):
        match_runs(a, b, names=("a", "b"), how="loss")


def test_runs_without_a_partner_are_left_out_of_pairs():
    a = [c for s in range(4) for c in run("a", {20: 0.1}, seed=s)]
    b = [c for s in (3, 1, 2, 5) for c in run("b", {20: 0.1}, seed=s)]
    found = match_runs(a, b, names=("a", "b"), how="epoch")
    assert found.paired
    assert [c.seed for c in found.runs] == [c.seed for c in found.baseline_runs] == [1, 2, 3]


def test_two_checkpoints_of_one_seed_and_epoch_are_refused():
    a = [*run("a", {20: 0.1}), *run("a2", {20: 0.1})]
    with pytest.raises(ValueError, match="one checkpoint of each seed and epoch"):
        match_runs(a, run("b", {20: 0.1}), names=("a", "b"), how="epoch")
