"""A spike that rounding decides: two precisions, two matrices, and what a spectrum says of it."""

import copy
from dataclasses import replace

import numpy as np
import pytest
import torch
from command_line import invoke
from drawn import drawn
from torch import nn

from landscape.analysis.opening import make_target, target_in_memory
from landscape.analysis.progress import quiet
from landscape.analysis.spectrum.run import spectrum
from landscape.analysis.spectrum.settings import SpectrumSettings
from landscape.analysis.target_settings import TargetSettings
from landscape.objective.losses import mse
from landscape.objective.pair import Loss
from landscape.objective.risk import EmpiricalRisk
from landscape.page.material import gather
from landscape.report.sections.eigenvalue_tables import eigenvalue_table
from landscape.snn.model import SpikingMLP

ENDS = SpectrumSettings(
    operator="hessian",
    num_largest=3,
    num_smallest=1,
    tol=1e-4,
    num_probes=2,
    num_steps=5,
    max_matvecs=200,
)


def _net(factor=1.0):
    """0.9 + 0.1, as float32 has them, is 1 in float32 and 2e-8 less in float64: there is no spike.

    ``factor`` moves these membranes away from the threshold.
    """
    model = SpikingMLP((3, 4, 2))
    torch.manual_seed(0)
    with torch.no_grad():
        model.linears[0].weight.copy_(factor * torch.tensor([0.9, 0.1, 0.0]))
        model.linears[1].weight.uniform_(0.2, 0.5)
    return model


def _data():
    inputs = torch.rand(12, 3, generator=torch.Generator().manual_seed(1))
    inputs[0] = 1
    return inputs, torch.arange(12) % 2


def _target(model, dtype="float32", **settings):
    asked = TargetSettings(dtype=dtype, batch_size=5, **settings)
    return make_target(model, Loss("mse", mse), drawn(*_data(), 2), asked, label="made")


def _spectrum(model, settings=ENDS, **target):
    return spectrum(_target(model, **target), settings=settings, progress=quiet)


def _dense_in_float64(model):
    """The double-backward matrix of the loss in float64."""
    wide, (inputs, targets) = copy.deepcopy(model).double(), _data()
    weights = list(wide.parameters())
    onehot = nn.functional.one_hot(targets).double()
    loss = (wide(inputs.double()) - onehot).square().mean()
    gradient = nn.utils.parameters_to_vector(torch.autograd.grad(loss, weights, create_graph=True))
    rows = [
        nn.utils.parameters_to_vector(
            torch.autograd.grad(g, weights, retain_graph=True, materialize_grads=True)
        )
        for g in gradient
    ]
    return torch.stack(rows)


@pytest.mark.parametrize(("scale", "decay"), [("none", 0.0), ("filter", 0.1)])
def test_it_is_told_with_the_value_of_the_dense_matrix_in_float64(scale, decay):
    model = _net()
    found = _spectrum(model, replace(ENDS, scale=scale, weight_decay=decay))
    v = found.eigenpairs.vectors[0].double()
    A = _dense_in_float64(model) + decay * torch.eye(len(v), dtype=torch.float64)
    if scale == "filter":
        norms = [
            w.detach().double().norm(dim=1).repeat_interleave(w.shape[1])
            for w in model.parameters()
        ]
        S = torch.cat(norms)
        A = S[:, None] * A * S
    ends = found.eigenvalues
    # Float32 makes v a unit vector to 1e-7 only; the quotient divides by what it is.
    assert ends.largest_in_float64 == pytest.approx(float(v @ A @ v / (v @ v)), rel=1e-12)
    assert ends.rounding_decides
    assert f"in float64 vᵀAv of λ_max is {ends.largest_in_float64:.6g}" in ends.of_rounding
    assert ends.num_matvecs == found.trace.num_matvecs + 1 == ends.provenance.num_matvecs
    table = eigenvalue_table(gather([ends], None), ends.operator, "", [ends])
    assert f"made: {ends.of_rounding}." in table.note


def test_where_no_membrane_is_near_the_threshold_nothing_is_told():
    found = _spectrum(_net(1.2)).eigenvalues
    # The rounding of float32's sums over 12 examples of 20 weights.
    assert found.largest_in_float64 == pytest.approx(found.largest[0].value, rel=1e-5)
    assert found.of_rounding == ""


@pytest.mark.parametrize(
    ("model", "operator", "dtype"),
    [
        (nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2)), "hessian", "float32"),
        (_net(), "smooth-hessian", "float32"),
        (_net(), "hessian", "float64"),
    ],
    ids=["without spikes", "smooth spikes", "in float64"],
)
def test_it_is_asked_of_spikes_in_float32_alone(model, operator, dtype):
    found = _spectrum(model, replace(ENDS, operator=operator), dtype=dtype)
    ends = found.eigenvalues
    assert (ends.largest_in_float64, ends.no_float64, ends.of_rounding) == (None, "", "")
    assert ends.num_matvecs == found.trace.num_matvecs


class _Within(nn.Module):
    def __init__(self, prepare):
        super().__init__()
        self.net, self.prepare = _net(), prepare

    def forward(self, x):
        return self.net(self.prepare(x))


@pytest.mark.parametrize(
    ("prepare", "reason"),
    [
        (lambda x: x + 0.01 * torch.rand_like(x), "draws other random numbers"),
        (lambda x: x.float(), "does not compute in float64"),
    ],
)
def test_where_float64_is_another_function_the_reason_stands(prepare, reason):
    found = _spectrum(_Within(prepare))
    ends = found.eigenvalues
    assert ends.largest_in_float64 is None
    assert reason in ends.no_float64
    assert ends.of_rounding == f"whether rounding decides a spike is not known: {ends.no_float64}"
    assert ends.num_matvecs == found.trace.num_matvecs


def test_batches_that_are_read_again_are_left_as_they_are():
    inputs, targets = _data()
    batches = [(inputs[:7], targets[:7]), (inputs[7:], targets[7:])]
    settings = TargetSettings(keep="reread")
    target = target_in_memory(_net(), Loss("mse", mse), batches, settings)
    ends = spectrum(target, settings=ENDS, progress=quiet).eigenvalues
    assert "read again at each pass" in ends.no_float64


def test_without_the_memory_for_it_the_spectrum_stands(monkeypatch):
    target = _target(_net())

    def full(*_):
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(EmpiricalRisk, "in_dtype", full)
    ends = spectrum(target, settings=ENDS, progress=quiet).eigenvalues
    assert ends.no_float64 == "memory does not hold it in float64"
    assert ends.largest[0].converged


def test_eigenvalues_and_look_say_it_in_words(tmp_path):
    inputs, targets = _data()
    np.savez(tmp_path / "xy.npz", x=inputs.numpy(), y=targets.numpy())
    torch.save(_net().state_dict(), tmp_path / "net.pth")
    (tmp_path / "nets.py").write_text(
        "from landscape.snn.model import SpikingMLP\nmake = lambda: SpikingMLP((3, 4, 2))\n"
    )
    named = ["--model", f"{tmp_path / 'nets.py'}:make", "--data", tmp_path / "xy.npz"]
    for command in ("eigenvalues", "look"):
        told = invoke(command, tmp_path / "net.pth", *named, "--loss", "mse").stdout
        assert "rounding decides a spike; use --dtype float64" in " ".join(told.split())
