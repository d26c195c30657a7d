"""θ in the place of a network's weights, and the network as it was afterwards."""

import copy
import warnings
from collections import OrderedDict
from types import SimpleNamespace

import pytest
import snntorch
import torch
import torch.nn.functional as F
from spikingjelly.activation_based import neuron as spikingjelly
from torch import nn
from torch.nn.utils import parametrizations, prune
from torch.utils.checkpoint import checkpoint

import landscape
from landscape.curvature.hessian import HessianOperator
from landscape.data.dataset import cut
from landscape.objective.pair import loss_of
from landscape.objective.risk import EmpiricalRisk


class _Checkpointed(nn.Module):
    """Activation checkpointing: the backward pass runs part of the forward again."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.a, self.b, self.out = nn.Linear(3, 4), nn.Linear(4, 4), nn.Linear(4, 2)
        self.double()

    def _inner(self, x):
        return torch.tanh(self.b(torch.tanh(self.a(x))))

    def forward(self, x):
        return self.out(checkpoint(self._inner, x, use_reentrant=False))


def _risk(model, pairs, size=7):
    return EmpiricalRisk(model, loss_of("cross-entropy"), cut(*pairs, size))


@pytest.mark.parametrize("graph_budget", [None, 0], ids=["kept", "rebuilt"])
def test_recomputed_activations_are_those_of_theta(pairs, dense, graph_budget):
    x, y = pairs
    risk = _risk(_Checkpointed(), pairs)
    theta = risk.theta + 0.3 * torch.randn(
        risk.num_params, generator=torch.Generator().manual_seed(1), dtype=torch.float64
    )
    there = _Checkpointed()
    nn.utils.vector_to_parameters(theta, there.parameters())
    H = dense(lambda: F.cross_entropy(there(x), y), there.parameters())
    loss = F.cross_entropy(there(x), y)
    gradient = torch.cat([g.flatten() for g in torch.autograd.grad(loss, list(there.parameters()))])
    torch.testing.assert_close(risk.gradient(theta), gradient, rtol=1e-10, atol=1e-12)
    operator = HessianOperator(risk, theta, graph_budget=graph_budget)
    for _ in range(2):  # the second product differentiates the graphs that the first has kept
        found = torch.stack([operator @ e for e in torch.eye(H.shape[0], dtype=torch.float64)])
        torch.testing.assert_close(found, H, rtol=1e-9, atol=1e-11)


def _state_of(model):
    """Everything that a network holds: the objects themselves, and their values."""
    held = []
    for module in model.modules():
        for name, value in vars(module).items():
            content = list(value.items()) if isinstance(value, dict) else value
            content = list(content) if isinstance(content, list) else content
            held.append((module, name, value, copy.copy(content)))
    tensors = [(t, t.detach().clone(), t._version) for t in [*model.parameters(), *model.buffers()]]
    return held, tensors


def _is_as_before(model, before):
    held, tensors = before
    now = [(module, name) for module in model.modules() for name in vars(module)]
    assert now == [(module, name) for module, name, _, _ in held]
    for module, name, value, content in held:
        found = vars(module)[name]
        assert found is value, name
        if isinstance(found, dict):
            assert len(found) == len(content), name
            for (key, item), (k, v) in zip(found.items(), content, strict=True):
                assert key == k
                assert item is v, (name, key)
        elif isinstance(found, list):
            assert all(a is b for a, b in zip(found, content, strict=True)), name
    for tensor, value, version in tensors:
        assert tensor._version == version
        assert torch.equal(tensor, value)


class _Rnn(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn, self.out = nn.LSTM(3, 2, batch_first=True), nn.Linear(2, 2)

    def forward(self, x):
        return self.out(self.rnn(x[:, None])[0][:, -1])


class _Plain(nn.Module):
    """Tensors that are registered nowhere, one of them overwritten in each forward."""

    def __init__(self):
        super().__init__()
        self.layer, self.basis, self.seen = nn.Linear(3, 2), torch.randn(3, 3), torch.zeros(3)
        self.also = [self.layer.weight]
        self.last = None

    def forward(self, x):
        self.seen.add_(1)
        self.last = self.layer(x @ self.basis)
        return self.last + 0 * self.also[0].sum()


def _pruned():
    layer = nn.Linear(3, 2)
    prune.l1_unstructured(layer, "weight", 0.5)
    return layer


def _old_norm(wrap):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return wrap(nn.Linear(3, 2))


def _tied():
    a, b = nn.Linear(3, 3), nn.Linear(3, 3)
    b.weight = a.weight
    return nn.Sequential(a, nn.Tanh(), b)


def _spiking(library):
    neuron = (
        snntorch.Leaky(beta=0.9, init_hidden=True)
        if library == "snntorch"
        else spikingjelly.IFNode()
    )
    net = nn.Sequential(nn.Linear(3, 2), neuron, nn.Linear(2, 2))
    net(torch.ones(4, 3))  # it holds a state, which hangs on a graph
    return net


def _hooked():
    net = nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2), nn.Dropout(0.5))
    net[0].register_forward_hook(lambda module, inputs, outputs: 2 * outputs)
    return net.train()


NETWORKS = {
    "hooks, batch norm and dropout in train mode": _hooked,
    "lstm": _Rnn,
    "plain tensors": _Plain,
    "pruned": _pruned,
    "old weight norm": lambda: _old_norm(nn.utils.weight_norm),
    "old spectral norm": lambda: _old_norm(nn.utils.spectral_norm),
    "weight norm": lambda: parametrizations.weight_norm(nn.Linear(3, 2)),
    "orthogonal": lambda: parametrizations.orthogonal(nn.Linear(3, 2)),
    "tied": _tied,
    "snntorch": lambda: _spiking("snntorch"),
    "spikingjelly": lambda: _spiking("spikingjelly"),
}


@pytest.mark.parametrize("kind", NETWORKS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_network_is_afterwards_as_it_was(kind, dtype, pairs):
    torch.manual_seed(0)
    model, (x, y) = NETWORKS[kind](), pairs
    before = _state_of(model)
    steps = 1 if kind in ("snntorch", "spikingjelly") else None
    H = landscape.hessian(model, "cross-entropy", (x.float(), y), dtype=dtype, time_steps=steps)
    v = torch.ones(H.dim)
    product = H @ v
    _is_as_before(model, before)
    assert torch.equal(H @ v, product)  # and what it keeps moves no number


class _Recording(nn.Module):
    """What it notes lies deeper than in an attribute."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(3, 2)
        self.notes = {"seen": {}, "sizes": [[]]}

    def forward(self, x):
        self.notes["seen"][len(self.notes["seen"])] = x
        self.notes["sizes"][0].append(len(x))
        return self.layer(x)


