"""Every operator against its dense matrix, built by an independent double backward."""

import pytest
import torch
from torch import nn
from torch.testing import assert_close

from landscape.curvature.ggn import GGNOperator
from landscape.curvature.hessian import HessianOperator
from landscape.curvature.operators import OPERATORS, make_operator
from landscape.curvature.scaling import ScaledOperator, filter_scale, weight_scale
from landscape.data.dataset import cut
from landscape.linalg.linear_map import DiagonalMap
from landscape.objective.at_theta import leaves
from landscape.objective.losses import mse, nll
from landscape.objective.pair import Loss
from landscape.objective.risk import EmpiricalRisk

# Sums of some hundred products in float64: errors far below this, wrong terms far above.
TOL = {"rtol": 1e-10, "atol": 1e-12}


def jacobian(values, tensors, layout):
    """J of flat ``values`` by one backward a row, shape (values, P)."""
    rows = [
        torch.autograd.grad(v, tensors, retain_graph=True, create_graph=True, allow_unused=True)
        for v in values.flatten()
    ]
    zeros = [torch.zeros_like(t) for t in tensors]
    return torch.stack(
        [
            layout.flatten([z if g is None else g for g, z in zip(r, zeros, strict=True)])
            for r in rows
        ]
    )


def dense_hessian(risk, batch):
    tensors, whole = leaves(risk.layout.split(risk.theta)), risk.on([batch])
    with whole.swapped(tensors):
        loss = whole.terms(0).mean()
        gradient = jacobian(loss.reshape(1), tensors, risk.layout)[0]
        return jacobian(gradient, tensors, risk.layout)


def dense_ggn(risk, batch):
    tensors, whole = leaves(risk.layout.split(risk.theta)), risk.on([batch])
    with whole.swapped(tensors):
        (outputs,) = whole.outputs(0)
        J = jacobian(outputs, tensors, risk.layout)
    curvature = torch.autograd.functional.hessian(
        lambda f: risk.objective.terms_of_outputs(f, batch).mean(), outputs.detach()
    )
    return J.T @ curvature.reshape(J.shape[0], J.shape[0]) @ J


def dense_fisher(risk, batch):
    tensors, whole = leaves(risk.layout.split(risk.theta)), risk.on([batch])
    with whole.swapped(tensors):
        G = jacobian(whole.terms(0).totals, tensors, risk.layout)
    return G.T @ G / risk.num_examples


REFERENCES = {"hessian": dense_hessian, "ggn": dense_ggn, "fisher": dense_fisher}


@pytest.mark.parametrize("name", REFERENCES)
@pytest.mark.parametrize("graph_budget", [None, 0], ids=["kept", "rebuilt"])
def test_operator_is_its_dense_matrix_on_ragged_batches(
    kind, name, graph_budget, make_risk, dense, whole_batch
):
    risk = make_risk(kind)
    operator = make_operator(risk, name, graph_budget=graph_budget)
    expected = REFERENCES[name](risk, whole_batch(risk))
    assert expected.abs().max() > 1e-3  # a zero matrix would pass for the wrong reason
    assert_close(dense(operator), expected.detach(), **TOL)


@pytest.mark.parametrize("name", OPERATORS)
def test_operator_is_symmetric(name, make_risk, dense):
    matrix = dense(make_operator(make_risk("spiking"), name))
    assert_close(matrix, matrix.T, **TOL)


@pytest.mark.parametrize("name", ["ggn", "fisher"])
def test_gauss_newton_and_fisher_are_positive_semidefinite(kind, name, make_risk, dense):
    values = torch.linalg.eigvalsh(dense(make_operator(make_risk(kind), name)))
    assert values.min() > -1e-12 * values.max()


def test_hessian_of_a_smooth_network_is_the_derivative_of_its_gradient(make_risk):
    risk = make_risk("smooth")
    H = HessianOperator(risk)
    v = torch.randn(risk.num_params, dtype=torch.float64)
    v /= v.norm()
    h = 1e-5  # truncation ~ h², rounding ~ eps/h: both near 1e-10
    difference = (risk.gradient(risk.theta + h * v) - risk.gradient(risk.theta - h * v)) / (2 * h)
    assert_close(H @ v, difference, rtol=0, atol=1e-8)


