"""Spiking networks by SpikingJelly, snnTorch, Norse, sinabs and from NIR, led through time."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from benchmarks.tried import nets, spiking_nets
from benchmarks.tried.case import Case, Tried
from benchmarks.tried.events import EXAMPLES, recorded
from benchmarks.tried.spiking_nets import HERE, NUM_STEPS
from landscape.factories import parse_arguments

Function = Callable[[nn.Module, Tensor], Tensor]
# Tensors, or what writes files, and says how they are named and what is in them.
Data = tuple[Tensor, Tensor] | Callable[[], tuple[str, Tensor, Tensor]]


def _case(
    libraries: str,
    network: str,
    words: str,
    outputs: Function,
    data: Data,
    name: str,
    **more: Any,
) -> Case:
    """What ``name``, with arguments, makes, and what the options in ``words`` make of its outputs.

    ``outputs`` is a loop or a reshape written by hand.
    """
    made = lambda: _tried(words.split(), outputs, data, name, **more)  # noqa: E731
    return Case(tuple(libraries.split()), network, made)


def _tried(
    words: Sequence[str],
    outputs: Function,
    data: Data,
    name: str,
    *,
    loss: str = "cross-entropy",
    value: Callable[[Tensor, Tensor], Tensor] = cross_entropy,
    size: float = 1.5,
    params: Sequence[str] = (),
) -> Tried:
    """At weights, ``size`` times standard normal over the root of the fan-in, at which it fires."""
    function, _, query = name.partition("?")
    model = getattr(spiking_nets, function)(**parse_arguments(query))
    place, x, y = data() if callable(data) else _saved(*data)
    with torch.no_grad():
        for p in model.parameters():
            if p.ndim > 1:
                p.copy_(size * torch.randn_like(p) / p[0].numel() ** 0.5)
    torch.save(model.state_dict(), "net.pth")
    named = ["net.pth", "--model", f"{HERE}:{name}", "--data", place, "--loss", loss]
    model.eval().double()
    for module in model.modules():
        if type(module).__module__.startswith(("snntorch", "sinabs")):  # which fire in float32
            module.register_forward_hook(_as_precise)
    chosen = [p for n, p in model.named_parameters() if not params or n in params]
    theta = [p for p in chosen if p.requires_grad]
    return Tried([*named, *words], lambda: value(outputs(model, x.double()), y), theta, params)


def _saved(x: Tensor, y: Tensor) -> tuple[str, Tensor, Tensor]:
    np.savez("xy.npz", x=x.numpy(), y=y.numpy())
    return "xy.npz", x, y


def _as_precise(_module: nn.Module, inputs: tuple[Tensor, ...], output: Any) -> Any:
    if isinstance(output, tuple):
        return tuple(part.to(inputs[0].dtype) for part in output)
    return output.to(inputs[0].dtype)


def _at_rest(model: nn.Module) -> nn.Module:
    """By the libraries' own words."""
    for module in model.modules():
        for word in ("reset_mem", "reset_states", "reset"):
            if hasattr(module, word):
                getattr(module, word)()
                break
    return model


def _still(model: nn.Module, x: Tensor) -> Tensor:
    """Repeated, with time first."""
    rates: Tensor = _at_rest(model)(x.expand(NUM_STEPS, *x.shape)).mean(0)
    return rates


def _frame_by_frame(model: nn.Module, x: Tensor) -> Tensor:
    """Frames (N, T, …), with time first."""
    rates: Tensor = _at_rest(model)(x.transpose(0, 1)).mean(0)
    return rates


def _loop(part: int | None = None) -> Function:
    """A call for each step; ``part`` of what it returns, or all, time first."""

    def outputs(model: nn.Module, x: Tensor) -> Tensor:
        steps = [_at_rest(model)(x), *(model(x) for _ in range(NUM_STEPS - 1))]
        return torch.stack([step if part is None else step[part] for step in steps])

    return outputs


def _looped(model: nn.Module, x: Tensor) -> Tensor:
    return _loop()(model, x).mean(0)


def _largest(model: nn.Module, x: Tensor) -> Tensor:
    return _loop(1)(model, x).amax(0)