def test_containers_in_containers_hold_afterwards_what_they_held(pairs):
    (x, y), model = pairs, _Recording()
    seen, sizes = model.notes["seen"], model.notes["sizes"]
    landscape.hessian(model, "cross-entropy", (x.float(), y)) @ torch.ones(8)
    assert model.notes == {"seen": {}, "sizes": [[]]}
    assert model.notes["seen"] is seen
    assert model.notes["sizes"] is sizes


class _Circular(nn.Module):
    """A list, a dictionary and an object that hold themselves, and the weights besides."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(3, 2)
        self.items = [self.layer.weight]
        self.items.append(self.items)
        self.table = {"bias": self.layer.bias}
        self.table["table"] = self.table
        self.record = SimpleNamespace(scale=torch.ones(2))
        self.record.items = [self.record]

    def forward(self, x):
        inner = self.items[1][1]
        inner.append(len(inner))
        scale = self.record.items[0].scale
        return scale * F.linear(x, inner[0], self.table["table"]["bias"])


class _Counter:
    """A helper beside the network that keeps its count on a module of it."""

    def __init__(self, module):
        self.module = module

    def __call__(self, *_):
        self.module.count = getattr(self.module, "count", 0) + 1


def test_containers_that_hold_themselves_and_attributes_set_from_outside(pairs):
    (x, y), model = pairs, _Circular()
    model.register_forward_hook(_Counter(model.layer))
    plain = nn.Linear(3, 2)
    plain.load_state_dict(model.layer.state_dict())
    v = torch.arange(8.0)
    product = landscape.hessian(model, "cross-entropy", (x.float(), y)) @ v
    expected = landscape.hessian(plain, "cross-entropy", (x.float(), y)) @ v
    torch.testing.assert_close(product, expected)
    assert model.items[0] is model.layer.weight
    assert model.items[1] is model.items
    assert len(model.items) == 2
    assert model.table["table"] is model.table
    assert model.record.items[0] is model.record
    assert not hasattr(model.layer, "count")


class _StopError(Exception):
    pass


@pytest.mark.parametrize("raised", [_StopError, KeyboardInterrupt])
@pytest.mark.parametrize("at", ["forward", "backward"])
def test_exceptions_and_interrupts_leave_it_as_it_was_too(raised, at, pairs):
    (x, y), model = pairs, _hooked()
    H = landscape.hessian(model, "cross-entropy", (x.float(), y))

    def stop(*_):
        raise raised

    hook = (
        model[1].register_forward_hook(stop)
        if at == "forward"
        else model[1].register_full_backward_hook(stop)
    )
    before = _state_of(model)
    with pytest.raises(raised):
        H @ torch.ones(H.dim)
    _is_as_before(model, before)
    hook.remove()


def test_a_copy_on_request_is_all_that_is_touched(pairs):
    (x, y), model = pairs, _hooked()
    seen = []
    model[0].register_forward_hook(lambda module, *_: seen.append(module))
    landscape.hessian(model, "cross-entropy", (x.float(), y), copy=True) @ torch.ones(12)
    assert seen
    assert all(module is not model[0] for module in seen)


@pytest.mark.parametrize("kind", ["weight norm", "old weight norm", "plain tensors", "pruned"])
def test_float64_needs_no_copy(kind, pairs, agrees):
    torch.manual_seed(0)
    model, (x, y) = NETWORKS[kind](), pairs
    wide = copy.deepcopy(model) if kind in ("weight norm", "plain tensors") else NETWORKS[kind]()
    wide.load_state_dict(OrderedDict(model.state_dict()))
    wide.double()
    if kind == "plain tensors":
        wide.basis, wide.also = wide.basis.double(), [wide.layer.weight]
    plain = _without_norm(wide, kind)
    agrees(model, (x, y), lambda: F.cross_entropy(plain(x), y), loss="cross-entropy",
           parameters=list(wide.parameters()))  # fmt: skip


def _without_norm(wide, kind):
    """The same function by plain formulas, whose second derivatives PyTorch has right."""
    if "weight norm" not in kind:
        return wide
    new = kind == "weight norm"
    held = wide.parametrizations.weight if new else wide
    g, v = (held.original0, held.original1) if new else (held.weight_g, held.weight_v)
    return lambda x: F.linear(x, g * v / v.norm(dim=1, keepdim=True), wide.bias)


def test_modules_that_cannot_take_other_weights_are_refused(pairs):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        scripted = torch.jit.trace(nn.Linear(3, 2).double(), pairs[0])
    for model, message in (
        (scripted, "scripted or traced"),
        (nn.Sequential(nn.LazyLinear(2)), "lazy layer whose shape is not known"),
        (nn.Linear(3, 2, device="meta"), "on the meta device and has no numbers"),
    ):
        with pytest.raises(ValueError, match=message):
            landscape.hessian(model, "cross-entropy", pairs, dtype="float64")
