"""Networks with the same losses look like the same functions: no difference is one of minima."""

from dataclasses import replace

import pytest
from compared_results import checkpoints, group

from landscape.compare.run import compare
from landscape.compare.same_losses import ROUNDING, have_same_losses
from landscape.compare.settings import CompareSettings

SETTINGS = CompareSettings(baseline="kaiming", num_resamples=400)
OF_RUNS = [0.1 * 1.02**s for s in range(6)]
ALIKE = 1 + 0.5 * ROUNDING


def runs(init, losses, factor=1.0):
    """Runs of a curvature, and with these losses."""
    per_run = len(group(init, [1.0]))
    results = group(init, [factor * (1 + 0.01 * s) for s in range(len(losses))])
    return [
        replace(r, subject=replace(r.subject, loss=losses[i // per_run]))
        for i, r in enumerate(results)
    ]


def judged(losses, *, primary=None, factor=8.0):
    results = [*runs("ikun_v1", losses, factor), *runs("kaiming", OF_RUNS)]
    return compare(results, settings=replace(SETTINGS, primary=primary))


def test_a_difference_between_networks_that_agree_is_no_verdict():
    """As of copies that were moved along a symmetry which is not found: 8 times as sharp."""
    found = judged([ALIKE * loss for loss in OF_RUNS])
    (pair,) = found.pairs
    top, rise = pair.measures
    assert (pair.verdict, top.verdict, rise.verdict) == ("undecided",) * 3
    assert top.p_holm <= 0.05
    assert "look like the same functions, moved along a symmetry" in pair.reason
    assert "--pairs" in pair.reason
    assert any("agree to rounding, run by run" in note for note in found.notes)


def test_what_no_invariance_is_claimed_of_differs_between_them():
    found = judged([ALIKE * loss for loss in OF_RUNS], primary="lambda_max hessian")
    (pair,) = found.pairs
    (raw,) = (m for m in pair.measures if m.measure == "lambda_max hessian")
    assert (raw.verdict, pair.verdict) == ("sharper", "undecided")


@pytest.mark.parametrize("losses", [[1.01 * loss for loss in OF_RUNS], OF_RUNS[::-1]])
def test_other_losses_leave_the_verdict(losses):
    found = judged(losses)
    assert found.pairs[0].verdict == "sharper"
    assert not any("agree to rounding" in note for note in found.notes)


def test_copies_are_equivalent_still():
    assert judged([ALIKE * loss for loss in OF_RUNS], factor=1.0).pairs[0].verdict == "equivalent"


@pytest.mark.parametrize("losses", [[0.0] * 6, [2.302585] * 6, [2.302585] * 5 + [1.0]])
def test_losses_that_all_runs_share_tell_nobody_apart(losses):
    """Of 0 where examples are fitted exactly, of a constant guess where nothing fires."""
    both = [checkpoints(runs(init, losses)) for init in ("ikun_v1", "kaiming")]
    assert not have_same_losses(*both, paired=True)


def test_runs_of_unknown_seeds_are_set_against_each_other_by_their_losses():
    a, b = (checkpoints(runs(init, OF_RUNS)) for init in ("ikun_v1", "kaiming"))
    assert have_same_losses(a[::-1], b, paired=False)
    assert not have_same_losses(a[::-1], b, paired=True)
    assert have_same_losses(a[1:], b, paired=False)
    assert have_same_losses(a, b[2:], paired=False)


@pytest.mark.parametrize(("num_others", "same"), [(1, True), (2, True), (3, False)])
def test_most_runs_say_it(num_others, same):
    """Of a few the losses differ more: where they are small, or a bias has moved as well."""
    losses = [*(1.001 * loss for loss in OF_RUNS[:num_others]), *OF_RUNS[num_others:]]
    both = [checkpoints(runs(*of)) for of in (("ikun_v1", losses), ("kaiming", OF_RUNS))]
    assert have_same_losses(*both, paired=True) is same
