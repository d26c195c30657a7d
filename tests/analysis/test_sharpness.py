"""Sharpness measures under rescalings of the weights that leave the function as it is."""

import math
from dataclasses import replace

import pytest
import torch
from drawn import drawn
from torch import nn

from landscape.analysis.opening import make_target
from landscape.analysis.progress import quiet
from landscape.analysis.sharpness.relative import last_weights, relative_flatness
from landscape.analysis.sharpness.run import sharpness
from landscape.analysis.sharpness.settings import SharpnessSettings
from landscape.analysis.target_settings import TargetSettings
from landscape.catalog import MEASURES
from landscape.catalog.measures import SAMPLED
from landscape.curvature.hessian import HessianOperator
from landscape.curvature.operators import make_operator
from landscape.objective.losses import cross_entropy
from landscape.objective.pair import Loss
from landscape.results import (
    Eigenvalues,
    OperatorSpec,
    Trace,
    load_result,
    make_measure,
    save_result,
)
from landscape.values import Eigenvalue, Estimate

SMALL = SharpnessSettings(
    radii=(0.02, 0.1),
    ball_radii=(0.01,),
    num_pairs=3,
    num_restarts=2,
    num_steps=4,
    num_probes=200,
    num_layers=1,
)


@torch.no_grad()
def _examples(model: nn.Module):
    """Inputs with the labels that ``model`` gives them, so that there is accuracy to lose."""
    x = torch.randn(40, 4, generator=torch.Generator().manual_seed(7))
    y = model(x.double()).argmax(1)
    return drawn(x, y, 3)


def _target(model: nn.Module):
    settings = TargetSettings(dtype="float64", batch_size=16)
    loss = Loss("cross-entropy", cross_entropy)
    return make_target(model, loss, _examples(model), settings, label="net")


def _relu_net() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 3)).double()


def _norm_net() -> nn.Sequential:
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(4, 6, bias=False), nn.BatchNorm1d(6), nn.Tanh(), nn.Linear(6, 3))
    net = net.double()
    net[1].running_mean.normal_(0, 0.1)
    net[1].running_var.uniform_(0.5, 1.5)
    return net.eval()


@torch.no_grad()
def _rescaled(kind: str) -> tuple[nn.Module, nn.Module]:
    """A network, and the same function with other weights."""
    if kind == "batch-norm":
        net, other = _norm_net(), _norm_net()
        factors = torch.tensor([0.3, 2.0, 5.0, 0.7, 1.5, 10.0]).double()
        norm = other[1]
        other[0].weight.mul_(factors[:, None])
        norm.running_mean.mul_(factors)
        norm.running_var.copy_((norm.running_var + norm.eps) * factors**2 - norm.eps)
        return net, other
    net, other = _relu_net(), _relu_net()
    factors = torch.tensor([4.0] * 6 if kind == "relu" else [0.3, 2.0, 5.0, 0.7, 1.5, 8.0]).double()
    other[0].weight.mul_(factors[:, None])
    other[0].bias.mul_(factors)
    other[2].weight.div_(factors)
    return net, other


KINDS = ["batch-norm", "relu", "relu-unit"]


@pytest.fixture(scope="module", params=KINDS)
def pair(request):
    """Tables of a network and of its rescaled copy, and the kind of rescaling."""
    net, other = _rescaled(request.param)
    x = _examples(net).inputs.double()
    torch.testing.assert_close(net(x), other(x), rtol=1e-10, atol=1e-10)
    tables = [sharpness(_target(m), settings=SMALL, progress=quiet) for m in (net, other)]
    return request.param, *tables


def test_what_claims_invariance_has_it_and_what_does_not_lacks_it(pair):
    kind, table, other = pair
    moved = set()
    for row, twin in zip(table.rows, other.rows, strict=True):
        assert row.label == twin.label
        same = math.isclose(row.value, twin.value, rel_tol=1e-6, abs_tol=1e-12)
        if kind in row.invariant_under:
            assert same, row.label
        if not same:
            moved.add((row.name, row.scale))
    # Each measure that claims nothing is moved, so that the claim of the others says something.
    unclaimed = {
        (r.name, r.scale) for r in table.rows if kind not in r.invariant_under and r.name in SAMPLED
    }
    if kind == "batch-norm":
        unclaimed = {u for u in unclaimed if u[0] != "relative_flatness"}
    assert unclaimed <= moved


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("scale", ["none", "filter", "weight", "symmetry"])
def test_scaled_spectra_are_invariant_as_claimed(kind, scale):
    values = []
    for model in _rescaled(kind):
        A = make_operator(_target(model).risk, "hessian", scale=scale)
        matrix = torch.stack([A @ e for e in torch.eye(A.dim, dtype=A.dtype)])
        values.append(torch.linalg.eigvalsh(matrix))
    claims = make_measure("lambda_max", 1.0, None, scale=scale).invariant_under
    same = torch.allclose(values[0], values[1], rtol=1e-8, atol=1e-10)
    assert same == (kind in claims)


def test_every_row_says_what_it_is(pair):
    _, table, _ = pair
    assert {row.name for row in table.rows} == {*SAMPLED, "sam_first_order"}
    for row in table.rows:
        info = MEASURES[row.name]
        assert (row.formula, row.source, row.better) == (info.formula, info.source, info.better)
        assert row.stderr is None or row.stderr >= 0
        assert row.num_evaluations > 0


