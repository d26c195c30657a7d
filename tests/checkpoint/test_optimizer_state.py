"""The optimiser's state of a training checkpoint: which parameter is which, and what P it makes."""

import os

import pytest
import torch
from torch import nn

from landscape.checkpoint.load import load_checkpoint
from landscape.checkpoint.optimizer_state import find_optimizer
from landscape.parameters import ParameterLayout

LR = 0.01
OPTIMIZERS = {
    "adam": lambda groups: torch.optim.Adam(groups, LR, betas=(0.8, 0.99)),
    "amsgrad": lambda groups: torch.optim.Adam(groups, LR, amsgrad=True),
    "fused": lambda groups: torch.optim.Adam(groups, LR, fused=True),
    "tensor rate": lambda groups: torch.optim.Adam(groups, torch.tensor(LR), eps=1e-3),
    "adamw": lambda groups: torch.optim.AdamW(groups, LR, weight_decay=0.0),
    "rmsprop": lambda groups: torch.optim.RMSprop(groups, LR),
    "centered": lambda groups: torch.optim.RMSprop(groups, LR, centered=True),
}


@pytest.fixture
def net():
    return nn.Sequential(nn.Linear(3, 5), nn.Tanh(), nn.Linear(5, 5), nn.Tanh(), nn.Linear(5, 2))


def trained(net, optimizer, steps=4):
    """Some steps; θ before the last one."""
    x = torch.randn(8, 3)
    for _ in range(steps):
        before = torch.cat([p.detach().flatten().clone() for p in net.parameters()])
        optimizer.zero_grad()
        net(x).square().mean().backward()
        optimizer.step()
    return before


def found_in(path, net, **entries):
    torch.save({"model": net.state_dict(), **entries}, path)
    return find_optimizer(load_checkpoint(path), net)


def layout_of(net):
    return ParameterLayout.of(dict(net.named_parameters()))


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_the_preconditioner_is_that_of_the_last_step(name, net, tmp_path):
    optimizer = OPTIMIZERS[name](net.parameters())
    before = trained(net, optimizer)
    state = found_in(tmp_path / "last.pt", net, optimizer=optimizer.state_dict())
    P = state.preconditioner(layout_of(net))
    kept = [optimizer.state[p] for p in net.parameters()]
    direction = [s.get("exp_avg", p.grad) for s, p in zip(kept, net.parameters(), strict=True)]
    m = torch.cat([d.flatten() for d in direction]).double()
    after = torch.cat([p.detach().flatten() for p in net.parameters()])
    # θ_{t+1} = θ_t - lr P^-1 m_t, in float32: steps are differences of numbers near 0.5.
    torch.testing.assert_close((after - before).double(), -LR * m / P, rtol=1e-4, atol=2e-7)
    assert state.optimizer.learning_rate == pytest.approx(LR)
    assert state.optimizer.kind == {"rmsprop": "rmsprop", "centered": "rmsprop"}.get(
        name, "adamw" if name == "adamw" else "adam"
    )


@pytest.mark.parametrize(
    ("key", "wrapped"),
    [
        ("optimizer", lambda state: state),
        ("optimizer_state_dict", lambda state: state),
        ("optimizer_states", lambda state: [state]),  # Lightning
        ("optim", lambda state: {"state": state["state"], "param_groups": state["param_groups"]}),
    ],
)
def test_trainers_keep_it_under_many_names(key, wrapped, net, tmp_path):
    optimizer = torch.optim.SGD(net.parameters(), 0.1, momentum=0.9, nesterov=True)
    trained(net, optimizer)
    state = found_in(tmp_path / "last.ckpt", net, **{key: wrapped(optimizer.state_dict())})
    told = state.optimizer
    assert (told.kind, told.learning_rate, told.momentum, told.nesterov) == ("sgd", 0.1, 0.9, True)
    with pytest.raises(ValueError, match="has no preconditioner: use another --scale"):
        state.preconditioner(layout_of(net))