def _with_state(model: nn.Module, x: Tensor) -> Tensor:
    """A call for each step, which is handed the state of the one before."""
    _at_rest(model)
    state, found = None, []
    for _ in range(NUM_STEPS):
        out, state = model(x, state)
        found.append(out)
    return torch.stack(found).mean(0)


def _frames() -> tuple[Tensor, Tensor]:
    """Rows of 6 numbers for each step, shape (N, T, 6)."""
    x, y = nets.vectors(12)
    return x[:, None] * torch.linspace(0.5, 1.5, NUM_STEPS)[:, None], y


def _events() -> tuple[Tensor, Tensor]:
    """Frames of events of the size of N-MNIST's, (N, T, 2, 34, 34)."""
    x = torch.rand(3, NUM_STEPS, 2, 34, 34, generator=torch.Generator().manual_seed(6))
    return (x > 0.5).float(), torch.arange(3)


_STEPS = f"--time-steps {NUM_STEPS}"
_RATE, _PEAK = "--readout rate", f"{_STEPS} --readout mem_max"
_REPEATED = f"--layout T-first {_STEPS} {_RATE}"
_MOVED = f"--layout T-first {_RATE}"
_ROWS, _IMAGES = nets.vectors(12), nets.images(3, 3, 16)
_ALL = "--top 99"  # of all parameters
_JELLY, _ZOO = "spikingjelly", "spikingjelly torchvision"
_NIR = "nir nirtorch"


_RATE_LOSS = {
    "loss": "snntorch.functional:ce_rate_loss",
    "value": lambda spikes, y: torch.stack([cross_entropy(step, y) for step in spikes]).mean(),
}
CASES = (
    _case(_JELLY, "PLIF and LIF, multi-step", _REPEATED, _still, _ROWS, "leaky"),
    _case(_JELLY, "PLIF and LIF, single-step", f"{_STEPS} {_RATE}", _looped, _ROWS, "leaky?mode=s"),
    _case(_JELLY, "PLIF and LIF, frames (N, T, …)", _MOVED, _frame_by_frame, _frames(), "leaky"),
    _case(
        _ZOO, "SEW-ResNet: first shifts, last bias", _REPEATED, _still, _IMAGES, "sew_resnet",
        params=["bn1.bias", "fc.bias"],
    ),
    _case(
        _ZOO, "spiking VGG: classifier", _REPEATED, _still, nets.images(4, 3, 16), "spiking_vgg",
        params=["classifier.weight", "classifier.bias"],
    ),
    _case(
        _JELLY, "PLIF net for N-MNIST: first batch norm", _MOVED, _frame_by_frame, _events(),
        "parametric_lif_net", size=4, params=["conv_fc.1.weight", "conv_fc.1.bias"],
    ),
    _case(
        f"tonic {_JELLY}", "PLIF net, N-MNIST's files by tonic: first batch norm",
        f"{_MOVED} {EXAMPLES}", _frame_by_frame, recorded, "parametric_lif_net", size=4,
        params=["conv_fc.1.weight", "conv_fc.1.bias"],
    ),
    _case(
        _JELLY, "Spikformer: head", _RATE, lambda net, x: _at_rest(net)(x).mean(0), _IMAGES,
        "spikformer", size=4, params=["head.weight", "head.bias"],
    ),
    _case("snntorch", "Leaky, largest membrane", _PEAK, _largest, _ROWS, "Step"),
    _case("snntorch", "Leaky, ce_rate_loss", _STEPS, _loop(0), _ROWS, "Step", **_RATE_LOSS),
    _case(
        "norse", "LIF and LI, frames", "--readout last",
        lambda net, x: net(x.transpose(0, 1))[0][-1], _frames(), "norse_layers", size=4,
    ),
    _case(
        "sinabs", "LIF and IAF, frames", f"--layout N-first {_RATE}",
        lambda net, x: _at_rest(net)(x).mean(1), _frames(), "sinabs_layers", size=3,
    ),
    *(
        _case(
            f"{_NIR} {by}", f"LIF of a graph in NIR, by {by}, all eigenvalues",
            f"{_STEPS} {_RATE} {_ALL}", _with_state, _ROWS, f"nir_graph?by={by}", size=4,
        )
        for by in ("snntorch", "norse")
    ),
)  # fmt: skip
