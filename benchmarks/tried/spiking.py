"""Spiking networks by SpikingJelly, snnTorch, Norse, sinabs and from NIR, led through time."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from benchmarks.tried import nets, spiking_nets
from benchmarks.tried.case import Case, Tried
from benchmarks.tried.spiking_nets import HERE, NUM_STEPS

_T_FIRST = ("--layout", "T-first")
_N_FIRST = ("--layout", "N-first")
_STEPS = ("--time-steps", str(NUM_STEPS))
Data = tuple[Tensor, Tensor]


def _frames() -> Data:
    """Rows of 6 numbers for each step, shape (N, T, 6)."""
    x, y = nets.vectors(12)
    steps = torch.linspace(0.5, 1.5, NUM_STEPS)[:, None]
    return x[:, None] * steps, y


def _events() -> Data:
    """Frames of events of the size of N-MNIST's, (N, T, 2, 34, 34)."""
    x = torch.rand(3, NUM_STEPS, 2, 34, 34, generator=torch.Generator().manual_seed(6))
    return (x > 0.5).float(), torch.arange(3)


def _tried(
    name: str,
    data: Data,
    time: Sequence[str],
    outputs: Callable[[nn.Module, Tensor], Tensor],
    *,
    readout: str = "rate",
    loss: str = "cross-entropy",
    value: Callable[[Tensor, Tensor], Tensor] = cross_entropy,
    size: float = 1.5,
    params: Sequence[str] = (),
    **arguments: str,
) -> Tried:
    """The network called ``name``, of weights at which it fires.

    ``outputs`` is what the readout makes of the steps, by a loop or a reshape written by hand.
    """
    model, (x, y) = getattr(spiking_nets, name)(**arguments), data
    with torch.no_grad():
        for p in model.parameters():
            if p.ndim > 1:
                p.copy_(size * torch.randn_like(p) / p[0].numel() ** 0.5)
    torch.save(model.state_dict(), "net.pth")
    np.savez("xy.npz", x=x.numpy(), y=y.numpy())
    query = "".join(f"?{k}={v}" for k, v in arguments.items())
    words = ["net.pth", "--model", f"{HERE}:{name}{query}", "--data", "xy.npz", "--loss", loss]
    words += [*time, *(["--readout", readout] if readout else [])]
    model.eval().double()
    for module in model.modules():
        if type(module).__module__.startswith(("snntorch", "sinabs")):  # which fire in float32
            module.register_forward_hook(_as_precise)
    theta = [p for n, p in model.named_parameters() if not params or n in params]
    return Tried(words, lambda: value(outputs(model, x.double()), y), theta, params)


def _as_precise(_module: nn.Module, inputs: tuple[Tensor, ...], output: Any) -> Any:
    if isinstance(output, tuple):
        return tuple(part.to(inputs[0].dtype) for part in output)
    return output.to(inputs[0].dtype)


def _rest(model: nn.Module) -> None:
    """By the libraries' own words."""
    for module in model.modules():
        for word in ("reset_mem", "reset_states", "reset"):
            if hasattr(module, word):
                getattr(module, word)()
                break


def _at_once(model: nn.Module, x: Tensor) -> Tensor:
    """Still inputs, repeated with time first."""
    _rest(model)
    rates: Tensor = model(x.expand(NUM_STEPS, *x.shape)).mean(0)
    return rates


def _frames_at_once(model: nn.Module, x: Tensor) -> Tensor:
    _rest(model)
    rates: Tensor = model(x.transpose(0, 1)).mean(0)
    return rates


def _by_itself(model: nn.Module, x: Tensor) -> Tensor:
    _rest(model)
    rates: Tensor = model(x).mean(0)
    return rates


def _in_a_loop(model: nn.Module, x: Tensor) -> Tensor:
    _rest(model)
    return torch.stack([model(x) for _ in range(NUM_STEPS)]).mean(0)


def _membranes(model: nn.Module, x: Tensor) -> Tensor:
    _rest(model)
    return torch.stack([model(x)[1] for _ in range(NUM_STEPS)]).amax(0)


