"""Every pass over the examples goes on with smaller batches where memory ends, or says why not."""

import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.testing import assert_close

import landscape
from landscape.analysis.fidelity.measure import walk
from landscape.analysis.opening import make_target
from landscape.analysis.progress import quiet
from landscape.analysis.surface.measure import make_joint_measure, make_measure
from landscape.analysis.target_settings import TargetSettings
from landscape.curvature.operators import make_operator
from landscape.curvature.perturbation import (
    PairedRise,
    example_losses,
    noise_like,
)
from landscape.curvature.smoothing import expected_rise
from landscape.data.choice import Choice
from landscape.data.choosing import source_of
from landscape.data.dataset import cut
from landscape.linalg.linear_map import DiagonalMap
from landscape.objective.losses import cross_entropy, mse
from landscape.objective.pair import Loss
from landscape.objective.risk import EmpiricalRisk
from landscape.second_opinion import pyhessian_trace

METRICS = [Loss("squares", mse)]


class Room:
    """A loss for which memory ends at more than ``limit`` examples at once."""

    def __init__(self):
        self.limit = 100

    def __call__(self, outputs, targets):
        if len(targets) > self.limit:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return cross_entropy(outputs, targets)


def network(*, normed=False):
    torch.manual_seed(0)
    middle = [nn.BatchNorm1d(4)] if normed else []
    return nn.Sequential(nn.Linear(3, 4), nn.Tanh(), *middle, nn.Linear(4, 2)).double().eval()


def examples(rng):
    return (
        torch.randn(23, 3, generator=rng, dtype=torch.float64),
        torch.randint(0, 2, (23,), generator=rng),
    )


def make_risk(rng, model, **settings):
    return EmpiricalRisk(model, Loss("room", Room()), cut(*examples(rng), 20), **settings)


def a_step(risk):
    return 0.1 * noise_like(risk, torch.Generator().manual_seed(1))


def _joint(risk):
    measure = make_joint_measure(risk, metrics=METRICS, recalibrate=False)
    points = measure(torch.stack([risk.theta, risk.theta + a_step(risk)]))
    return torch.tensor([list(values.values()) for values in points])


def _point(risk):
    measure = make_measure(risk, metrics=METRICS, recalibrate=False)
    return torch.tensor(list(measure(risk.theta).values()))


def _smoothed(risk):
    rng = torch.Generator().manual_seed(1)
    scale = DiagonalMap(torch.ones_like(risk.theta))
    return expected_rise(risk, scale, (0.1,), num_pairs=2, rng=rng)[0].rise.mean


def _numbers(estimates):
    return torch.tensor([(e.mean, e.error) for e in estimates])


PASSES = {
    "losses of examples": lambda risk: example_losses(risk, risk.theta),
    "loss and gradient": lambda risk: risk.loss_and_gradient(),
    "a paired rise": lambda risk: _numbers([PairedRise(risk).at(a_step(risk))]),
    "both sides of a direction": lambda risk: _numbers(
        walk(PairedRise(risk), a_step(risk), (1.0, 2.0)).plus
    ),
    "a smoothed loss": _smoothed,
    "a point of a surface": _point,
    "points of a surface together": _joint,
}


@pytest.mark.parametrize("name", PASSES)
def test_a_pass_that_runs_out_of_memory_goes_on_with_smaller_batches(name, rng):
    risk = make_risk(rng, network())
    expected = PASSES[name](risk)
    risk.objective.function.limit = 6
    with pytest.warns(RuntimeWarning, match="going on with batches of"):
        found = PASSES[name](risk)
    assert [len(b.targets) for b in risk.batches] == [5, 5, 5, 5, 3]
    assert_close(found, expected, rtol=1e-12, atol=1e-14)


def test_memory_that_ends_between_two_passes_leaves_each_example_its_place(rng):
    risk = make_risk(rng, network())
    step = a_step(risk)
    expected = PairedRise(risk).differences(step)
    paired = PairedRise(risk)
    risk.objective.function.limit = 7
    with pytest.warns(RuntimeWarning, match="going on with batches of"):
        assert_close(paired.differences(step), expected, rtol=0, atol=1e-15)


@pytest.mark.parametrize("name", sorted(PASSES.keys() - {"points of a surface together"}))
def test_batches_that_batch_norm_couples_are_refused_instead(name, rng):
    risk = make_risk(rng, network(normed=True), batch_norm="train")
    risk.objective.function.limit = 6
    with pytest.raises(ValueError, match="batches of 20, which cannot be made smaller with --bn t"):
        PASSES[name](risk)


