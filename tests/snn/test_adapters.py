import pytest
import snntorch
import torch
from torch import nn
from torch.autograd import grad

from landscape import hessian
from landscape.snn import CSNN
from landscape.snn.adapters import EvalMode, is_spiking, reset_state, spiking_notes


def entered(network):
    """Put ``network`` into eval mode; what that took."""
    mode = EvalMode(network)
    mode.enter()
    return mode.notes


class NestedSnnTorch(nn.Module):
    """Neurons below the first level, which snnTorch's own reset does not reach."""

    def __init__(self):
        super().__init__()
        fast = snntorch.surrogate.fast_sigmoid(slope=10)
        self.body = nn.ModuleDict(
            {"fc": nn.Linear(3, 4), "lif": snntorch.Leaky(beta=0.9, init_hidden=True)}
        )
        self.out = snntorch.Synaptic(alpha=0.5, beta=0.9, init_hidden=True, spike_grad=fast)

    def forward(self, x):
        return sum(self.out(self.body["lif"](5 * self.body["fc"](x))) for _ in range(3))


def test_nested_snntorch_neurons_are_reset(rng):
    network, x = NestedSnnTorch(), torch.randn(6, 3, generator=rng)
    assert reset_state(network) == 2
    first = network(x)
    assert first.unique().numel() > 1
    assert not torch.equal(first, network(x))  # state survives
    reset_state(network)
    assert torch.equal(first, network(x))


@pytest.mark.parametrize("kind", [snntorch.RLeaky, snntorch.RSynaptic])
def test_neurons_that_feed_back_are_measured_in_float64(kind, rng):
    """Their spikes are float32, and so was what they fed to their own weights: a crash."""
    decays = {"beta": 0.9} | ({"alpha": 0.8} if kind is snntorch.RSynaptic else {})
    slow = snntorch.surrogate.fast_sigmoid(slope=2)
    fed_back = kind(**decays, linear_features=3, init_hidden=True, spike_grad=slow)
    network = nn.Sequential(nn.Linear(2, 3), fed_back, nn.Linear(3, 2)).double()
    with torch.no_grad():
        for p in network.parameters():
            p.copy_(torch.randn(p.shape, generator=rng))
    x, y = torch.randn(9, 2, generator=rng).double(), torch.arange(9) % 2

    H = hessian(network, "cross-entropy", (x, y), dtype="float64", time_steps=3, readout="rate")
    reset_state(network)
    fed_back.spike_grad = lambda u: slow(u).to(u)
    loss = nn.functional.cross_entropy(sum(network(x) for _ in range(3)) / 3, y)
    params = [p for p in network.parameters() if p.requires_grad]
    slopes = torch.cat([g.flatten() for g in grad(loss, params, create_graph=True)])
    row = grad(slopes @ slopes.detach(), params, materialize_grads=True)
    theirs = torch.cat([r.flatten() for r in row])
    ours = H @ slopes.detach()
    assert theirs.norm() > 1e-3
    assert (ours - theirs).norm() <= 1e-6 * theirs.norm()  # slopes of spikes are float32


def test_snntorch_networks_are_described():
    network = NestedSnnTorch()
    assert is_spiking(network)
    lines = sorted(spiking_notes(network))
    assert [line.partition("snnTorch")[0] for line in lines] == ["1 x ", "1 x "]
    assert "Leaky (surrogate atan(alpha=2), reset by subtract)" in lines[0]
    assert "Synaptic (surrogate fast_sigmoid(slope=10), reset by subtract)" in lines[1]


