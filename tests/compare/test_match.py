"""Which checkpoint of a run is compared with which of the other."""

from dataclasses import replace

import pytest
from compared_results import analysed, checkpoints, subject

from landscape.compare.match import match_runs


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


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ("epoch", "at epoch 10;"),
        ("loss", "by the checkpoints nearest in loss, at epoch 10 against epoch 10"),
        ("none", "by the last checkpoint of each run, at epoch 10 against epoch 10"),
    ],
)
def test_words_go_on_after_was_compared(how, words):
    """And after "Runs paired by seed,": what stands before them is said elsewhere."""
    a, b = run("a", {10: 0.2}), run("b", {10: 0.25})
    assert matched(a, b, how)[1].words.startswith(words)


@pytest.mark.parametrize(
    ("seeds", "words"), [((0,), "at an unknown epoch;"), ((0, 1), "at unknown epochs;")]
)
def test_unknown_epochs_are_one_or_several(seeds, words):
    def group(name):
        return [
            one
            for seed in seeds
            for one in checkpoints(analysed(subject(name, seed, label=f"{name}-s{seed}")))
        ]

    def forgotten(one):
        return replace(one, subject=replace(one.subject, training=None))

    a, b = ([forgotten(one) for one in group(name)] for name in "ab")
    assert matched(a, b, "epoch")[1].words.startswith(words)
