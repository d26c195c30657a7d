"""Spiking networks whose neurons are those of ``landscape.snn.neuron``.

The image is the same at each time step, so everything before the first neuron is computed once
per image. Both networks are functions of their parameters and input alone: no state survives.
"""

import itertools

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from landscape.snn.convolution import conv2d
from landscape.snn.kernels import NeuronDynamics
from landscape.snn.neuron import SpikingNeuron
from landscape.snn.surrogate import ATan, Surrogate


class CSNN(nn.Module):
    """The convolutional spiking network of Chang, Wang & Xiao (arXiv 2411.18250).

    [conv 3x3 1→C, BN, IF, maxpool 2], [conv 3x3 C→C, BN, IF, maxpool 2], flatten, fc → 16 C, IF,
    fc → 10, IF; no biases; hard reset to 0, not detached. C = 128 gives 13,014,656 parameters.
    The state dict has the keys of the released code: ``conv_fc.0.weight`` and so on.

    Parameters
    ----------
    channels
        C.
    num_time_steps
        T.
    surrogate
        Of all neurons; None is ATan(alpha=2).
    threshold
        Of all neurons.
    smooth
        Emit the surrogate's primitive in place of spikes.
    image_size
        Height and width of the images, a multiple of 4.
    """

    def __init__(
        self,
        channels: int,
        num_time_steps: int = 4,
        *,
        surrogate: Surrogate | None = None,
        threshold: float = 1.0,
        smooth: bool = False,
        image_size: int = 28,
    ) -> None:
        super().__init__()
        if channels < 1:
            raise ValueError(f"channels must be at least 1; got {channels}.")
        if num_time_steps < 1:
            raise ValueError(f"num_time_steps must be at least 1; got {num_time_steps}.")
        if image_size < 4 or image_size % 4:
            raise ValueError(f"image_size must be a multiple of 4; got {image_size}.")
        self.channels = channels
        self.num_time_steps = num_time_steps
        self.image_size = image_size
        dynamics = NeuronDynamics(threshold=threshold, surrogate=surrogate or ATan(), smooth=smooth)

        def neurons() -> SpikingNeuron:
            return SpikingNeuron(num_time_steps, dynamics)

        self.conv_fc = nn.Sequential(
            nn.Conv2d(1, channels, 3, padding=1, bias=False),
            nn.BatchNorm2d(channels),
            neurons(),
            nn.MaxPool2d(2),
            nn.Conv2d(channels, channels, 3, padding=1, bias=False),
            nn.BatchNorm2d(channels),
            neurons(),
            nn.MaxPool2d(2),
            nn.Flatten(),
            nn.Linear(channels * (image_size // 4) ** 2, channels * 16, bias=False),
            neurons(),
            nn.Linear(channels * 16, 10, bias=False),
            neurons(),
        )

    def forward(self, images: Tensor) -> Tensor:
        """Mean firing rates (N, 10), in [0, 1], of images (N, 1, 28, 28)."""
        size = self.image_size
        if images.ndim != 4 or images.shape[1:] != (1, size, size):
            raise ValueError(
                f"images must have shape (N, 1, {size}, {size}); got {tuple(images.shape)}."
            )
        conv1, bn1, if1, _, conv2, bn2, if2, _, flatten, fc1, if3, fc2, if4 = self.conv_fc
        assert isinstance(if1, SpikingNeuron)
        assert isinstance(if2, SpikingNeuron)
        x = conv_bn(_channels_last(images), conv1, bn1, repeats=self.num_time_steps)
        x = if1.pooled(x[None]).flatten(0, 1)  # (T N, C, H/2, W/2)
        x = if2.pooled(self._in_time(conv_bn(x, conv2, bn2))).flatten(0, 1)
        x = if3(self._in_time(fc1(flatten(x)))).flatten(0, 1)  # (T N, 16 C)
        spikes: Tensor = if4(self._in_time(fc2(x)))  # (T, N, 10)
        return spikes.mean(0)

    def _in_time(self, x: Tensor) -> Tensor:
        """(T N, ...) -> (T, N, ...)."""
        return x.view(self.num_time_steps, -1, *x.shape[1:])


class SpikingMLP(nn.Module):
    """Fully connected spiking network: linear, neurons, ..., linear, neurons, mean rate.

    Parameters
    ----------
    sizes
        Numbers of features, from input to output, at least two.
    num_time_steps
        T.
    dynamics
        Of all neurons; None is the published integrate-and-fire neuron.
    bias
        Whether the linear layers have biases.
    """

    def __init__(
        self,
        sizes: tuple[int, ...],
        num_time_steps: int = 4,
        *,
        dynamics: NeuronDynamics | None = None,
        bias: bool = False,
    ) -> None:
        super().__init__()
        if len(sizes) < 2 or min(sizes) < 1:
            raise ValueError(f"sizes must be two or more positive numbers; got {sizes}.")
        self.num_time_steps = num_time_steps
        self.linears = nn.ModuleList(
            nn.Linear(n_in, n_out, bias=bias) for n_in, n_out in itertools.pairwise(sizes)
        )
        self.neurons = SpikingNeuron(num_time_steps, dynamics or NeuronDynamics())

    def forward(self, x: Tensor) -> Tensor:
        """Mean firing rates (N, sizes[-1]) of inputs (N, ...) that flatten to (N, sizes[0])."""
        x = x.flatten(1).unsqueeze(0)  # (1, N, features): constant in time
        for linear in self.linears:
            x = self.neurons(linear(x))
        return x.mean(0)


def conv_bn(x: Tensor, conv: nn.Module, bn: nn.Module, *, repeats: int = 1) -> Tensor:
    """Return ``bn(conv(x))``, in eval mode as one convolution.

    In train mode, ``repeats`` says how many equal copies of ``x`` the batch stands for: batch
    statistics are the same for any number of copies, except the factor n / (n - 1) that makes
    the running variance unbiased, and with it the state matches that of the repeated batch.
    Hooks before the convolution see its input, as if it were called.
    """
    assert isinstance(conv, nn.Conv2d)
    assert isinstance(bn, nn.BatchNorm2d)
    for hook in conv._forward_pre_hooks.values():
        hook(conv, (x,))
    padding = int(conv.padding[0])
    if not bn.training and bn.running_mean is not None and bn.running_var is not None:
        # Folded into the weight: on a CPU, a sweep over the activations costs more than the
        # convolution, and its backward and double backward cost several.
        scale = bn.weight * torch.rsqrt(bn.running_var + bn.eps)
        bias = bn.bias - bn.running_mean * scale
        weight = conv.weight * scale[:, None, None, None]
        return conv2d(x, _channels_last(weight), bias, padding)
    x = conv2d(x, _channels_last(conv.weight), None, padding)
    # Momentum 1 leaves the batch's own mean and unbiased variance in these.
    mean, var = torch.zeros_like(bn.weight), torch.zeros_like(bn.weight)
    out = F.batch_norm(x, mean, var, bn.weight, bn.bias, training=True, momentum=1.0, eps=bn.eps)
    if bn.training and bn.running_mean is not None and bn.running_var is not None:
        n = x.numel() // x.shape[1]
        with torch.no_grad():
            if bn.num_batches_tracked is not None:
                bn.num_batches_tracked.add_(1)
            m = 0.1 if bn.momentum is None else bn.momentum
            bn.running_mean.lerp_(mean, m)
            bn.running_var.lerp_(var * (repeats * (n - 1) / (repeats * n - 1)), m)
    return out


def _channels_last(x: Tensor) -> Tensor:
    """Lay ``x`` out channels_last, also where one channel makes the layout ambiguous to torch."""
    if x.shape[1] == 1:
        n, c, h, w = x.shape
        return x.contiguous().as_strided((n, c, h, w), (h * w, 1, w, 1))
    return x.contiguous(memory_format=torch.channels_last)
