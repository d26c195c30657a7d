"""Objectives that take network and batch, and Gauss-Newton matrices, against dense ones."""

import pytest
import torch
from small_networks import TwoHeads, mlp, of_both
from torch import nn

import landscape
from landscape.nests import map_tensors


def _elbo(model, batch):
    mean, spread = model(batch).chunk(2, dim=1)
    sample = mean + spread.exp() * torch.randn_like(mean)
    return (sample - batch).square().sum(1)


def test_noise_is_fixed_by_the_seed_and_the_mean_over_draws_taken():
    torch.manual_seed(6)
    model, x = nn.Linear(2, 4), torch.randn(12, 2)
    state = torch.get_rng_state()

    def loss(draws, seed=0):
        objective = landscape.Objective(_elbo, draws=draws)
        found = landscape.analyze(model, objective, x, budget="quick", only=["spectrum"], seed=seed)
        return found.subject.loss

    assert loss(1) == loss(1)
    assert loss(1) != loss(1, seed=1)
    # (sample - x)² sums to (mean - x)² + 2 (mean - x) s ε + s² ε²: the law of large numbers.
    mean, spread = model(x).detach().chunk(2, dim=1)
    expected = ((mean - x).square() + (2 * spread).exp()).sum(1).mean().item()
    variance = (4 * (mean - x).square() * (2 * spread).exp() + 2 * (4 * spread).exp()).sum()
    stderr = float(variance.sqrt()) / 12 / 60**0.5
    assert abs(loss(60) - expected) < 5 * stderr
    assert torch.equal(torch.get_rng_state(), state)


def test_the_gauss_newton_matrix_of_an_objective(pairs):
    (x, y), model = pairs, TwoHeads()
    two_steps = landscape.Objective(
        lambda network, batch: of_both(network(batch[0]), batch[1]),
        outputs=lambda network, batch: network(batch[0]),
        loss_of_outputs=lambda outputs, batch: of_both(outputs, batch[1]),
    )
    G = landscape.ggn(model, two_steps, (x, y), dtype="float64")
    parameters = list(model.parameters())

    def jacobian(values):
        rows = [
            torch.autograd.grad(v, parameters, retain_graph=True, allow_unused=True)
            for v in values.flatten()
        ]
        return torch.stack(
            [
                torch.cat(
                    [(torch.zeros_like(p) if g is None else g).flatten()
                     for g, p in zip(row, parameters, strict=True)]
                )
                for row in rows
            ]
        )  # fmt: skip

    outputs = model(x)
    shapes = [o.shape for o in outputs]
    J = torch.cat([jacobian(o) for o in outputs])

    def of_flat(flat):
        first, second = flat.split([s.numel() for s in shapes])
        return of_both((first.view(shapes[0]), second.view(shapes[1])), y)

    flat = torch.cat([o.detach().flatten() for o in outputs])
    B = torch.autograd.functional.hessian(of_flat, flat)
    columns = torch.stack([G @ e for e in torch.eye(G.dim, dtype=torch.float64)], dim=1)
    torch.testing.assert_close(columns, J.T @ B @ J, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        (lambda o, t: o.mean(1), "is linear in the network's outputs"),
        (
            landscape.Objective(lambda network, batch: network(batch[0]).square().mean(1)),
            r"does not say what its outputs are.*docs/your-model\.md",
        ),
    ],
)
def test_a_gauss_newton_matrix_that_says_nothing_is_refused(pairs, kind, message):
    with pytest.raises(ValueError, match=message):
        landscape.ggn(mlp(), kind, pairs, dtype="float64") @ torch.ones(26)


def test_fitted_examples_do_not_make_a_loss_linear(pairs):
    (x, _), model = pairs, mlp()
    model[2].weight.data *= 1e9
    G = landscape.ggn(model, "cross-entropy", (x, model(x).argmax(1)), dtype="float64")
    assert not (G @ torch.ones(26)).any()  # softmax has no curvature left, which is no refusal


def test_what_an_objective_may_return(pairs):
    for value, message in (
        (lambda m, b: 3.0, "it returned a float"),
        (lambda m, b: m(b[0]), r"it returned a tensor \(20, 2\)"),
        (lambda m, b: (3.0, 20), "total that is no tensor"),
        (lambda m, b: (m(b[0]).sum(1), torch.ones(3)), "both must have one shape"),
    ):
        with pytest.raises(ValueError, match=message):
            landscape.hessian(mlp(), data=pairs, objective=value, dtype="float64")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({}, "give either a loss or objective"),
        ({"loss": "mse", "objective": _elbo}, "give either a loss or objective"),
        ({"objective": 3}, "fn of an Objective must be a function"),
    ],
)
def test_exactly_one_objective_is_given(pairs, given, message):
    with pytest.raises(ValueError, match=message):
        landscape.hessian(mlp(), data=pairs, **given)


def test_batches_reach_an_objective_as_the_data_give_them(agrees):
    images = [torch.randn(3, 4, 4), torch.randn(3, 5, 6)]
    boxes = [{"box": torch.randn(2, 2), "name": "a"}, {"box": torch.randn(1, 2), "name": "b"}]
    seen = []

    def detection(model, batch):
        seen.append(batch)
        found = zip(*batch, strict=True)
        return sum((model(i.mean((1, 2))) - t["box"].mean(0)).square().sum() for i, t in found)

    model = nn.Linear(3, 2).double()
    batch = map_tensors(torch.Tensor.double, (images, boxes))
    agrees(model, [(images, boxes)], lambda: detection(model, batch), objective=detection)
    assert isinstance(seen[0], tuple)
    assert seen[0][1][1]["name"] == "b"
