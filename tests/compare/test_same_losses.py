"""Networks with the same losses look like the same functions: no difference is one of minima."""

import copy
from dataclasses import replace

import pytest
import torch
from compared_results import PROVENANCE, checkpoints, group
from drawn import drawn
from symmetric_networks import NETWORKS

from landscape.analysis.opening import make_target
from landscape.analysis.target_settings import TargetSettings
from landscape.compare.run import compare
from landscape.compare.same_losses import ROUNDING, have_same_losses
from landscape.compare.settings import CompareSettings
from landscape.curvature.symmetry.find import symmetries_of
from landscape.curvature.symmetry.moves import moves_of
from landscape.objective.losses import cross_entropy
from landscape.objective.pair import Loss
from landscape.results import Preflight
from landscape.results.fingerprint import StoredRounding

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


def examples():
    rng = torch.Generator().manual_seed(0)
    return torch.randn(60, *NETWORKS["encoder"][1], generator=rng), torch.arange(60) % 3


def trained(seed):
    torch.manual_seed(seed)
    (x, y), net = examples(), NETWORKS["encoder"][0]()
    optimizer = torch.optim.Adam(net.parameters(), lr=0.02)
    for _ in range(15):
        optimizer.zero_grad()
        cross_entropy(net(x), y).mean().backward()
        optimizer.step()
    with torch.no_grad():
        net.head.weight.mul_(10)  # sure of itself, so that its loss is as large as its logits
    return net.eval()


def target_of(net, label):
    loss = Loss("cross-entropy", cross_entropy)
    digest = label.encode().hex()
    settings = TargetSettings(dtype="float64")
    return make_target(
        net, loss, drawn(*examples(), 60), settings, label=label, checkpoint_sha256=digest
    )


def moved(net, seed):
    """By matrices in attention, which few bits do not hold."""
    risk, rng = target_of(net, "whole").risk, torch.Generator().manual_seed(seed)
    (move,) = (m for m in moves_of(symmetries_of(risk)) if m.kind == "GL(r) of attention")
    other = copy.deepcopy(net)
    other.load_state_dict({**other.state_dict(), **move.of(risk.values, rng)})
    return other


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], ids=str)
def test_copies_that_are_saved_in_few_bits_are_one_function_still(dtype):
    """Their losses differ by what rounding does to them, and other runs by far more."""

    def analysed(net, label):
        subject = target_of(copy.deepcopy(net).to(dtype).float(), label).subject
        return Preflight(subject=subject, provenance=PROVENANCE, checks=())

    nets = [trained(seed) for seed in range(5)]
    kept = checkpoints([analysed(net, f"kept-s{seed}") for seed, net in enumerate(nets)])
    copies = checkpoints(
        [analysed(moved(net, seed), f"copy-s{seed}") for seed, net in enumerate(nets)]
    )
    assert have_same_losses(kept, copies, paired=True)
    assert have_same_losses(kept[1:], copies, paired=False)
    assert not have_same_losses(kept, [*copies[1:], copies[0]], paired=True)
    bare = [replace(c, subject=replace(c.subject, stored_rounding=None)) for c in (*kept, *copies)]
    assert not have_same_losses(bare[:5], bare[5:], paired=True)


def test_where_rounding_moves_losses_as_far_as_runs_differ_nothing_is_told():
    rounding = StoredRounding(bits=8, draws=4, loss=0.02, first_loss=0.02, accuracy=0.01)
    others = [1.001 * loss for loss in OF_RUNS]
    both = [
        checkpoints(
            [
                replace(r, subject=replace(r.subject, stored_rounding=rounding))
                for r in runs(init, losses)
            ]
        )
        for init, losses in (("ikun_v1", others), ("kaiming", OF_RUNS))
    ]
    assert not have_same_losses(*both, paired=True)
    assert not have_same_losses(*both, paired=False)