@pytest.mark.parametrize("name", ["optimizer.pt", "optimizer.bin"])
def test_it_is_found_beside_the_weights(name, net, tmp_path):
    optimizer = torch.optim.Adam(net.parameters(), LR)
    trained(net, optimizer)
    torch.save(net.state_dict(), tmp_path / "pytorch_model.bin")
    torch.save(optimizer.state_dict(), tmp_path / name)
    for path in (tmp_path, tmp_path / "pytorch_model.bin"):
        state = find_optimizer(load_checkpoint(path), net)
        assert state.path == tmp_path / name
        assert state.preconditioner(layout_of(net)).shape == (layout_of(net).num_params,)
    (tmp_path / name).unlink()
    assert find_optimizer(load_checkpoint(tmp_path), net) is None


def by_name(net, optimizer):
    """√v of each parameter, whatever the order of the groups."""
    names = {p: name for name, p in net.named_parameters()}
    return {names[p]: s["exp_avg_sq"].double().sqrt() for p, s in optimizer.state.items()}


def decayed_apart(net):
    """Matrices with weight decay, vectors without, as most trainers have it."""
    return [
        {"params": [p for p in net.parameters() if p.ndim > 1], "weight_decay": 0.1},
        {"params": [p for p in net.parameters() if p.ndim < 2], "weight_decay": 0.0},
    ]


def test_groups_find_their_parameters_by_order_and_shape(net, tmp_path):
    optimizer = torch.optim.AdamW(decayed_apart(net), LR, betas=(0.0, 0.5), eps=0)
    trained(net, optimizer)
    state = found_in(tmp_path / "last.pt", net, optimizer=optimizer.state_dict())
    P = layout_of(net).unflatten(state.preconditioner(layout_of(net)))
    for name, root in by_name(net, optimizer).items():
        torch.testing.assert_close(P[name], root / (1 - 0.5**4) ** 0.5, rtol=1e-12, atol=0)
    assert (state.optimizer.kind, state.optimizer.weight_decay) == ("adamw", 0.1)


@pytest.mark.parametrize("keyed", ["numbers", "names"])
def test_names_are_believed_in_any_order(keyed, net, tmp_path):
    named = list(net.named_parameters())
    groups = [{"params": named[::-2]}, {"params": named[-2::-2]}]
    optimizer = torch.optim.Adam(groups, LR, betas=(0.0, 0.5), eps=0)
    trained(net, optimizer)
    kept = optimizer.state_dict()
    if keyed == "names":  # as FSDP's full state dict has it
        for group in kept["param_groups"]:
            names = group.pop("param_names")
            kept["state"] |= {
                name: kept["state"].pop(key)
                for key, name in zip(group["params"], names, strict=True)
            }
            group["params"] = names
    state = found_in(tmp_path / "last.pt", net, optimizer=kept)
    P = layout_of(net).unflatten(state.preconditioner(layout_of(net)))
    for name, root in by_name(net, optimizer).items():
        torch.testing.assert_close(P[name], root / (1 - 0.5**4) ** 0.5, rtol=1e-12, atol=0)


def test_what_was_frozen_or_never_stepped_has_no_finite_p(net, tmp_path):
    net[0].requires_grad_(False)
    free = [p for p in net.parameters() if p.requires_grad]
    optimizer = torch.optim.Adam(free, LR)
    trained(net, optimizer)
    kept = optimizer.state_dict()
    del kept["state"][3]  # the last bias: as of a parameter that no gradient ever reached
    state = found_in(tmp_path / "last.pt", net, optimizer=kept)
    names = ("2.weight", "4.bias")
    layout = ParameterLayout(names, tuple(net.get_parameter(n).shape for n in names))
    P = layout.unflatten(state.preconditioner(layout))
    assert torch.isfinite(P["2.weight"]).all()
    assert torch.isinf(P["4.bias"]).all()


