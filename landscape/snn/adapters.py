"""Spiking networks written with other libraries: recognise them, reset them, describe them.

Nothing is imported from those libraries: a module belongs to one if a class that it inherits from
is defined there. A loss is a function of parameters and data only once the neurons' state is put
back to rest before every evaluation; ``reset_state`` does that, also where the library's own
reset does not reach (snnTorch's ``utils.reset`` looks at a network's direct children only).
"""

import importlib.metadata
import inspect
from collections import Counter
from collections.abc import Iterator
from typing import Any

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from landscape.networks import copied
from landscape.snn.neuron import SpikingNeuron

_LIBRARIES = {
    "spikingjelly": "SpikingJelly",
    "snntorch": "snnTorch",
    "sinabs": "sinabs",
    "norse": "Norse",
}
_HOLD_SURROGATE = ("surrogate_function", "spike_grad")  # of SpikingJelly and snnTorch
_GIVE_FLOAT32 = ("snntorch", "sinabs")
# Methods by which neurons return to rest, in the order in which the first one found is taken.
_RESETS = ("reset_mem", "reset_states", "reset_state", "reset")


def reset_state(model: nn.Module) -> int:
    """Put all neurons of ``model`` to rest; return how many modules were reset.

    Calls the first of ``reset_mem`` (snnTorch), ``reset_states`` (sinabs), ``reset_state`` and
    ``reset`` (SpikingJelly) that a module has and that needs no argument; a stranger's plain
    ``reset`` only if the module holds no parameters. A network without state, such as those of
    ``landscape.snn``, is left alone.
    """
    count = 0
    for module in model.modules():
        for name in _RESETS:
            method = getattr(module, name, None)
            if (
                name == "reset"
                and library_of(module) is None
                and any(True for _ in module.parameters())
            ):
                continue  # elsewhere, ``reset`` may well mean "draw new weights"
            if callable(method) and _needs_no_argument(method):
                method()
                count += 1
                break
    return count


def is_spiking(model: nn.Module) -> bool:
    """Whether ``model`` holds neurons of this package or of a library known here."""
    return any(True for _ in _neurons(model))


def spiking_neurons(model: nn.Module) -> list[nn.Module]:
    """The neurons in ``model``, of this package or of a library known here."""
    return [neuron for _, neuron in _neurons(model)]


def library_of(module: nn.Module) -> str | None:
    """The package that a module's class, or one that it inherits from, is of, where known here."""
    for cls in type(module).__mro__:
        package = cls.__module__.partition(".")[0]
        if package in _LIBRARIES:
            return package
    return None


def described(neuron: nn.Module) -> str:
    """Its class, its surrogate, and step mode or reset where it tells."""
    return f"{type(neuron).__name__}{_settings(neuron)}"


def is_library_neuron(module: nn.Module) -> bool:
    """Whether it is a layer of neurons of a library known here."""
    return library_of(module) is not None and _fires(module)


def time_axis(neuron: nn.Module) -> int | None:
    """Which axis of its input a layer of neurons takes for time; None: a call is one step."""
    library = library_of(neuron)
    if library == "sinabs":
        return 1
    if library == "norse":
        return None if type(neuron).__name__.endswith("Cell") else 0
    own = isinstance(neuron, SpikingNeuron)
    return 0 if own or getattr(neuron, "step_mode", "s") == "m" else None


def folds_time(neuron: nn.Module) -> bool:
    """Whether it takes time and examples on one axis, as sinabs' squeezing layers do."""
    return library_of(neuron) == "sinabs" and hasattr(neuron, "squeeze_forward")


def surrogate_attribute(neuron: nn.Module) -> str | None:
    """What a library's neuron calls its surrogate; None: it only integrates, as readouts do."""
    return next((n for n in _HOLD_SURROGATE if callable(getattr(neuron, n, None))), None)