def test_smooth_hessian_is_the_derivative_of_the_smooth_twins_gradient(make_risk):
    from landscape.curvature.smooth import smooth_risk

    risk = make_risk("spiking")
    twin = smooth_risk(risk)
    v = torch.randn(risk.num_params, dtype=torch.float64)
    v /= v.norm()
    h = 1e-5
    difference = (twin.gradient(twin.theta + h * v) - twin.gradient(twin.theta - h * v)) / (2 * h)
    assert_close(make_operator(risk, "smooth-hessian") @ v, difference, rtol=0, atol=1e-8)
    assert risk.evaluate() != twin.evaluate()


def test_smooth_hessian_of_a_network_without_spikes_is_refused(make_risk):
    with pytest.raises(ValueError, match="no spiking neurons"):
        make_operator(make_risk("smooth"), "smooth-hessian")


def test_ggn_of_nll_on_log_probabilities_is_that_of_cross_entropy_on_logits(make_risk, dense):
    """Both name one loss; nll itself is linear in the log-probabilities."""
    logits = make_risk("smooth")
    model = nn.Sequential(*logits.model, nn.LogSoftmax(dim=-1))
    log_probabilities = EmpiricalRisk(model, Loss("nll", nll), logits.batches)
    G = dense(GGNOperator(logits))
    assert float(G.norm()) > 0.1
    assert_close(dense(GGNOperator(log_probabilities)), G)


def test_ggn_of_a_linear_model_with_squared_error_is_its_hessian(dense):
    model = torch.nn.Linear(3, 2).double()
    x, y = torch.randn(7, 3).double(), torch.randn(7, 2).double()
    risk = EmpiricalRisk(model, Loss("mse", mse), cut(x, y, 3))
    assert_close(dense(GGNOperator(risk)), dense(HessianOperator(risk)), **TOL)


@pytest.mark.parametrize("name", REFERENCES)
def test_unused_parameters_have_zero_curvature(name, dense):
    model = torch.nn.ModuleDict(
        {"used": torch.nn.Linear(3, 2), "unused": torch.nn.Linear(2, 2)}
    ).double()
    model.forward = lambda x: model["used"](x)  # noqa: PLW0108  (a module would be registered)
    x, y = torch.randn(5, 3).double(), torch.tensor([0, 1, 0, 1, 1])
    risk = EmpiricalRisk(model, Loss("mse", mse), cut(x, y, 2))
    matrix = dense(make_operator(risk, name))
    unused = risk.layout.slices["unused.weight"]
    assert matrix[unused].abs().max() == 0
    assert matrix[risk.layout.slices["used.weight"]].abs().max() > 0


def test_frozen_parameters_are_left_out_and_counted(dense, make_risk):
    risk = make_risk("smooth")
    whole = dense(HessianOperator(risk))
    risk.model[0].requires_grad_(False)
    rest = EmpiricalRisk(risk.model, risk.objective, risk.batches)
    assert rest.num_frozen == 25
    assert_close(dense(HessianOperator(rest)), whole[25:, 25:], **TOL)


def test_selected_parameters_give_the_diagonal_block(dense, make_risk):
    risk = make_risk("smooth")
    block = risk.select(["3.weight", "3.bias"])
    where = slice(risk.layout.slices["3.weight"].start, risk.layout.slices["3.bias"].stop)
    assert_close(dense(HessianOperator(block)), dense(HessianOperator(risk))[where, where], **TOL)


def test_weight_decay_and_scale_give_s_a_plus_wd_s(kind, dense, make_risk):
    risk = make_risk(kind)
    S = torch.diag(filter_scale(risk.layout, risk.theta))
    A = dense(HessianOperator(risk))
    operator = make_operator(risk, "hessian", scale="filter", weight_decay=0.3)
    assert_close(dense(operator), S @ (A + 0.3 * torch.eye(len(A)).double()) @ S, **TOL)


def test_batch_norm_in_train_mode_couples_examples_and_leaves_buffers_alone(make_risk, dense):
    risk = make_risk("smooth", batch_norm="train", batch_size=10)
    before = {n: b.clone() for n, b in risk.model.named_buffers()}
    H = dense(HessianOperator(risk))
    assert_close(H, H.T, **TOL)
    assert all(torch.equal(b, before[n]) for n, b in risk.model.named_buffers())
    assert not risk.model.training
    evaluated = dense(HessianOperator(make_risk("smooth", batch_size=10)))
    assert (H - evaluated).abs().max() > 1e-3


def test_fisher_refuses_losses_that_know_only_the_mean(make_risk):
    risk = make_risk("smooth")
    mean = Loss("mine", torch.nn.functional.cross_entropy)
    with pytest.raises(ValueError, match="one loss an example"):
        make_operator(EmpiricalRisk(risk.model, mean, risk.batches), "fisher") @ risk.theta


