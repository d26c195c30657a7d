"""Networks of libraries that are seldom installed together, against loops by hand."""

import pytest
import torch
import torch.nn.functional as F
from in_time import dense, matrix_of
from torch import nn

import landscape
from landscape.snn.adapters import reset_state, spiking_notes

T, N = 4, 5
pytestmark = pytest.mark.filterwarnings("ignore")  # of what the libraries import


def draw(net, rng, size=1.5):
    """Weights at which neurons fire."""
    with torch.no_grad():
        for p in net.parameters():
            if p.ndim > 1:
                p.copy_(
                    size * torch.randn(p.shape, generator=rng, dtype=p.dtype) / p[0].numel() ** 0.5
                )
    return net


def agree(H, theirs):
    ours = matrix_of(H)
    assert theirs.norm() > 1e-8
    assert (ours - theirs).norm() <= 1e-6 * theirs.norm()


@pytest.fixture
def still(rng):
    return torch.randn(N, 3, generator=rng, dtype=torch.float64), torch.arange(N) % 2


@pytest.fixture
def frames(rng):
    return torch.randn(N, T, 3, generator=rng, dtype=torch.float64), torch.arange(N) % 2


# The zoo of SpikingJelly, which needs torchvision to be imported.

ZOO = {
    "sew_resnet": lambda m, **k: m.SEWResNet(m.BasicBlock, [1, 1, 1, 1], cnf="ADD", **k),
    "spiking_resnet": lambda m, **k: m.SpikingResNet(m.BasicBlock, [1, 1, 1, 1], **k),
    "spiking_vgg": lambda m, **k: m.SpikingVGG([4, "M", 8, "M"], **k),
}


@pytest.mark.parametrize("kind", ZOO)
@pytest.mark.parametrize("mode", ["s", "m"])
def test_the_zoo_of_spikingjelly(kind, mode, rng):
    pytest.importorskip("torchvision")
    jelly = pytest.importorskip("spikingjelly.activation_based")
    module = pytest.importorskip(f"spikingjelly.activation_based.model.{kind}")
    net = ZOO[kind](
        module, num_classes=3,
        spiking_neuron=jelly.neuron.IFNode, surrogate_function=jelly.surrogate.ATan(),
        detach_reset=True,
    )  # fmt: skip
    if kind == "spiking_vgg":  # a classifier of its own has 10⁸ weights
        net.classifier = jelly.layer.Linear(8 * 7 * 7, 3)
    draw(net, rng)
    jelly.functional.set_step_mode(net, mode)
    x, y = torch.rand(3, 3, 32, 32, generator=rng), torch.arange(3) % 2
    asked = {"layout": "T-first"} if mode == "m" else {}
    last = [name for name, p in net.named_parameters() if p.ndim == 2][-1]
    H = landscape.hessian(
        net, "cross-entropy", (x, y), time_steps=T, readout="rate", dtype="float64",
        params=last, **asked,
    )  # fmt: skip
    net.double().eval()
    reset_state(net)
    x = x.double()
    all_at_once = mode == "m"
    outputs = net(x.expand(T, *x.shape)) if all_at_once else torch.stack([net(x) for _ in range(T)])
    weight = net.get_parameter(last)
    (slope,) = torch.autograd.grad(F.cross_entropy(outputs.mean(0), y), weight, create_graph=True)
    v = torch.randn(weight.shape, generator=rng, dtype=weight.dtype)
    (theirs,) = torch.autograd.grad(slope, weight, grad_outputs=v)
    assert theirs.norm() > 1e-6
    ours = H @ v.flatten()
    assert (ours - theirs.flatten()).norm() <= 1e-6 * theirs.norm()


def test_spikformer_makes_its_own_steps(rng):
    pytest.importorskip("torchvision")
    module = pytest.importorskip("spikingjelly.activation_based.model.spikformer")
    net = module.Spikformer(
        T=T, img_size_h=16, img_size_w=16, patch_size=4, num_classes=3, embed_dims=32,
        num_heads=2, mlp_ratio=1.0, depths=1,
    )  # fmt: skip
    x, y = torch.rand(3, 3, 16, 16, generator=rng), torch.arange(3)
    net.double().eval()
    H = hess(net, "cross-entropy", (x, y), readout="rate", params="head.*")
    reset_state(net)
    head = dict(net.named_parameters())
    chosen = [p for name, p in head.items() if name.startswith("head.")]
    slopes = torch.autograd.grad(
        F.cross_entropy(net(x.double()).mean(0), y), chosen, create_graph=True
    )
    v = torch.randn(H.dim, generator=rng, dtype=torch.float64)
    flat = torch.cat([g.flatten() for g in slopes])
    theirs = torch.cat([g.flatten() for g in torch.autograd.grad(flat, chosen, grad_outputs=v)])
    assert theirs.norm() > 1e-6
    assert (H @ v - theirs).norm() <= 1e-6 * theirs.norm()