def state_dict_of(net, **changes):
    optimizer = torch.optim.Adam(net.parameters(), LR)
    trained(net, optimizer)
    kept = optimizer.state_dict()
    kept["param_groups"][0] |= changes
    return kept


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (lambda k: k["state"][0]["exp_avg_sq"].fill_(-1), "not finite, or negative"),
        (lambda k: k["state"][0]["step"].fill_(0), "has made 0 steps"),
        (lambda k: k["state"][0].pop("exp_avg_sq"), "keeps no exp_avg_sq"),
        (lambda k: k["param_groups"][0].update(eps="x"), "'eps' is no number"),
        (lambda k: k["param_groups"][0].update(eps=10**400), "'eps' is no number"),
        (lambda k: k["state"][0].update(step=torch.ones(2)), "keeps no step"),
        (lambda k: k["param_groups"][0].update(betas=(0.9, 1)), "'betas' is no number"),
        (lambda k: k["param_groups"][0].pop("amsgrad"), "none of those that are known"),
        (lambda k: k["param_groups"][0]["params"].pop(), "has 5 parameters, and the network 6"),
        (
            lambda k: k["state"].update({0: k["state"][2], 2: k["state"][0]}),
            "other shapes than the network's",
        ),
    ],
)
def test_moments_that_are_none_of_the_network_are_refused(damage, reason, net, tmp_path, refused):
    kept = state_dict_of(net)
    damage(kept)
    state = found_in(tmp_path / "last.pt", net, optimizer=kept)
    refused(lambda: state.preconditioner(layout_of(net)), reason, "last.pt")


def test_groups_that_shapes_do_not_tell_apart_are_refused(tmp_path, refused):
    net = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3))
    groups = [{"params": list(layer.parameters())} for layer in net]
    optimizer = torch.optim.Adam(groups, LR)
    trained(net, optimizer)
    state = found_in(tmp_path / "last.pt", net, optimizer=optimizer.state_dict())
    told = refused(lambda: state.preconditioner(layout_of(net)), "several groups of parameters")
    assert "Adam(model.named_parameters())" in told
    assert state.optimizer.kind == "adam"  # the edge hangs on settings alone


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"lr": "fast"}, "'lr' is no number"),
        ({"maximize": True}, "none of those that are known"),
        ({"decoupled_weight_decay": None, "weight_decay": 0.1}, "whether it is Adam or AdamW"),
    ],
)
def test_settings_that_say_too_little_give_no_optimizer(changes, reason, net, tmp_path):
    state = found_in(tmp_path / "last.pt", net, optimizer=state_dict_of(net, **changes))
    assert state.optimizer is None
    assert reason in state.reason


def test_groups_of_other_rates_have_no_common_edge(net, tmp_path):
    groups = decayed_apart(net)
    groups[1]["lr"] = 0.5
    optimizer = torch.optim.AdamW(groups, LR)
    trained(net, optimizer)
    state = found_in(tmp_path / "last.pt", net, optimizer=optimizer.state_dict())
    assert state.optimizer is None
    assert "different learning rates" in state.reason


def test_two_optimisers_are_refused_and_other_entries_passed_over(net, tmp_path, refused):
    kept = state_dict_of(net)
    path = tmp_path / "last.pt"
    refused(
        lambda: found_in(path, net, optimizer_states=[kept, kept]), "the states of 2 optimisers"
    )
    assert found_in(path, net, optimizer="adam", optimizer_args={"lr": 0.1}) is None
    for damaged in ({"state": 1}, {"state": {}, "param_groups": [{"params": [[1]]}]}):
        assert found_in(path, net, optimizer={"param_groups": []} | damaged) is None


def test_code_in_the_file_beside_is_not_run(net, tmp_path, refused):
    class Payload:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "made"),)

    torch.save(net.state_dict(), tmp_path / "pytorch_model.bin")
    torch.save({"state": {}, "param_groups": [Payload()]}, tmp_path / "optimizer.pt")
    refused(lambda: find_optimizer(load_checkpoint(tmp_path), net), "mkdir", "can run any code")
    assert not (tmp_path / "made").exists()