def test_batches_that_norms_without_statistics_couple_are_refused_too(rng):
    model = network(normed=True)
    model[2] = nn.BatchNorm1d(4, track_running_stats=False).double()
    risk = make_risk(rng, model)
    risk.objective.function.limit = 6
    with pytest.raises(ValueError, match="cannot be made smaller with batch norm without running"):
        risk.evaluate()
    with pytest.raises(ValueError, match=r"coupled by batch norm without running.*--bn eval"):
        make_operator(risk, "fisher") @ risk.theta


def test_batches_of_recalibrated_statistics_are_refused_too(rng):
    risk = make_risk(rng, network(normed=True))
    measure = make_measure(risk, metrics=[], recalibrate=True)
    risk.objective.function.limit = 6
    with pytest.raises(ValueError, match="cannot be made smaller with --bn-recalibrate"):
        measure(risk.theta)
    assert [len(b.targets) for b in risk.batches] == [20, 3]


def test_pyhessian_goes_on_as_well(rng):
    room, (x, y) = Room(), examples(rng)
    data, loss = (
        source_of((x.float(), y), Choice(split="train", examples="all", seed=0)),
        Loss("room", room),
    )
    target = make_target(network(), loss, data, TargetSettings(batch_size=20), label="net")
    expected = pyhessian_trace(target, progress=quiet)
    room.limit = 6
    with pytest.warns(RuntimeWarning, match="going on with batches of"):
        found = pyhessian_trace(target, progress=quiet)
    assert found.trace.mean == pytest.approx(expected.trace.mean, rel=1e-5)
    assert found.num_matvecs == expected.num_matvecs


def _address_space():
    return int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()


def _in_little_memory():
    """The norm of a difference of gradients: with memory enough, and where it really ends."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 4096), nn.Tanh(), nn.Linear(4096, 2))
    x, y = torch.randn(4096, 4), torch.randint(0, 2, (4096,))
    loss = Loss("cross-entropy", cross_entropy)
    large, small = (EmpiricalRisk(model, loss, cut(x, y, size)) for size in (4096, 256))
    expected = small.gradient()
    held = [_address_space()]
    while held[0] == _address_space():  # what was freed before and malloc kept is no room
        held.append(torch.empty(64 << 20, dtype=torch.uint8))
    limit = _address_space() + (100 << 20)  # a layer's activations are 64 MiB
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    with pytest.warns(RuntimeWarning, match="going on with batches of"):
        found = large.gradient()
    return float((found - expected).norm() / expected.norm())


@pytest.mark.skipif(sys.platform != "linux", reason="limits memory as Linux does")
def test_memory_that_really_ends():
    """In a process of its own: a limit cannot be taken back, and what other tests freed is room."""
    env = os.environ | {"PYTHONPATH": str(Path(landscape.__file__).parents[1])}
    ran = subprocess.run(
        [sys.executable, __file__], capture_output=True, text=True, env=env, check=False
    )
    assert ran.returncode == 0, ran.stderr
    assert float(ran.stdout) < 1e-5


def test_whole_analyses_end_with_the_same_numbers(rng):
    room, data = Room(), examples(rng)
    names = ["preflight", "sharpness", "line", "fidelity"]

    def found():
        return landscape.analyze(
            network(normed=True), room, data, only=names, budget="quick", dtype="float64"
        ).results

    expected = found()
    room.limit = 9
    with pytest.warns(RuntimeWarning, match="going on with batches of"):
        smaller = found()
    assert [c.status for c in smaller["preflight"].checks] == [
        c.status for c in expected["preflight"].checks
    ]
    assert_close(smaller["line"].losses, expected["line"].losses, rtol=1e-10, atol=0)
    rows = zip(smaller["sharpness"].rows, expected["sharpness"].rows, strict=True)
    assert_close(*zip(*((a.value, b.value) for a, b in rows), strict=True), rtol=1e-6, atol=1e-12)
    rows = zip(smaller["fidelity"].directions, expected["fidelity"].directions, strict=True)
    assert_close(*zip(*((a.plus, b.plus) for a, b in rows), strict=True), rtol=1e-6, atol=1e-12)


if __name__ == "__main__":
    print(_in_little_memory())