def test_hessian_through_fused_attention(dense):
    torch.manual_seed(0)
    attention = torch.nn.MultiheadAttention(4, 2, batch_first=True).double().eval()

    class Net(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.attention = attention

        def forward(self, x):
            return self.attention(x, x, x, need_weights=False)[0].mean(1)

    x, y = torch.randn(5, 3, 4).double(), torch.randn(5, 4).double()
    risk = EmpiricalRisk(Net().eval(), Loss("mse", mse), cut(x, y, 2))
    H = dense(HessianOperator(risk))
    assert_close(H, H.T, **TOL)


def _top(operator, dense):
    return torch.linalg.eigvalsh(dense(operator))[-1].item()


@pytest.mark.parametrize("scale", ["filter", "weight"])
def test_scaled_spectrum_is_blind_to_rescaling_before_batch_norm(scale, dense):
    """Filter i of the convolution times a_i, its running mean and deviation too: same function."""
    torch.manual_seed(0)
    model = torch.nn.Sequential(
        torch.nn.Linear(3, 4, bias=False), torch.nn.BatchNorm1d(4, eps=1e-30), torch.nn.Linear(4, 2)
    )
    model = model.double().eval()
    x, y = torch.randn(6, 3).double(), torch.tensor([0, 1, 1, 0, 1, 0])
    a = torch.tensor([0.1, 1.0, 3.0, 10.0]).double()

    def spectrum(scale_name):
        risk = EmpiricalRisk(model, Loss("mse", mse), cut(x, y, 4))
        return torch.linalg.eigvalsh(dense(make_operator(risk, "hessian", scale=scale_name)))

    raw, scaled = spectrum("none"), spectrum(scale)
    with torch.no_grad():
        model[0].weight.mul_(a[:, None])
        model[1].running_mean.mul_(a)
        model[1].running_var.mul_(a**2)
    assert_close(spectrum(scale), scaled, rtol=1e-8, atol=1e-12)
    assert (spectrum("none")[-1] / raw[-1] - 1).abs() > 0.05  # the plain one is not blind


def test_weight_scale_is_blind_to_rescaling_of_single_relu_units(dense):
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.ReLU(), torch.nn.Linear(4, 2))
    model = model.double()
    x, y = torch.randn(6, 3).double(), torch.tensor([0, 1, 1, 0, 1, 0])

    def top(scale):
        risk = EmpiricalRisk(model, Loss("mse", mse), cut(x, y, 4))
        return _top(make_operator(risk, "hessian", scale=scale), dense)

    before = {s: top(s) for s in ("none", "filter", "weight")}
    a = torch.tensor([0.1, 1.0, 3.0, 10.0]).double()
    with torch.no_grad():
        model[0].weight.mul_(a[:, None])
        model[0].bias.mul_(a)
        model[2].weight.div_(a)
    assert top("weight") == pytest.approx(before["weight"], rel=1e-9)
    assert top("none") != pytest.approx(before["none"], rel=0.05)
    assert top("filter") != pytest.approx(before["filter"], rel=0.01)  # not for single units


def test_scales_have_the_norms_they_are_named_for(make_risk):
    risk = make_risk("smooth")
    w = risk.layout.unflatten(risk.theta)["0.weight"]
    s = risk.layout.unflatten(filter_scale(risk.layout, risk.theta))
    assert_close(s["0.weight"], w.norm(dim=1, keepdim=True).expand_as(w))
    assert_close(s["0.bias"], risk.layout.unflatten(risk.theta)["0.bias"].abs())
    assert_close(weight_scale(risk.layout, risk.theta), risk.theta.abs())


def test_scale_of_the_wrong_length_is_refused(make_risk):
    with pytest.raises(ValueError, match="scale must act on"):
        ScaledOperator(HessianOperator(make_risk()), DiagonalMap(torch.ones(3)))


@pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated:DeprecationWarning")
def test_matvec_agrees_with_curvlinops(make_risk):
    curvlinops = pytest.importorskip("curvlinops")
    risk = make_risk("smooth")
    reference = curvlinops.HessianLinearOperator(
        risk.model,
        torch.nn.CrossEntropyLoss(),
        list(risk.model.parameters()),
        [tuple(b) for b in risk.batches],
    )
    v = torch.randn(risk.num_params, dtype=torch.float64)
    assert_close(HessianOperator(risk) @ v, (reference @ v).detach(), **TOL)
