"""The scale ``symmetry``: a network and its moved copies have one spectrum; dense matrices."""

import pytest
import torch
from symmetric_networks import (
    NETWORKS,
    assert_one_spectrum,
    kinds,
    moved,
    risk_of,
    risk_over,
    spectrum,
)

from landscape.curvature.ggn import GGNOperator
from landscape.curvature.operators import make_operator
from landscape.curvature.perturbation_worst import sam_rise
from landscape.curvature.scaling import relative_scale, scale_of
from landscape.curvature.symmetry.confirm import moved_risk, with_statistics
from landscape.curvature.symmetry.find import symmetries_of
from landscape.curvature.symmetry.moves import moves_of
from landscape.objective.risk import EmpiricalRisk
from landscape.snn.model import CSNN

KINDS = {
    "mlp": {"permutation of units", "factors on units"},
    "convolutions": {
        "permutation of units",
        "factors on filters before batch norm",
        "factors on units",
    },
    "encoder": {
        "permutation of units",
        "factors on units",
        "norms' weights",
        "norms' biases",
        "keys' biases",
        "values' biases",
        "GL(r) of attention",
    },
    "decoder": {
        "permutation of units",
        "factors on units",
        "norms' weights",
        "GL(r) of attention",
    },
    "lora": {"GL(r) of LoRA"},
    "adjacent": {
        "permutation of units",
        "norms' weights",
        "norms' biases",
        "values' biases",
        "GL(r) of adjacent maps",
    },
    "gelu": {"permutation of units"},
}


@pytest.mark.parametrize("name", NETWORKS)
def test_a_moved_copy_has_the_same_spectrum(name, dense):
    risk = risk_of(name)
    assert kinds(risk) == KINDS[name]
    copy = moved(risk)
    assert not torch.equal(copy.theta, risk.theta)
    assert copy.evaluate().loss == pytest.approx(risk.evaluate().loss, rel=1e-12)
    assert_one_spectrum(risk, copy, dense)


@pytest.mark.parametrize("name", ["encoder", "decoder"])
def test_in_float32_the_largest_eigenvalue_stays(name, dense):
    risk = risk_of(name, torch.float32)
    before, after = (spectrum(each, "symmetry", dense)[-1] for each in (risk, moved(risk)))
    assert float(after) == pytest.approx(float(before), rel=1e-5)


def test_a_network_without_the_symmetry_has_none():
    found = symmetries_of(risk_of("gelu"))
    assert found.factors == ()
    assert "factors on units" in found.refuted
    assert symmetries_of(risk_of("mlp")).refuted == ()


def test_filters_of_modules_that_are_not_called_are_found():
    net = CSNN(
        channels=2, num_time_steps=2
    )  # its convolutions run as one function with their norms
    assert kinds(risk_over(net, (1, 28, 28))) >= {"factors on filters before batch norm"}


def test_rotated_queries_and_keys_have_the_smaller_group():
    groups = {p.group for p in symmetries_of(risk_of("decoder")).products}
    assert groups == {"linear", "rotary"}  # values, and queries with keys


@pytest.mark.parametrize("name", ["encoder", "decoder", "adjacent"])
def test_the_transpose_is_the_transpose(name):
    risk = risk_of(name)
    S = scale_of("symmetry", risk)
    rng = torch.Generator().manual_seed(1)
    u, v = torch.randn(2, risk.num_params, generator=rng, dtype=torch.float64)
    assert float(u @ (S @ v)) == pytest.approx(float((S.T @ u) @ v), rel=1e-12)
    assert float(u @ (S.T.T @ v)) == pytest.approx(float(u @ (S @ v)), rel=1e-12)


def test_a_part_of_the_parameters_has_that_part_of_the_scale(dense):
    risk = risk_of("encoder")
    names = [n for n in risk.layout.names if "norm" not in n]
    kept = torch.cat([torch.arange(risk.num_params)[risk.layout.slices[n]] for n in names])
    part, whole = (
        dense(make_operator(r, "hessian", scale="symmetry")) for r in (risk.select(names), risk)
    )
    # Norms held fixed have no part in the perturbation; nothing else moves with them.
    assert torch.allclose(part, whole[kept][:, kept], rtol=1e-10, atol=1e-12)


def test_without_products_and_norms_it_is_the_weight_scale():
    risk = risk_of("convolutions")
    v = torch.ones_like(risk.theta)
    assert torch.equal(scale_of("symmetry", risk) @ v, scale_of("weight", risk) @ v)