class EvalMode:
    """Eval mode of ``model``, gradients and precision intact; nothing changes until it is entered.

    In SpikingJelly up to 0.0.0.0.15, integrate-and-fire neurons in eval mode emit spikes that
    carry no gradient, so that every derivative would come out as zero or as an error. Such
    neurons are found by trying, and kept in train mode, which changes nothing else in them.
    snnTorch's and sinabs' spikes are float32 whatever comes in; they get their input's type back.
    Batch norms without running statistics stay as they are, and are named.

    Attributes
    ----------
    notes
        What was found.
    """

    def __init__(self, model: nn.Module) -> None:
        self._model = model
        self._cast_back = [n for library, n in _neurons(model) if library in _GIVE_FLOAT32]
        self._trapped = [n for _, n in _neurons(model) if not _has_gradient_in_eval(n)]
        self.notes = [*_notes_on_batch_norm(model), *_notes_on_trapped(self._trapped)]

    def enter(self) -> None:
        """Change the modules: modes, and hooks, which whoever calls this takes off again."""
        self._model.eval()
        for neuron in self._cast_back:
            neuron.register_forward_hook(_as_precise_as_input)
            for layer in _weighted_within(neuron):  # what they feed back
                layer.register_forward_pre_hook(_as_precise_as_weights)
        for neuron in self._trapped:
            neuron.train()


def batch_norms(model: nn.Module) -> list[_BatchNorm]:
    """In the order of its modules."""
    return [m for m in model.modules() if isinstance(m, _BatchNorm)]


def num_bare_batch_norms(model: nn.Module) -> int:
    """How many batch norms keep no running statistics, and so use each batch's in eval mode too."""
    return sum(norm.running_mean is None for norm in batch_norms(model))


def _notes_on_batch_norm(model: nn.Module) -> list[str]:
    bare = num_bare_batch_norms(model)
    if not bare:
        return []
    return [
        f"{bare} batch norms have no running statistics: in eval mode too they take each batch's, "
        "so that results depend on --batch-size"
    ]


def _notes_on_trapped(trapped: list[nn.Module]) -> list[str]:
    if not trapped:
        return []
    kinds = ", ".join(sorted({type(neuron).__name__ for neuron in trapped}))
    return [
        f"{len(trapped)} neuron layers ({kinds}) give no gradient in eval mode, as in "
        "SpikingJelly up to 0.0.0.0.15; they are kept in train mode, all else is in eval mode."
    ]


def spiking_notes(model: nn.Module) -> list[str]:
    """Describe the neurons, one line for each library and kind; empty if there are none.

    Each line names library and version, class and count, surrogate, and step mode or reset
    where the neurons tell.
    """
    kinds = Counter(
        f"{_library_and_version(library)}, {described(neuron)}"
        for library, neuron in _neurons(model)
    )
    return [f"{count} x {kind}" for kind, count in kinds.items()]


def _as_precise_as_input(neuron: nn.Module, inputs: tuple[Any, ...], output: Any) -> Any:
    if isinstance(output, tuple):
        return tuple(_as_precise_as_input(neuron, inputs, part) for part in output)
    if isinstance(output, torch.Tensor) and output.is_floating_point():
        return output.to(inputs[0].dtype)
    return output


def _weighted_within(neuron: nn.Module) -> list[nn.Module]:
    """The layers of a recurrence that neurons hold themselves."""
    return [m for m in neuron.modules() if m is not neuron and hasattr(m, "weight")]


def _as_precise_as_weights(layer: nn.Module, inputs: tuple[Any, ...]) -> tuple[Any, ...]:
    assert isinstance(layer.weight, torch.Tensor)  # a plain one while θ is in its place
    dtype = layer.weight.dtype
    return tuple(x.to(dtype) if isinstance(x, torch.Tensor) else x for x in inputs)


