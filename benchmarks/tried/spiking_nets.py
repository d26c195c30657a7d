"""Spiking networks as their libraries' users write them, without a loop over time of their own."""

from typing import Any

import torch
from torch import Tensor, nn

from benchmarks.tried.nets import NUM_CLASSES

HERE = "benchmarks.tried.spiking_nets"
NUM_STEPS = 4


def leaky(mode: str = "m") -> nn.Module:
    """Leaky neurons, one layer with a decay that is learnt."""
    from spikingjelly.activation_based import functional, layer, neuron, surrogate

    net = nn.Sequential(
        layer.Linear(6, 5, bias=False),
        neuron.ParametricLIFNode(surrogate_function=surrogate.ATan()),
        layer.Linear(5, NUM_CLASSES, bias=False),
        neuron.LIFNode(surrogate_function=surrogate.Sigmoid()),
    )
    functional.set_step_mode(net, mode)
    return net


def _of_the_zoo(make: Any, **arguments: Any) -> nn.Module:
    from spikingjelly.activation_based import functional, neuron, surrogate

    kinds = {"spiking_neuron": neuron.LIFNode, "surrogate_function": surrogate.ATan()}
    net: nn.Module = make(**arguments, **kinds)
    functional.set_step_mode(net, "m")
    return net


def sew_resnet() -> nn.Module:
    """One block a stage."""
    from spikingjelly.activation_based.model.sew_resnet import BasicBlock, SEWResNet

    sizes = {"block": BasicBlock, "layers": [1, 1, 1, 1], "cnf": "ADD"}
    return _of_the_zoo(SEWResNet, num_classes=NUM_CLASSES, **sizes)


def spiking_vgg() -> nn.Module:
    """Two convolutions, with a classifier for images of 16 x 16 in place of that for 224 x 224."""
    from spikingjelly.activation_based import layer
    from spikingjelly.activation_based.model.spiking_vgg import SpikingVGG

    net = _of_the_zoo(SpikingVGG, cfg=[2, "M", 2, "M"], num_classes=NUM_CLASSES)
    net.classifier = layer.Linear(2 * 7 * 7, NUM_CLASSES, step_mode="m")
    return net


def parametric_lif_net() -> nn.Module:
    """The network for N-MNIST, of two channels."""
    from spikingjelly.activation_based.model.parametric_lif_net import NMNISTNet

    return _of_the_zoo(NMNISTNet, channels=2)


def spikformer() -> nn.Module:
    """A transformer of one block, which makes its own steps."""
    from spikingjelly.activation_based.model.spikformer import Spikformer

    sizes = {"img_size_h": 16, "img_size_w": 16, "patch_size": 4, "embed_dims": 32, "num_heads": 2}
    return Spikformer(T=NUM_STEPS, num_classes=NUM_CLASSES, mlp_ratio=1.0, depths=1, **sizes)


class Step(nn.Module):
    """One time step of snnTorch's neurons, their state hidden in them."""

    def __init__(self) -> None:
        import snntorch

        super().__init__()
        self.hidden, self.out = nn.Linear(6, 5), nn.Linear(5, NUM_CLASSES)
        self.first = snntorch.Leaky(beta=0.8, init_hidden=True)
        self.second = snntorch.Leaky(beta=0.9, init_hidden=True, output=True)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Rows (N, 6) to spikes and membranes (N, 3)."""
        spikes, membrane = self.second(self.out(self.first(self.hidden(x))))
        return spikes, membrane


def norse_layers() -> nn.Module:
    """Leaky neurons and a leaky readout, with time first, which hand their state over and back."""
    import norse.torch as norse

    p = norse.LIFParameters(alpha=torch.tensor(10.0), v_th=torch.tensor(0.2))
    layers = (nn.Linear(6, 4), norse.LIF(p=p), nn.Linear(4, NUM_CLASSES), norse.LI())
    net: nn.Module = norse.SequentialState(*layers)
    return net


def sinabs_layers() -> nn.Module:
    """Leaky and plain integrators, with time second."""
    from sinabs.layers import IAF, LIF

    first, last = nn.Linear(6, 4, bias=False), nn.Linear(4, NUM_CLASSES, bias=False)
    return nn.Sequential(first, LIF(tau_mem=10.0, norm_input=False), last, IAF())


def nir_graph(by: str = "snntorch") -> nn.Module:
    """A graph in NIR, which a library makes into a network."""
    import nir
    import numpy as np

    def layer(inputs: int, outputs: int) -> list[Any]:
        lif = {"tau": 0.01, "r": 1.0, "v_leak": 0.0, "v_threshold": 0.01}
        affine = nir.Affine(weight=np.ones((outputs, inputs)), bias=np.zeros(outputs))
        return [affine, nir.LIF(**{k: np.full(outputs, v) for k, v in lif.items()})]

    graph = nir.NIRGraph.from_list(*layer(6, 4), *layer(4, NUM_CLASSES))
    if by == "snntorch":
        from snntorch.import_nir import import_from_nir as made
    else:
        from norse.torch import from_nir as made
    net: nn.Module = made(graph)
    return net