def test_a_product_moves_by_its_own_size():
    """E‖dB A‖² = E‖B dA‖² = ‖B A‖² for noise of one, the other held fixed."""
    risk = risk_of("lora")
    values = risk.values
    A, B = values["lora_A"], values["lora_B"]
    S = relative_scale("symmetry", risk)
    squares = {"lora_A": 0.0, "lora_B": 0.0}
    for e in torch.eye(risk.num_params, dtype=torch.float64):  # E‖f(ε)‖² = Σ‖f(e_i)‖², f linear
        step = risk.layout.unflatten(S @ e)
        squares["lora_A"] += float((B @ step["lora_A"]).square().sum())
        squares["lora_B"] += float((step["lora_B"] @ A).square().sum())
    size = float((B @ A).square().sum())
    assert squares == pytest.approx({"lora_A": size, "lora_B": size}, rel=1e-12)


@pytest.mark.parametrize("name", NETWORKS)
def test_losses_along_a_direction_stay_with_the_direction_turned(name):
    """S' = J S O: what moves S ε is S'(O'ε), with O'ε as long as ε where S has its range."""
    risk = risk_of(name)
    values = with_statistics(risk)

    def move(given):
        rng = torch.Generator().manual_seed(3)
        for each in moves_of(symmetries_of(risk)):
            given = each.of(given, rng)
        return given

    copy = moved_risk(risk, move(values))
    S, other = (relative_scale("symmetry", each) for each in (risk, copy))
    matrix = torch.stack([S @ e for e in torch.eye(risk.num_params, dtype=torch.float64)], dim=1)
    turned = torch.stack(
        [other @ e for e in torch.eye(risk.num_params, dtype=torch.float64)], dim=1
    )
    rng = torch.Generator().manual_seed(4)
    # In the range of S': directions without effect are 0 in both.
    noise = (
        torch.linalg.pinv(matrix)
        @ matrix
        @ torch.randn(risk.num_params, generator=rng, dtype=torch.float64)
    )
    step = risk.layout.unflatten(S @ noise)
    there = move({n: v + step[n] if n in step else v for n, v in values.items()})
    walked = copy.layout.flatten(there) - copy.theta
    found = torch.linalg.pinv(turned) @ walked
    assert float(found.norm()) == pytest.approx(float(noise.norm()), rel=1e-8)
    for radius in (-0.3, 0.1, 0.5):
        before = risk.evaluate(risk.theta + radius * (S @ noise)).loss
        after = copy.evaluate(copy.theta + radius * (other @ found)).loss
        assert after == pytest.approx(before, rel=1e-9)


def test_sam_rises_stay_too():
    risk = risk_of("encoder")
    before, after = (
        sam_rise(each, relative_scale("symmetry", each), 0.05) for each in (risk, moved(risk))
    )
    assert after.first_order == pytest.approx(before.first_order, rel=1e-8)
    assert after.rise.mean == pytest.approx(before.rise.mean, rel=1e-8)


def test_the_trace_of_pulled_back_draws_is_that_of_the_matrix(dense):
    """Their mean, of the Gauss-Newton matrix with the scale on both sides."""
    risk = risk_of("encoder")
    G, S = GGNOperator(risk), scale_of("filter", risk)
    rng, num_draws = torch.Generator().manual_seed(0), 400
    forms = torch.stack(
        [(S @ a) @ (S @ b) for a, b in (G.pulled_back(rng) for _ in range(num_draws))]
    )
    expected = float(dense(make_operator(risk, "ggn", scale="filter")).trace())
    assert abs(float(forms.mean()) - expected) < 4 * float(forms.std()) / num_draws**0.5


def test_a_new_adapter_moves_nothing_by_chance():
    """At B = 0 other units may change places beside it, and A do as it likes; not near it."""
    net = NETWORKS["lora"][0]()
    risk = risk_over(net, (5,))
    with torch.no_grad():
        net.lora_B.zero_()
    fresh = EmpiricalRisk(net, risk.objective, risk.batches)
    assert kinds(fresh) == {"GL(r) of LoRA"}
    assert not (scale_of("symmetry", fresh) @ torch.ones_like(fresh.theta))[:18].any()


@pytest.mark.parametrize(
    ("name", "is_weight"),
    [("mlp", True), ("gelu", True), ("encoder", False), ("lora", False), ("adjacent", False)],
)
def test_without_products_and_norms_the_scale_is_that_of_the_weights(name, is_weight):
    S = scale_of("symmetry", risk_of(name))
    assert S.is_weight == is_weight
    same = all(
        torch.allclose(S @ v, scale_of("weight", risk_of(name)) @ v, rtol=1e-12, atol=0)
        for v in torch.eye(S.dim, dtype=torch.float64)
    )
    assert same == is_weight