@pytest.mark.parametrize("mode", ["s", "m"])
def test_the_event_networks_of_spikingjelly(mode, rng):
    """Frames of N-MNIST, (N, T, 2, 34, 34), a frame a step or all at once."""
    pytest.importorskip("torchvision")
    jelly = pytest.importorskip("spikingjelly.activation_based")
    module = pytest.importorskip("spikingjelly.activation_based.model.parametric_lif_net")
    net = module.NMNISTNet(
        channels=2, spiking_neuron=jelly.neuron.LIFNode, surrogate_function=jelly.surrogate.ATan()
    )
    jelly.functional.set_step_mode(net, mode)
    x, y = torch.rand(3, T, 2, 34, 34, generator=rng).round(), torch.arange(3)
    H = landscape.ggn(net, "mse", (x, y), readout="rate")
    assert (H @ torch.ones(H.dim)).isfinite().all()


# Norse hands its state over and back; its layers take one step (…Cell) or time first.


@pytest.mark.parametrize("kind", ["cells", "sequences"])
def test_norse(kind, still, frames, rng):
    norse = pytest.importorskip("norse.torch")
    lif, li = (norse.LIFCell, norse.LICell) if kind == "cells" else (norse.LIF, norse.LI)
    p = norse.LIFParameters(alpha=torch.tensor(10.0), v_th=torch.tensor(0.2))
    net = norse.SequentialState(nn.Linear(3, 4), lif(p=p), nn.Linear(4, 2), li()).double()
    draw(net, rng, 4)
    assert "surrogate super(alpha=10)" in spiking_notes(net)[0]

    def outputs(inputs):
        if kind == "sequences":
            return net(inputs)[0]
        state, found = None, []
        for x in inputs:
            out, state = net(x, state)
            found.append(out)
        return torch.stack(found)

    (x, y), (f, _) = still, frames
    theirs = dense(net, F.cross_entropy(outputs(f.transpose(0, 1)).mean(0), y))
    agree(hess(net, "cross-entropy", frames, readout="rate"), theirs)
    asked = {"time_steps": T} if kind == "cells" else {"time_steps": T, "layout": "T-first"}
    theirs = dense(net, F.cross_entropy(outputs(x.expand(T, *x.shape))[-1], y))
    agree(hess(net, "cross-entropy", still, readout="last", **asked), theirs)
    message = "one time step in a call" if kind == "cells" else "take the examples for time steps"
    with pytest.raises(ValueError, match=message):
        hess(net, lambda o, y: F.cross_entropy(o[0], y), still)


# sinabs has examples first, (N, T, …).


def test_sinabs(still, frames, rng):
    layers = pytest.importorskip("sinabs.layers")
    net = nn.Sequential(
        nn.Linear(3, 4, bias=False), layers.LIF(tau_mem=10.0, norm_input=False),
        nn.Linear(4, 2, bias=False), layers.IAF(),
    ).double()  # fmt: skip
    draw(net, rng, 3)
    assert "surrogate" in spiking_notes(net)[0]
    (x, y), (f, _) = still, frames
    for hook in (net[1], net[3]):  # their spikes are float32
        hook.register_forward_hook(lambda m, i, o: o.to(i[0].dtype))
    reset_state(net)
    theirs = dense(net, F.cross_entropy(net(f).mean(1), y))
    agree(hess(net, "cross-entropy", frames, readout="rate"), theirs)
    agree(hess(net, "cross-entropy", frames, readout="rate", layout="N-first"), theirs)
    reset_state(net)
    theirs = dense(net, F.cross_entropy(net(x[:, None].expand(-1, T, -1)).mean(1), y))
    agree(hess(net, "cross-entropy", still, readout="rate", time_steps=T, layout="N-first"), theirs)
    first = nn.Sequential(net)  # a network with time first does not fit these neurons
    with pytest.raises(ValueError, match="is it --layout N-first"):
        hess(first, "cross-entropy", frames, readout="rate", layout="T-first")


# A graph in NIR, made into a network by a library.


def test_a_graph_in_nir(still):
    nir, importer = pytest.importorskip("nir"), pytest.importorskip("snntorch.import_nir")
    pytest.importorskip("nirtorch")
    import numpy as np

    draws = np.random.default_rng(0)
    lif = {"tau": 0.01, "r": 1.0, "v_leak": 0.0, "v_threshold": 1.0}
    layers = [
        nir.Affine(weight=4 * draws.normal(size=(4, 3)), bias=np.zeros(4)),
        nir.LIF(**{k: np.full(4, v) for k, v in lif.items()}),
        nir.Affine(weight=4 * draws.normal(size=(2, 4)), bias=np.zeros(2)),
        nir.LIF(**{k: np.full(2, v) for k, v in lif.items()}),
    ]
    net = importer.import_from_nir(nir.NIRGraph.from_list(*layers)).double()
    assert "snnTorch" in spiking_notes(net)[0]
    H = hess(net, "cross-entropy", still, time_steps=T, readout="rate")
    assert matrix_of(H).norm() > 0


def hess(net, loss, data, **where):
    return landscape.hessian(net, loss, data, dtype="float64", batch_size=3, **where)
