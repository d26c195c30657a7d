"""A VGG of leaky neurons, trained from IKUN with the very surrogate that it has, and analysed.

::

    landscape train --model lif_vgg.py:make --data fashion-mnist-embedded --beta surrogate \
        -o lif_vgg.safetensors
    landscape analyze lif_vgg.safetensors --model lif_vgg.py:make --budget quick -o reports/lif_vgg
"""

from spikingjelly.activation_based import functional, layer, neuron, surrogate
from torch import Tensor, nn


class VGG(nn.Module):
    """Three blocks of convolution, batch norm, leaky neurons and pooling; the mean firing rate."""

    def __init__(self, channels: int = 4, num_time_steps: int = 4) -> None:
        super().__init__()
        self.num_time_steps = num_time_steps
        layers: list[nn.Module] = []
        for c_in, c_out in ((1, channels), (channels, channels), (channels, 2 * channels)):
            layers += [layer.Conv2d(c_in, c_out, 3, padding=1, bias=False)]
            layers += [layer.BatchNorm2d(c_out), lif(), layer.MaxPool2d(2, 2)]
        layers += [layer.Flatten(), layer.Linear(2 * channels * 9, 10, bias=False), lif()]
        self.layers = nn.Sequential(*layers)
        functional.set_step_mode(self, "m")

    def forward(self, images: Tensor) -> Tensor:
        """Images of shape (N, 1, 28, 28) to firing rates of shape (N, 10)."""
        rates: Tensor = self.layers(images.expand(self.num_time_steps, *images.shape)).mean(0)
        return rates


def lif() -> nn.Module:
    return neuron.LIFNode(tau=2.0, surrogate_function=surrogate.Sigmoid(alpha=4.0))


def make() -> nn.Module:
    return VGG()