def test_table_survives_the_disk(pair, tmp_path):
    _, table, _ = pair
    save_result(table, tmp_path / "sharpness.json")
    assert load_result(tmp_path / "sharpness.json").record() == table.record()


def test_same_seed_same_table():
    one, two = (sharpness(_target(_relu_net()), settings=SMALL, progress=quiet) for _ in range(2))
    assert one.rows == two.rows


@pytest.mark.parametrize("name", ["0.weight", "2.weight"])
def test_relative_flatness_is_petzkas_sum(name):
    risk = _target(_relu_net()).risk
    layer = risk.select([name])
    W = layer.layout.split(layer.theta)[0]
    d, m = W.shape
    H = HessianOperator(layer)
    matrix = torch.stack([H @ e for e in torch.eye(d * m, dtype=H.dtype)]).view(d, m, d, m)
    exact = sum(
        float(W[r] @ W[s]) * float(matrix[r, :, s].trace()) for r in range(d) for s in range(d)
    )
    found = relative_flatness(risk, name, num_probes=400, rng=torch.Generator().manual_seed(0))
    assert abs(found.mean - exact) < 4 * found.stderr


def test_last_weights_skips_biases_and_norms():
    layout = _target(_norm_net()).risk.layout
    assert last_weights(layout, 1) == ("3.weight",)
    assert last_weights(layout, 5) == ("3.weight", "0.weight")


def test_batch_norm_parameters_alone_can_be_measured():
    target = _target(_norm_net())
    risk = target.risk.select(["1.weight", "1.bias"])
    settings = replace(SMALL, measures=("expected_rise", "worst_rise", "sam_rise"))
    table = sharpness(replace(target, risk=risk), settings=settings, progress=quiet)
    assert all(math.isfinite(row.value) for row in table.rows)
    filters = [r.value for r in table.find("expected_rise", scale="filter")]
    assert filters == pytest.approx([r.value for r in table.find("expected_rise", scale="weight")])


def _spectra(target):
    spec = OperatorSpec(name="hessian", num_params=10, scale="filter")
    header = {
        "subject": target.subject,
        "provenance": sharpness(
            target, settings=SharpnessSettings(measures=("relative_flatness",)), progress=quiet
        ).provenance,
        "operator": spec,
        "num_matvecs": 30,
    }
    top = Eigenvalue(value=3.0, residual=1e-4, converged=True)
    values = Eigenvalues(**header, largest=(top,), smallest=(top,), tol=1e-3, method="lanczos")
    estimate = Estimate(mean=5.0, stderr=0.5)
    trace = Trace(
        **header,
        trace=estimate,
        frobenius_norm=estimate,
        effective_rank=estimate,
        method="hutchinson",
        num_probes=10,
    )
    return values, trace


def test_spectra_join_the_table():
    target = _target(_relu_net())
    settings = SharpnessSettings(measures=("relative_flatness",), num_probes=2)
    table = sharpness(target, settings=settings, spectra=_spectra(target), progress=quiet)
    (top,) = table.find("lambda_max", scale="filter")
    # Its residual is the solver's: no error over examples, or over anything that was drawn.
    assert (top.value, top.stderr, top.invariant_under) == (3.0, None, ("batch-norm", "relu"))
    (mean,) = table.find("mean_curvature", scale="filter")
    assert (mean.value, mean.stderr) == (0.5, 0.05)


def test_spectra_of_another_checkpoint_are_refused():
    spectra = _spectra(_target(_norm_net()))
    settings = SharpnessSettings(measures=("relative_flatness",))
    with pytest.raises(ValueError, match="same examples"):
        sharpness(_target(_relu_net()), settings=settings, spectra=spectra, progress=quiet)


def test_tolerated_noise_is_left_out_without_classes():
    regression = replace(_examples(_relu_net()), targets=torch.randn(40, 3), num_classes=None)
    loss = Loss("mse", lambda outputs, targets: (outputs - targets).square().mean(1))
    target = make_target(
        _relu_net(), loss, regression, TargetSettings(dtype="float64"), label="net"
    )
    settings = replace(SMALL, measures=("tolerated_noise", "sam_rise"))
    table = sharpness(target, settings=settings, progress=quiet)
    assert {row.name for row in table.rows} == {"sam_rise", "sam_first_order"}


@pytest.mark.parametrize("rough", [0.0, 0.3])
def test_a_note_says_where_a_rise_does_not_clear_the_roughness(rough, tmp_path):
    def loss(outputs, targets):
        waves = torch.cos(1e5 * outputs).mean(1)
        return (outputs - 1).square().mean(1) + rough * waves

    target = make_target(
        _relu_net(),
        Loss("waves", loss),
        _examples(_relu_net()),
        TargetSettings(dtype="float64"),
        label="net",
    )
    settings = replace(SMALL, measures=("expected_rise", "radius_of_rise"), scales=("filter",))
    table = sharpness(target, settings=settings, progress=quiet)
    near, far = table.find("expected_rise", scale="filter")
    assert (near.base_radius, far.base_radius) == (0.02 / 3, 0.01)
    assert ("times the roughness" in near.note) == (rough > 0)
    assert (near.roughness > 1e-3) == (rough > 0)
    (radius,) = table.find("radius_of_rise", scale="filter")
    assert radius.note.startswith("the loss rises by ")
    save_result(table, tmp_path / "sharpness.json")
    assert load_result(tmp_path / "sharpness.json").rows == table.rows
