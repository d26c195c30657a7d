"""Networks and losses that do what few do: numbers that are right, or one sentence that helps."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.autograd.function import once_differentiable

import landscape
from landscape.curvature.hessian import HessianOperator
from landscape.objective.pair import loss_of
from landscape.objective.risk import EmpiricalRisk


def _linear():
    torch.manual_seed(0)
    return nn.Linear(3, 2).double()


def _notes(model, data, **where):
    found = landscape.analyze(
        model, data=data, budget="quick", only=["spectrum"], dtype="float64", **where
    )
    return found.subject.notes


class _Functional(nn.Module):
    """A derivative by ``torch.func`` inside forward."""

    def __init__(self, kind):
        super().__init__()
        torch.manual_seed(0)
        self.kind, self.a, self.b = kind, nn.Linear(3, 3), nn.Linear(3, 2)
        self.double()

    def forward(self, x):
        def inner(point):
            return torch.tanh(self.a(point))

        if self.kind == "jvp":
            return torch.func.jvp(lambda point: self.b(inner(point)), (x,), (x,))[1]
        return self.b(torch.func.vmap(torch.func.grad(lambda point: inner(point).sum()))(x))


@pytest.mark.filterwarnings("ignore:.*torch.jit.script:DeprecationWarning")  # PyTorch's own jvp
@pytest.mark.parametrize("kind", ["grad", "jvp"])
def test_torch_func_inside_a_network(agrees, pairs, kind):
    (x, y), model = pairs, _Functional(kind)
    agrees(model, (x, y), lambda: F.cross_entropy(model(x), y), loss="cross-entropy", batch_size=8)


def test_graphs_whose_bytes_cannot_be_counted_are_not_kept(pairs):
    risk = EmpiricalRisk(_Functional("grad"), loss_of("cross-entropy"), [pairs])
    H = HessianOperator(risk)
    v = torch.ones(H.dim, dtype=torch.float64)
    assert torch.equal(H @ v, H @ v)
    assert not H.graphs.keeps(0)


class _Square(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x * x

    @staticmethod
    @once_differentiable
    def backward(ctx, gradient):
        (x,) = ctx.saved_tensors
        return 2 * gradient * x


class _Once(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(3, 2)

    def forward(self, x):
        return _Square.apply(self.layer(x)) + self.layer(x)


@pytest.mark.parametrize("operator", ["hessian", "ggn", "fisher"])
def test_a_function_that_is_differentiable_once_is_refused(pairs, operator):
    A = getattr(landscape, operator)(_Once(), "cross-entropy", pairs)
    with pytest.raises(ValueError, match=r"marked once_differentiable.*plain operations"):
        A @ torch.ones(8)


class _Bag(nn.Module):
    def __init__(self, **options):
        super().__init__()
        torch.manual_seed(0)
        self.rows, self.out = nn.Embedding(4, 2, **options), nn.Linear(2, 2)
        self.double()

    def forward(self, x):
        return self.out(torch.tanh(self.rows(x)).mean(1))


def test_gradients_by_frequency_are_those_of_the_loss(agrees, pairs):
    x, y = torch.randint(0, 4, (20, 3)), pairs[1]
    model, plain = _Bag(scale_grad_by_freq=True), _Bag()
    agrees(
        model,
        (x, y),
        lambda: F.cross_entropy(plain(x), y),
        loss="cross-entropy",
        parameters=list(plain.parameters()),
    )
    assert model.rows.scale_grad_by_freq


class _WritesToItsInput(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = _linear()

    def forward(self, x):
        return self.layer(x.sub_(0.5).mul_(2))


def test_a_network_that_writes_to_its_data_finds_them_as_they_were(agrees, pairs):
    (x, y), model = pairs, _WritesToItsInput()
    kept = x.clone()
    agrees(model, (x, y), lambda: F.cross_entropy(model(kept.clone()), y), loss="cross-entropy")
    assert torch.equal(x, kept)
    (note,) = _notes(model, (x, y), loss="cross-entropy")
    assert "writes to its data" in note


def _slope(network, x):
    x = x if x.requires_grad else x.clone().requires_grad_()
    u = network(x)[:, 0]
    return (torch.autograd.grad(u.sum(), x, create_graph=True)[0].sum(1) + u).square()


@pytest.mark.parametrize("asked", [False, True], ids=["in the loss", "by the data"])
def test_what_is_differentiated_by_inside_is_no_parameter(pairs, asked):
    x = pairs[0].clone().requires_grad_(asked)
    model = nn.Sequential(nn.Linear(3, 2), nn.Tanh(), nn.Linear(2, 1)).double()
    assert _notes(model, [x], objective=_slope) == ()


@pytest.mark.parametrize("kind", ["list", "view"])
def test_the_network_s_own_parameters_past_the_network_are_refused(pairs, kind):
    model = _linear()
    held = list(model.parameters()) if kind == "list" else [model.weight[0]]

    def decayed(network, batch):
        norm = sum(p.square().sum() for p in held)
        return F.cross_entropy(network(batch[0]), batch[1]) + norm

    with pytest.raises(ValueError, match=r"past the network \(.*weight.*model\.parameters\(\)"):
        landscape.hessian(model, None, pairs, objective=decayed, dtype="float64")


@pytest.mark.parametrize("size", [1, 2, 20])
def test_a_batch_of_one_weighs_what_there_is_to_predict_in_it(agrees, size):
    torch.manual_seed(0)
    model, x = nn.Linear(2, 4).double(), torch.randn(3, 3, 2).double()
    y = torch.randint(0, 3, (3, 3))
    y[0, 1:] = y[2, 0] = -100  # a third is no float32: shares must be of the loss's own type
    agrees(
        model,
        (x, y),
        lambda: F.cross_entropy(model(x).flatten(0, 1), y.flatten()),
        loss="cross-entropy",
        batch_size=size,
    )


def _of_pairs(network, batch):
    if len(batch[1]) < 2:
        raise ValueError("there is no pair")
    return F.cross_entropy(network(batch[0]), batch[1])


def test_a_loss_that_refuses_parts_of_a_batch_gets_it_whole(agrees, pairs):
    (x, y), model = pairs, _linear()
    x, y = x[:3], y[:3]  # of which one half is a single example
    agrees(model, (x, y), lambda: _of_pairs(model, (x, y)), objective=_of_pairs)
    (note,) = _notes(model, (x, y), objective=_of_pairs)
    assert "there is no pair" in note


class _Stepping(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(3, 2)
        self.plain = [nn.Linear(2, 2)]

    def forward(self, x):
        return self.plain[0](self.layer(x))

    def training_step(self, batch, index=0):
        return F.cross_entropy(self.layer(batch[0]), batch[1])


def _assertion(outputs, targets):
    raise AssertionError("was expecting 4")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"loss": _assertion}, "was expecting 4. in memory gives an example"),
        ({"loss": lambda o, t: F.cross_entropy(o[1:], t)}, "do not fit one another: Expected"),
        ({"loss": nn.BCEWithLogitsLoss()}, "do not fit one another: Target size"),
        ({"loss": "mse", "dtype": "float64"}, r"plain list.*nn\.ModuleList"),
        ({"loss": nn.CrossEntropyLoss}, r"make one of it, CrossEntropyLoss\(…\)"),
        ({"objective": nn.CrossEntropyLoss}, r"make one of it, CrossEntropyLoss\(…\)"),
        ({"objective": _Stepping().training_step}, r"called as fn\(model, batch\).*lambda model"),
        ({"loss": "mse", "batch_size": 0}, "batch_size must be a whole number of at least 1"),
        ({"loss": "mse", "keep": "disk"}, "keep must be one of memory, reread"),
    ],
)
def test_mistakes_are_told_with_what_to_do(pairs, given, message):
    with pytest.raises(ValueError, match=message):
        landscape.hessian(_Stepping(), given.pop("loss", None), pairs, **given)


def test_an_unknown_option_is_named_with_those_that_there_are(pairs):
    with pytest.raises(TypeError, match=r"hessian\(\) got .* 'bogus'; it takes .*params"):
        landscape.hessian(_linear(), "mse", pairs, bogus=1)


def test_inference_mode_is_refused(pairs):
    with torch.inference_mode(), pytest.raises(ValueError, match="inference_mode is on"):
        landscape.hessian(_linear(), "mse", pairs)


class _DrawsInVain(nn.Linear):
    def forward(self, x):
        return super().forward(x) + 0 * torch.rand(1)


def test_random_numbers_that_move_nothing_are_said_to_be_that(pairs):
    (note,) = _notes(_DrawsInVain(3, 2).double(), pairs, loss="cross-entropy")
    assert "others leave the losses of the first batch as they are" in note


class _Neuron(nn.Module):
    """As sinabs' neurons are: spikes in float32 whatever comes in."""

    __module__ = "sinabs.layers"
    spike_threshold = 1.0

    def forward(self, x):
        return torch.tanh(x).float()


def test_sinabs_spikes_get_their_input_s_type_back(pairs):
    model = nn.Sequential(nn.Linear(3, 2), _Neuron(), nn.Linear(2, 2))
    x, y = pairs
    frames = x[:, None].expand(-1, 2, -1)
    H = landscape.hessian(model, "cross-entropy", (frames, y), readout="rate", dtype="float64")
    assert (H @ torch.ones(H.dim)).dtype == torch.float64
