"""Edges of stability against the optimisers themselves, on a quadratic just below and above."""

import pytest
import torch

from landscape.catalog.optimizers import Optimizer, edge_of

LR, EPS, V = 0.1, 1e-3, 4.0  # of preconditioned ones V stays as it is: P = √V + ε
AROUND = 0.005  # relative distance from the edge: some tenths of a per cent a step, or more

PLAIN = [
    {},
    {"momentum": 0.9},
    {"momentum": 0.9, "dampening": 0.5},
    {"dampening": 0.5},  # which PyTorch does not heed without momentum
    {"momentum": 0.9, "nesterov": True},
    {"momentum": 0.5, "weight_decay": 3.0},
    {"momentum": 0.9, "nesterov": True, "weight_decay": 3.0},
]
PRECONDITIONED = [
    ("adam", {"betas": (0.9, 0.999)}),
    ("adam", {"betas": (0.0, 0.999)}),
    ("adam", {"betas": (0.9, 0.999), "weight_decay": 30.0}),
    ("adamw", {"betas": (0.9, 0.999), "weight_decay": 2.0}),
    ("adamw", {"betas": (0.5, 0.99), "weight_decay": 2.0}),
    ("rmsprop", {"alpha": 0.99}),
    ("rmsprop", {"alpha": 0.99, "momentum": 0.9, "weight_decay": 3.0}),
]


def grows(make, curvature, keep=lambda state: None):
    """Whether the steps on λ x²/2 grow a thousandfold, or from the 200th to the 400th."""
    x = torch.zeros(1, dtype=torch.float64, requires_grad=True)
    optimizer, sizes = make([x]), []
    x.grad = torch.zeros_like(x)
    optimizer.step()  # which makes its state
    x.data.fill_(1e-9)
    for _ in range(400):
        x.grad = curvature * x.detach()
        keep(optimizer.state[x])
        optimizer.step()
        sizes.append(float(x.detach().abs()))
        if sizes[-1] > 1e-6:  # before gradients weigh anything in V
            return True
    return max(sizes[300:]) > max(sizes[100:200])


@pytest.mark.parametrize("settings", PLAIN, ids=str)
def test_gradient_descent_leaves_a_quadratic_at_its_edge(settings):
    optimizer = Optimizer(kind="sgd", learning_rate=LR, rate_of="", **settings)
    edge = edge_of(optimizer, scale="none").value

    def make(theta):
        return torch.optim.SGD(theta, LR, **settings)

    assert not grows(make, edge * (1 - AROUND))
    assert grows(make, edge * (1 + AROUND))
    shifted = edge_of(optimizer, scale="none", weight_decay=2.0).value
    assert shifted == pytest.approx(edge + 2.0)  # of H + 2 I


@pytest.mark.parametrize(("kind", "settings"), PRECONDITIONED, ids=str)
def test_preconditioned_descent_leaves_a_quadratic_at_its_edge(kind, settings):
    classes = {"adam": "Adam", "adamw": "AdamW", "rmsprop": "RMSprop"}
    moment = "square_avg" if kind == "rmsprop" else "exp_avg_sq"
    decay = settings.get("weight_decay", 0.0)
    forgets = settings["alpha"] if kind == "rmsprop" else settings["betas"][1]
    momentum = settings.get("momentum", settings.get("betas", (0.0,))[0])
    optimizer = Optimizer(
        kind=kind, learning_rate=LR, rate_of="", momentum=momentum, weight_decay=decay
    )
    own = 0.0 if kind == "adamw" else decay  # in the gradient, and so in the matrix
    edge = edge_of(optimizer, scale="optimizer", weight_decay=own).value
    P = V**0.5 + EPS

    def make(theta):
        return getattr(torch.optim, classes[kind])(theta, lr=LR, eps=EPS, **settings)

    def keep(state):
        state[moment].fill_(V / forgets)  # V after the step
        state["step"].fill_(1e6)  # no bias is left to correct

    assert not grows(make, edge * (1 - AROUND) * P - own, keep)
    assert grows(make, edge * (1 + AROUND) * P - own, keep)


def test_where_no_edge_is_known_the_reason_is_told():
    def words(kind, scale="none", rate=0.1, **settings):
        found = edge_of(
            Optimizer(kind=kind, learning_rate=rate, rate_of="now", **settings), scale=scale
        )
        assert found.value is None
        return found.words

    assert "below the edge of its optimiser" in words("sam-sgd")
    assert "no edge of stability is known of lion" in words("lion")
    assert "--scale optimizer, which needs the optimiser's state" in words("adam")
    assert words("sgd", "filter").endswith("at --scale none")
    assert "learning rate of 0 (now)" in words("sgd", rate=0.0)
    assert "--weight-decay 0.5" in words("adam", "optimizer", weight_decay=0.5)
    told = edge_of(
        Optimizer(kind="sgd", learning_rate=0.1, rate_of="of the last epoch", momentum=0.9),
        scale="none",
    )
    assert told.value == pytest.approx(38)
    assert told.words == "SGD, momentum 0.9, learning rate 0.1 (of the last epoch)"