def test_spikingjelly_networks_are_described_and_reset(rng):
    library = "spikingjelly.activation_based"
    neuron, surrogate = (pytest.importorskip(f"{library}.{m}") for m in ("neuron", "surrogate"))
    lif = neuron.LIFNode(surrogate_function=surrogate.ATan(3.0), step_mode="m", v_reset=None)
    network = nn.Sequential(nn.Linear(3, 4), nn.Sequential(lif))
    (line,) = spiking_notes(network)
    assert line.endswith("LIFNode (surrogate ATan(alpha=3), soft reset, multi-step)")
    (line,) = spiking_notes(neuron.IFNode(surrogate_function=torch.relu))
    assert "(surrogate relu, " in line
    x = 3 * torch.randn(4, 6, 3, generator=rng)
    first = network(x)
    assert entered(network) == []
    assert reset_state(network) == 1
    assert torch.equal(first, network(x))


def test_own_networks_need_no_reset():
    network = CSNN(1, image_size=4)
    assert is_spiking(network)
    assert reset_state(network) == 0
    assert spiking_notes(network) == [
        "4 x landscape, SpikingNeuron (integrate-and-fire, T=4, surrogate atan(alpha=2))"
    ]


def test_ordinary_networks_are_not_spiking():
    network = nn.Sequential(nn.Linear(2, 2), nn.ReLU())
    assert not is_spiking(network)
    assert spiking_notes(network) == []
    assert reset_state(network) == 0


def test_batch_norms_that_see_the_batch_in_eval_mode_are_named(rng):
    bare = nn.BatchNorm1d(3, track_running_stats=False)
    others = nn.BatchNorm1d(3), nn.InstanceNorm1d(3)
    network = nn.Sequential(nn.Linear(2, 3), bare, others[0])
    (note,) = entered(network)
    assert note.startswith("1 batch norms have no running statistics")
    x = torch.randn(6, 2, generator=rng)
    assert not torch.allclose(network(x)[:3], network(x[:3]))
    assert entered(nn.Sequential(*others)) == []


class SpikeWithATanGradient(torch.autograd.Function):
    @staticmethod
    def forward(ctx, u):
        ctx.save_for_backward(u)
        return (u >= 0).to(u.dtype)

    @staticmethod
    def backward(ctx, g):
        return g / (1 + (torch.pi * ctx.saved_tensors[0]) ** 2)


class OldIFNode(nn.Module):
    """Behaves as SpikingJelly 0.0.0.0.14 does: no gradient in eval mode."""

    v_threshold, v_reset, step_mode = 1.0, 0.0, "m"

    def __init__(self):
        super().__init__()
        self.v = 0.0

    def reset(self):
        self.v = 0.0

    def forward(self, x):
        spikes = []
        for current in x:
            h = self.v + current
            u = h - self.v_threshold
            s = SpikeWithATanGradient.apply(u) if self.training else (u >= 0).to(u.dtype).detach()
            spikes.append(s)
            self.v = h * (1 - s)
        return torch.stack(spikes)


# Libraries are recognised by where a class was defined.
OldIFNode.__module__ = "spikingjelly.activation_based.neuron"


def test_eval_mode_gradient_trap_is_found_and_answered(rng):
    network = nn.Sequential(nn.Linear(3, 4), OldIFNode(), nn.BatchNorm1d(5))
    x = 3 * torch.randn(4, 5, 3, generator=rng)
    network(x)  # leaves a state behind that hangs on a graph
    (note,) = entered(network)
    assert "1 neuron layers (OldIFNode) give no gradient in eval mode" in note
    assert not network.training
    assert not network[2].training
    reset_state(network)
    (g,) = grad(network(x).square().sum(), network[0].weight)
    assert g.abs().max() > 0


class WithReset(nn.Module):
    def __init__(self, parameters=0):
        super().__init__()
        self.calls = 0
        if parameters:
            self.weight = nn.Parameter(torch.zeros(parameters))

    def reset(self):
        self.calls += 1


def test_a_strangers_reset_is_called_only_where_it_cannot_redraw_weights():
    neuron, layer = WithReset(), WithReset(parameters=2)
    assert reset_state(nn.Sequential(neuron, layer)) == 1
    assert (neuron.calls, layer.calls) == (1, 0)
