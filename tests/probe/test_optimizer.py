"""A live optimiser's next update and preconditioner against the step that it then makes."""

import pytest
import torch
from torch import nn

import landscape
from landscape.objective.objective import Objective
from landscape.objective.risk import EmpiricalRisk
from landscape.probe.optimizer import live_state

LR = 0.01
SETTINGS = [
    ("SGD", {}),
    ("SGD", {"momentum": 0.9}),
    ("SGD", {"momentum": 0.9, "dampening": 0.5, "weight_decay": 0.3}),
    ("SGD", {"momentum": 0.9, "nesterov": True}),
    ("Adam", {"weight_decay": 0.3}),
    ("Adam", {"amsgrad": True}),
    ("AdamW", {"weight_decay": 0.3}),
    ("RMSprop", {"momentum": 0.5}),
    ("RMSprop", {"centered": True, "weight_decay": 0.3}),
]


@pytest.fixture
def net():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 1)).double()


@pytest.fixture
def risk(net):
    x = torch.randn(20, 3).double()
    return EmpiricalRisk(net, Objective(lambda model, batch: model(batch).square().mean()), [x])


def kept_still(optimizer, decayed):
    """Second moments that a step on this gradient leaves as they are, long after the start."""
    for p, state in optimizer.state.items():
        slope = decayed[p]
        for key, still in {
            "exp_avg_sq": slope.square(),
            "max_exp_avg_sq": slope.square(),
            "square_avg": slope.square(),
        }.items():
            if key in state:
                state[key].copy_(still)
        if "step" in state:
            state["step"].fill_(1e6)


@pytest.mark.parametrize(("name", "settings"), SETTINGS, ids=str)
def test_the_update_is_that_of_the_next_step(name, settings, net, risk):
    optimizer = getattr(torch.optim, name)(net.parameters(), lr=LR, **settings)
    for _ in range(3):
        for p in net.parameters():
            p.grad = torch.randn_like(p)
        optimizer.step()
    is_decoupled, decay = name == "AdamW", settings.get("weight_decay", 0.0)
    gradient = {p: torch.randn_like(p) for p in net.parameters()}
    decayed = {p: g + (0 if is_decoupled else decay) * p.detach() for p, g in gradient.items()}
    kept_still(optimizer, decayed)
    if settings.get("centered"):  # the mean moves with each step: here by next to nothing
        optimizer.param_groups[0]["alpha"] = 1.0 - 1e-12
        for p, slope in decayed.items():
            optimizer.state[p]["grad_avg"].copy_(slope / 2)
    before = [p.detach().clone() for p in net.parameters()]
    now = risk.renewed()
    found = live_state(optimizer, now).update(
        now.layout, now.theta, torch.cat([g.flatten() for g in gradient.values()])
    )
    for p, g in gradient.items():
        p.grad = g
    optimizer.step()
    moved = [
        ((old * (1 - LR * decay) if is_decoupled else old) - p.detach()) / LR
        for old, p in zip(before, net.parameters(), strict=True)
    ]
    assert torch.allclose(found, torch.cat([m.flatten() for m in moved]), rtol=1e-6, atol=1e-9)


def test_what_the_optimiser_does_not_have_is_never_moved(net, risk):
    optimizer = torch.optim.Adam(net[2].parameters(), lr=LR)
    for p in net.parameters():
        p.grad = torch.ones_like(p)
    optimizer.step()
    state = live_state(optimizer, risk)
    P, u = state.preconditioner(risk.layout), state.update(risk.layout, risk.theta, risk.theta)
    own = torch.arange(len(P)) >= 16
    assert torch.equal(torch.isfinite(P), own)
    assert not u[~own].any()
    assert u[own].all()


def test_of_sharpness_aware_minimisation_no_edge_is_known(net):
    """It keeps its radius in the groups of the optimiser that it wraps, and steps otherwise."""
    optimizer = torch.optim.Adam([{"params": list(net.parameters()), "rho": 0.05}], lr=LR)
    for p in net.parameters():
        p.grad = torch.ones_like(p)
    optimizer.step()
    data = (torch.randn(20, 3).double(), torch.randn(20, 1).double())
    values = landscape.Probe("mse", data, path=None)(net, 1, optimizer)
    assert values.edge is None
    assert "below the edge of its optimiser" in values.absent["edge"]
    assert "gradients of elsewhere" in values.absent["critical_sharpness"]
    assert values.preconditioned_lambda_max.value > 0
    assert values.learning_rate == LR
