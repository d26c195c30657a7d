"""Which linear maps and norms a network calls, in which order, and which feeds which."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from landscape.curvature.symmetry.parts import Block, Map
from landscape.curvature.symmetry.recurrent import inputs_of
from landscape.nests import tensors_in
from landscape.objective.at_theta import leaves
from landscape.objective.risk import EmpiricalRisk

Key = tuple[int, int]  # where a tensor lies, and how many entries it has: views agree

_CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)
_BATCH_NORM = nn.modules.batchnorm._BatchNorm


@dataclass(frozen=True)
class Call:
    """A module with weights, as it was called."""

    name: str
    kind: str  # linear | convolution | batch norm | norm
    rows: Block  # its weight with the outputs first; γ of a norm
    columns: Block | None  # the same with the inputs first; None where it has no plain ones
    bias: Block | None
    num_inputs: int
    num_outputs: int  # 0 of the inputs of a recurrence
    source: Key
    target: Key
    eps: float = 0.0  # of a batch norm

    @property
    def map(self) -> Map:
        """The linear map that it is."""
        assert self.columns is not None
        return Map(self.columns, self.bias)


def record(risk: EmpiricalRisk) -> list[Call]:
    """The calls of modules with weights, on the first batch of ``risk``, in their order.

    Functions that are not modules leave no trace. A network that uses the weights of its modules
    without calling them has these in the order of their definition. What is made of the record is
    confirmed by moving the weights.
    """
    names = {module: name for name, module in risk.model.named_modules()}
    calls: list[Call] = []
    held: list[Tensor] = []  # a freed tensor's place is used again

    def heard(module: nn.Module, args: Any, kwargs: Any, output: Any) -> None:
        inputs, outputs = tensors_in([args, kwargs]), tensors_in([output])
        if not inputs or not outputs:
            return
        held.extend((*inputs, *outputs))
        calls.extend(_calls(module, names[module], risk, list(inputs), outputs[0]))

    # With leaves: where nothing asks for a gradient, PyTorch runs a whole encoder layer at once.
    with risk.swapped(leaves(risk.layout.split(risk.theta))), _hooks(names, heard):
        risk.terms(0)
    heard_of = {call.name for call in calls}
    order = {name: place for place, name in enumerate(names.values())}
    inside = tuple(f"{n}." for m, n in names.items() if isinstance(m, nn.MultiheadAttention))
    unheard = [
        call
        for module, name in names.items()
        if name not in heard_of and not name.startswith(inside)
        for call in _of_module(module, name, risk, (-order[name], 0), (-order[name], 1))
    ]
    if unheard:
        # Of attention and recurrences the maps within are calls, named after their weights.
        of_module = {call.name: call.name.rpartition(".")[0] for call in calls}
        calls = sorted(
            calls + unheard,
            key=lambda call: order.get(call.name, order.get(of_module.get(call.name, ""), 0)),
        )
    return calls


@contextmanager
def _hooks(modules: Iterable[nn.Module], hook: Callable[..., None]) -> Iterator[None]:
    with ExitStack() as stack:
        for module in modules:
            stack.callback(module.register_forward_hook(hook, with_kwargs=True).remove)
        yield


def _calls(
    module: nn.Module, name: str, risk: EmpiricalRisk, inputs: list[Tensor], output: Tensor
) -> Iterator[Call]:
    if isinstance(module, nn.MultiheadAttention):
        yield from _inputs_of_attention(module, name, inputs, output)
        return
    for cell in inputs_of(module, name, risk.parameters):
        weight = Block(cell.from_inputs)
        bias = None if cell.bias is None else Block(cell.bias)
        ends = (key_of(inputs[0]), key_of(output))
        columns = Block(cell.from_inputs, first=1, cut=1)
        # What comes out is no unit by itself: the recurrence has its part in it.
        yield Call(cell.from_inputs, "linear", weight, columns, bias, cell.num_inputs, 0, *ends)
    yield from _of_module(module, name, risk, key_of(inputs[0]), key_of(output), output.shape[-1:])


def _of_module(
    module: nn.Module,
    name: str,
    risk: EmpiricalRisk,
    source: Key,
    target: Key,
    width: Sequence[int] = (),
) -> Iterator[Call]:
    """A module with weights; a norm only where its output has as many channels, ``width``."""
    at = f"{name}." if name else ""
    weight = getattr(module, "weight", None)
    if f"{at}weight" not in risk.parameters or not isinstance(weight, Tensor):
        return
    if weight.is_complex():
        return
    kind, columns, eps = "", None, 0.0
    rows = Block(f"{at}weight")
    num_inputs = num_outputs = len(weight)
    if is_linear(module):
        kind, out = "linear", int(is_transposed(module))
        rows, columns = (Block(f"{at}weight", first=d, cut=d) for d in (out, 1 - out))
        num_inputs, num_outputs = weight.shape[1 - out], weight.shape[out]
    elif isinstance(module, _CONVOLUTIONS):
        kind, num_inputs = "convolution", module.in_channels
        columns = Block(f"{at}weight", first=1, cut=1) if module.groups == 1 else None
    elif isinstance(module, _BATCH_NORM):
        kind, eps = ("" if module.running_mean is None else "batch norm"), module.eps
    elif weight.ndim == 1 and _may_scale(module):
        kind = "norm" if tuple(width) == weight.shape else ""
    if kind:
        bias = Block(f"{at}bias") if f"{at}bias" in risk.parameters else None
        sizes = (num_inputs, num_outputs)
        yield Call(name, kind, rows, columns, bias, *sizes, source, target, eps)


def _inputs_of_attention(
    module: nn.MultiheadAttention, name: str, inputs: list[Tensor], output: Tensor
) -> Iterator[Call]:
    """The three maps into PyTorch's attention, which are no modules of their own."""
    at, E = (f"{name}." if name else ""), module.embed_dim
    packed = f"{at}in_proj_weight" in dict(module.named_parameters(prefix=name))
    has_bias = f"{at}in_proj_bias" in dict(module.named_parameters(prefix=name))
    for part, (source, letter) in enumerate(zip(inputs[:3], "qkv", strict=False)):
        start, stop = part * E, (part + 1) * E
        bias = Block(f"{at}in_proj_bias", start=start, stop=stop) if has_bias else None
        if packed:
            rows, columns = (Block(f"{at}in_proj_weight", d, 0, start, stop) for d in (0, 1))
        else:
            rows, columns = (Block(f"{at}{letter}_proj_weight", d, d) for d in (0, 1))
        ends = (key_of(source), key_of(output))
        yield Call(f"{at}{letter}", "linear", rows, columns, bias, source.shape[-1], E, *ends)


def _may_scale(module: nn.Module) -> bool:
    """Whether it may end in γ ⊙ x + β: a norm by its name, or by having nothing but these."""
    if type(module).__name__.endswith("Norm"):
        return True
    of_pytorch = type(module).__module__.startswith("torch.nn")
    return not of_pytorch and {name for name, _ in module.named_parameters()} <= {"weight", "bias"}


def is_linear(module: nn.Module) -> bool:
    """Whether it multiplies by a matrix that is a parameter."""
    return isinstance(module, nn.Linear) or is_transposed(module)


def is_transposed(module: nn.Module) -> bool:
    """Whether its weight has the inputs first, as in GPT-2."""
    return type(module).__name__ == "Conv1D" and getattr(module, "weight", None) is not None


def key_of(tensor: Tensor) -> Key:
    """What views of all of a tensor have in common."""
    return tensor.data_ptr(), tensor.numel()