def _neurons(model: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    for module in model.modules():
        if isinstance(module, SpikingNeuron):
            yield "landscape", module
        elif is_library_neuron(module):
            yield library_of(module) or "", module


def _fires(module: nn.Module) -> bool:
    marks = ("v_threshold", "surrogate_function", "spike_grad", "threshold", "spike_threshold")
    if any(hasattr(module, mark) for mark in marks) or "neuron" in type(module).__module__:
        return True
    return hasattr(getattr(module, "p", None), "v_th")  # Norse's, but those that only integrate


def _library_and_version(library: str) -> str:
    if library == "landscape":
        return library
    try:
        return f"{_LIBRARIES[library]} {importlib.metadata.version(library)}"
    except importlib.metadata.PackageNotFoundError:
        return _LIBRARIES[library]


def _settings(neuron: nn.Module) -> str:
    if isinstance(neuron, SpikingNeuron):
        dyn = neuron.dynamics
        kind = "leaky integrate-and-fire" if dyn.tau else "integrate-and-fire"
        smooth = ", smooth" if dyn.smooth else ""
        return f" ({kind}, T={neuron.num_time_steps}, surrogate {dyn.surrogate}{smooth})"
    parts = []
    if (surrogate := getattr(neuron, "surrogate_function", None)) is not None:
        slope = getattr(surrogate, "alpha", None)
        shown = "" if slope is None else f"(alpha={float(slope):g})"
        named = getattr(surrogate, "__name__", type(surrogate).__name__)
        parts.append(f"surrogate {named}{shown}")
    if (surrogate := getattr(neuron, "spike_grad", None)) is not None:
        parts.append(f"surrogate {_closure_name(surrogate)}")
    if (surrogate := getattr(neuron, "surrogate_grad_fn", None)) is not None:  # of sinabs
        parts.append(f"surrogate {surrogate}")
    own: Any = getattr(neuron, "p", None)  # Norse's parameters
    if (named := getattr(own, "method", None)) is not None:
        parts.append(f"surrogate {named}(alpha={float(own.alpha):g})")
    if hasattr(neuron, "v_reset"):
        v_reset = neuron.v_reset
        parts.append("soft reset" if v_reset is None else f"hard reset to {v_reset:g}")
    if isinstance(mechanism := getattr(neuron, "_reset_mechanism", None), str):
        parts.append(f"reset by {mechanism}")
    if isinstance(mode := getattr(neuron, "step_mode", None), str):
        parts.append("multi-step" if mode == "m" else "single-step")
    return f" ({', '.join(parts)})" if parts else ""


def _closure_name(function: object) -> str:
    """Name snnTorch's surrogate, a function made by ``atan(alpha=2.0)`` and the like."""
    if not inspect.isfunction(function):
        return type(function).__name__
    values = inspect.getclosurevars(function).nonlocals
    slopes = [f"{k}={v:g}" for k, v in values.items() if isinstance(v, int | float)]
    name = function.__qualname__.partition(".")[0]
    return f"{name}({', '.join(slopes)})" if slopes else name


def _needs_no_argument(method: object) -> bool:
    try:
        parameters = inspect.signature(method).parameters.values()  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return False
    variadic = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return all(p.default is not p.empty or p.kind in variadic for p in parameters)


def _has_gradient_in_eval(neuron: nn.Module) -> bool:
    if library_of(neuron) != "spikingjelly":
        return True
    probe = copied(neuron).cpu()  # where the number below is
    reset_state(probe)
    probe.eval()
    # Neurons act elementwise, so one number in the step mode's shape is enough of an input.
    shape = (1, 1, 1) if getattr(probe, "step_mode", "s") == "m" else (1, 1)
    x = torch.full(shape, 2.0, requires_grad=True)
    try:
        with torch.enable_grad():
            spikes = probe(x)
    # A neuron that wants another shape of input, and says so in whatever way; the trap is known of
    # elementwise ones only.
    except Exception:
        return True
    return not isinstance(spikes, torch.Tensor) or spikes.requires_grad
