"""The weights of a network's layers: how many inputs an output has, and which neurons come next.

Counted are a layer's connections: groups share nothing, and each of a transposed convolution's
outputs gets, on average, what its kernel holds divided by its stride. The fan-out of a strided
convolution counts the kernel whole, as Glorot's and He's formulas are used everywhere. A recurrent
weight is a layer of its own, whose inputs are the neurons that feed back; the gates of a recurrent
layer, and the three projections of attention, are layers side by side.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from torch import nn
from torch.nn.parameter import UninitializedParameter

from landscape.snn.adapters import is_library_neuron, spiking_neurons

_PLAIN = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d)
_TRANSPOSED = (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)
_RECURRENT = (nn.RNNBase, nn.RNNCellBase)
_LAYERS = (*_PLAIN, *_TRANSPOSED, *_RECURRENT, nn.MultiheadAttention)
Norm = nn.modules.batchnorm._NormBase | nn.LayerNorm | nn.GroupNorm | nn.RMSNorm
_TOKENS = ("bias_k", "bias_v")  # of attention: learnt tokens, whatever they are called
_GATES = {"LSTM": 4, "GRU": 3, "RNN": 1}  # by how the class's name begins


@dataclass(frozen=True, kw_only=True)
class Weight:
    """A weight that is drawn at random.

    Attributes
    ----------
    parameter
        Itself: ``blocks`` matrices below one another, kernels flattened into their columns.
    normalised
        Whether a batch norm comes next.
    neurons
        The layer of neurons that its outputs reach; None: there is none.
    """

    name: str
    parameter: nn.Parameter
    fan_in: float
    fan_out: float
    blocks: int = 1
    normalised: bool = False
    neurons: nn.Module | None = None

    @property
    def side(self) -> int:
        """The longer side of a block."""
        rows, *columns = self.parameter.shape
        return max(rows // self.blocks, math.prod(columns))


def weights_of(model: nn.Module) -> Iterator[Weight]:
    """Each weight once, in the order in which the network holds its modules.

    That order also says what comes next: the neurons of a layer are those that it is a part of,
    else the next ones that the network holds, else the last.

    Raises
    ------
    ValueError
        If a weight is computed from other parameters, or has no shape yet.
    """
    modules = list(model.named_modules())
    neurons = {id(neuron) for neuron in spiking_neurons(model)}
    seen: set[int] = set()
    for place, (name, module) in enumerate(modules):
        if not isinstance(module, _LAYERS):
            continue
        follower = modules[place + 1][1] if place + 1 < len(modules) else None
        for key, fan_in, fan_out, blocks in _matrices(module):
            full = f"{name}.{key}" if name else key
            parameter = module._parameters.get(key)
            if parameter is None or isinstance(parameter, UninitializedParameter):
                raise ValueError(
                    f"{full} is no parameter yet, or is computed from others (a lazy layer, a "
                    "parametrisation, weight norm): initialise the network before it is wrapped "
                    "so, and after its first use."
                )
            if id(parameter) in seen:  # tied to an earlier one, which has it
                continue
            seen.add(id(parameter))
            yield Weight(
                name=full,
                parameter=parameter,
                fan_in=fan_in,
                fan_out=fan_out,
                blocks=blocks,
                normalised=isinstance(follower, nn.modules.batchnorm._BatchNorm),
                neurons=_next_neurons(modules, place, neurons),
            )


def zeroed_of(model: nn.Module) -> Iterator[tuple[str, nn.Parameter]]:
    """The biases of the layers, which start at zero."""
    for name, module in model.named_modules():
        if isinstance(module, _LAYERS):
            for key, parameter in module._parameters.items():
                if parameter is not None and "bias" in key and key not in _TOKENS:
                    yield f"{name}.{key}" if name else key, parameter


def norms_of(model: nn.Module) -> Iterator[tuple[str, Norm]]:
    """The normalisations, which start at weight 1 and bias 0."""
    for name, module in model.named_modules():
        if isinstance(module, Norm):
            yield name, module


def neurons_own(model: nn.Module) -> set[int]:
    """Ids of the parameters that neurons hold themselves, such as a learnt decay."""
    return {
        id(parameter)
        for module in model.modules()
        if is_library_neuron(module)
        for parameter in module._parameters.values()
        if parameter is not None
    }


def _matrices(module: nn.Module) -> Iterator[tuple[str, float, float, int]]:
    """Name, fan-in, fan-out and blocks of each weight of a layer."""
    if isinstance(module, nn.Linear):
        yield "weight", module.in_features, module.out_features, 1
    elif isinstance(module, nn.MultiheadAttention):
        E, heads = module.embed_dim, (module.kdim, module.vdim)
        if module._qkv_same_embed_dim:
            yield "in_proj_weight", E, E, 3
        else:
            for key, n in zip(("q", "k", "v"), (E, *heads), strict=True):
                yield f"{key}_proj_weight", n or E, E, 1
    elif isinstance(module, _RECURRENT):
        gates = next(n for kind, n in _GATES.items() if type(module).__name__.startswith(kind))
        for key, parameter in module._parameters.items():
            if parameter is not None and "weight" in key:
                blocks = 1 if "_hr_" in key else gates  # an LSTM's projection has no gates
                yield key, parameter.shape[1], parameter.shape[0] // blocks, blocks
    else:
        assert isinstance(module, nn.modules.conv._ConvNd)
        kernel, groups = math.prod(module.kernel_size), module.groups
        fan_in, fan_out = (n // groups * kernel for n in (module.in_channels, module.out_channels))
        stride = math.prod(module.stride) if module.transposed else 1
        yield "weight", fan_in / stride, fan_out, groups


def _next_neurons(
    modules: Sequence[tuple[str, nn.Module]], place: int, neurons: set[int]
) -> nn.Module | None:
    name, found = modules[place][0], None
    above = [m for n, m in modules if id(m) in neurons and name.startswith(f"{n}.")]
    if above:
        return above[-1]
    for index, (_, module) in enumerate(modules):
        if id(module) in neurons:
            found = module
            if index > place:
                break
    return found