def _norse(model: nn.Module, x: Tensor) -> Tensor:
    outputs, _ = model(x.transpose(0, 1))
    last: Tensor = outputs[-1]
    return last


def _sinabs(model: nn.Module, x: Tensor) -> Tensor:
    _rest(model)
    rates: Tensor = model(x).mean(1)
    return rates


def _spikes(model: nn.Module, x: Tensor) -> Tensor:
    _rest(model)
    return torch.stack([model(x)[0] for _ in range(NUM_STEPS)])


def _mean_over_steps(spikes: Tensor, y: Tensor) -> Tensor:
    """snnTorch's ce_rate_loss: cross entropy with the spikes of each step as logits."""
    return torch.stack([cross_entropy(step, y) for step in spikes]).mean()


def _nir() -> Tried:
    def outputs(model: nn.Module, x: Tensor) -> Tensor:
        _rest(model)
        state, found = None, []
        for _ in range(NUM_STEPS):
            out, state = model(x, state)
            found.append(out)
        return torch.stack(found).mean(0)

    return _tried("nir_graph", nets.vectors(12), _STEPS, outputs, size=4)


_JELLY, _ZOO = ("spikingjelly",), ("spikingjelly", "torchvision")
_REPEATED = (*_T_FIRST, *_STEPS)
CASES = (
    Case(
        _JELLY,
        "PLIF and LIF, multi-step",
        lambda: _tried("spikingjelly", nets.vectors(12), _REPEATED, _at_once),
    ),
    Case(
        _JELLY,
        "PLIF and LIF, single-step",
        lambda: _tried("spikingjelly", nets.vectors(12), _STEPS, _in_a_loop, mode="s"),
    ),
    Case(
        _JELLY,
        "PLIF and LIF, frames (N, T, …)",
        lambda: _tried("spikingjelly", _frames(), _T_FIRST, _frames_at_once),
    ),
    Case(
        _ZOO,
        "SEW-ResNet: first shifts, last bias",
        lambda: _tried(
            "sew_resnet", nets.images(4, 3, 32), _REPEATED, _at_once,
            params=["bn1.bias", "fc.bias"],
        ),
    ),  # fmt: skip
    Case(
        _ZOO,
        "spiking VGG",
        lambda: _tried("spiking_vgg", nets.images(4, 3, 16), _REPEATED, _at_once),
    ),
    Case(
        _JELLY,
        "PLIF net for N-MNIST: shifts",
        lambda: _tried(
            "parametric_lif_net", _events(), _T_FIRST, _frames_at_once,
            params=["conv_fc.1.weight", "conv_fc.1.bias"], size=4,
        ),
    ),  # fmt: skip
    Case(
        _JELLY,
        "Spikformer: head",
        lambda: _tried(
            "spikformer", nets.images(3, 3, 16), (), _by_itself,
            params=["head.weight", "head.bias"], size=4,
        ),
    ),  # fmt: skip
    Case(
        ("snntorch",),
        "Leaky, largest membrane",
        lambda: _tried(
            "snntorch_step", nets.vectors(12), _STEPS, _membranes, readout="mem_max"
        ),
    ),  # fmt: skip
    Case(
        ("snntorch",),
        "Leaky, its rate loss",
        lambda: _tried(
            "snntorch_step", nets.vectors(12), _STEPS, _spikes, readout="",
            loss="snntorch.functional:ce_rate_loss", value=_mean_over_steps,
        ),
    ),  # fmt: skip
    Case(
        ("norse",),
        "LIF and LI, frames",
        lambda: _tried("norse_layers", _frames(), (), _norse, readout="last", size=4),
    ),
    Case(
        ("sinabs",),
        "LIF and IAF, frames",
        lambda: _tried("sinabs_layers", _frames(), _N_FIRST, _sinabs, size=3),
    ),
    Case(("nir", "nirtorch", "snntorch"), "LIF of a graph in NIR", _nir),
)
