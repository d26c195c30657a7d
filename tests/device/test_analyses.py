"""Whole analyses on a device beside the CPU: the CPU's numbers."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.testing import assert_close

from landscape.analysis.budget import BUDGETS
from landscape.analysis.fidelity.run import fidelity
from landscape.analysis.fidelity.settings import FidelitySettings
from landscape.analysis.forecast import forecast
from landscape.analysis.preflight.run import preflight
from landscape.analysis.progress import quiet
from landscape.analysis.sharpness.run import sharpness
from landscape.analysis.sharpness.settings import SharpnessSettings
from landscape.analysis.suite import run_analysis
from landscape.analysis.suite_settings import SuiteSettings
from landscape.analysis.surface.course import (
    between_course,
    bezier_course,
    file_course,
    random_course,
    trajectory_course,
)
from landscape.analysis.surface.eigenvector import eigenvector_course
from landscape.analysis.surface.run import loss_line, loss_plane
from landscape.analysis.surface.settings import SurfaceSettings
from landscape.objective.losses import mse
from landscape.objective.pair import Loss
from landscape.second_opinion import pyhessian_eigenvalues, pyhessian_trace
from landscape.snn.adapters import EvalMode
from landscape.surface.direction_files import save_directions

AXIS = np.array([-1.0, 0.0, 0.5])
PLAIN = SurfaceSettings()
QUICK = SuiteSettings(budget=BUDGETS["quick"])


@pytest.mark.parametrize(("kind", "dtype"), [("convolutional", "float32"), ("spiking", "float64")])
def test_preflight(kind, dtype, on_both):
    here, there = (
        preflight(t, operator_name="hessian", progress=quiet) for t in on_both(kind, dtype=dtype)
    )
    assert [(c.name, c.status) for c in there.checks] == [(c.name, c.status) for c in here.checks]


def test_every_measure_of_sharpness(on_both):
    settings = SharpnessSettings(
        radii=(0.03,), ball_radii=(0.01,), num_pairs=2, num_restarts=2, num_steps=2, num_probes=2
    )
    both = on_both("convolutional")
    here, there = (sharpness(t, settings=settings, progress=quiet) for t in both)
    assert len({row.name for row in here.rows}) == 8
    for a, b in zip(here.rows, there.rows, strict=True):
        assert b.value == pytest.approx(a.value, rel=1e-6, abs=1e-10)


@pytest.mark.parametrize("kind", ["dense", "spiking"])
def test_fidelity(kind, on_both):
    settings = FidelitySettings(
        radii=(0.01,), num_top=1, num_bottom=0, num_random=1, num_filter=1, max_matvecs=9,
        **({"slopes": (2.0,), "smoothing_radius": None} if kind == "spiking" else {}),
    )  # fmt: skip
    here, there = (fidelity(t, settings=settings, progress=quiet) for t in on_both(kind))
    for a, b in zip(here.directions, there.directions, strict=True):
        assert b.curvatures == pytest.approx(a.curvatures, rel=1e-4, abs=1e-6)
        assert b.plus == pytest.approx(a.plus, rel=1e-4, abs=1e-10)


def test_layers(on_both):
    suite = SuiteSettings(budget=BUDGETS["standard"])  # the least that has their eigenvalues
    here, there = (run_analysis("layers", t, suite, {}, quiet)["layers"] for t in on_both("dense"))
    for a, b in zip(here.rows, there.rows, strict=True):
        assert b.largest.value == pytest.approx(a.largest.value, rel=1e-3)


def _line(target, course, settings=PLAIN):
    return loss_line(target, course=course, axis=AXIS, settings=settings, progress=quiet).losses


def _random(target, dimensions=1):
    return random_course(target, dimensions=dimensions, normalisation="filter")


def _top(target):
    return eigenvector_course(
        target, "hessian", ranks=[1], normalisation="none", tol=1e-9, max_matvecs=99, progress=quiet
    )


def test_lines(on_both, tmp_path):
    here, there = on_both("dense")
    for make in (_random, _top):
        assert_close(_line(there, make(there)), _line(here, make(here)))
    save_directions(tmp_path / "d.safetensors", _top(there).raw, there.risk.layout)
    again = file_course(there, tmp_path / "d.safetensors", dimensions=1, normalisation="none")
    assert_close(_line(there, again), _line(here, _top(here)))


def test_lines_with_metrics_curvature_and_recalibrated_batch_norm(on_both):
    settings = SurfaceSettings(recalibrate=True, metrics=(Loss("squares", mse),), operator="ggn")
    here, there = on_both("convolutional")
    assert_close(_line(there, _random(there), settings), _line(here, _random(here), settings))


def test_paths_between_checkpoints(on_both):
    starts, ends = on_both("convolutional"), on_both("convolutional", seed=1)
    for make in (
        between_course,
        lambda a, b: bezier_course(a, b, num_steps=2, learning_rate=0.1, progress=quiet),
    ):
        here, there = (_line(a, make(a, b)) for a, b in zip(starts, ends, strict=True))
        assert_close(there, here)


def test_planes_and_trajectories(on_both):
    found = []
    for target in on_both("dense"):
        theta = target.risk.theta
        steps = torch.eye(len(theta), dtype=theta.dtype)[:2].to(theta)
        courses = [
            _random(target, dimensions=2),
            trajectory_course(target, [theta + 2 * steps[0], theta + steps[1], theta]),
        ]
        found.append(
            [
                loss_plane(
                    target, course=c, x_axis=AXIS, y_axis=AXIS, settings=PLAIN, progress=quiet
                ).losses
                for c in courses
            ]
        )
    here, there = found
    assert_close(there[0], here[0])
    # A principal component's sign is arbitrary, but for rounding the same.
    assert_close(there[1], here[1])


def test_pyhessian(on_both):
    here, there = on_both("dense", dtype="float32")
    a, b = (pyhessian_eigenvalues(t, num_eigenvalues=1, progress=quiet) for t in (here, there))
    assert b.largest[0].value == pytest.approx(a.largest[0].value, rel=1e-3)
    assert pyhessian_trace(there, progress=quiet).num_probes > 1


def test_a_forecast(on_both):
    _, there = on_both("dense")
    (line,) = forecast(there, QUICK, ["spectrum"])
    assert line.seconds > 0


class _Trapped(nn.Module):
    """A neuron as in SpikingJelly up to 0.0.0.0.15, with a weight: no gradient in eval mode."""

    v_threshold = 1.0

    def __init__(self):
        super().__init__()
        self.w = nn.Parameter(torch.ones(()))

    def forward(self, x):
        return x * self.w if self.training else (x * self.w).detach()


def test_neurons_without_a_gradient_in_eval_mode_are_found(device, monkeypatch):
    monkeypatch.setattr(_Trapped, "__module__", "spikingjelly.activation_based.neuron")
    model = nn.Sequential(nn.Linear(2, 2), _Trapped()).to(device)
    mode = EvalMode(model)
    mode.enter()
    assert "kept in train mode" in mode.notes[0]
    assert model[1].training
