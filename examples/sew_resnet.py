"""A SEW-ResNet out of SpikingJelly's zoo, which takes images repeated over time, time first.

That time is its first axis is found out by trying, and noted. The zoo imports torchvision.

::

    landscape train --model sew_resnet.py:make --data sew_resnet.py:load --readout rate \
        -o sew_resnet.safetensors
    landscape analyze sew_resnet.safetensors --model sew_resnet.py:make \
        --data sew_resnet.py:load --budget quick -o reports/sew_resnet
"""

from spikingjelly.activation_based import functional, neuron, surrogate
from spikingjelly.activation_based.model.sew_resnet import BasicBlock, SEWResNet
from torch import Tensor, nn

from landscape.data.fashion_mnist import load_embedded


def load() -> tuple[Tensor, Tensor]:
    """A few small images in three channels."""
    data = load_embedded("train")
    x = nn.functional.avg_pool2d(data.inputs[:128], 2)
    return x.expand(-1, 3, -1, -1), data.targets[:128]


def make() -> nn.Module:
    neurons = {"spiking_neuron": neuron.LIFNode, "surrogate_function": surrogate.ATan()}
    net: nn.Module = SEWResNet(BasicBlock, [1, 1, 1, 1], num_classes=10, cnf="ADD", **neurons)
    functional.set_step_mode(net, "m")
    return net
