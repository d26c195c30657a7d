"""What a prediction is made of outputs over time, (T, N, …): one value for each output."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

from torch import Tensor, nn

from landscape.factories import READOUTS, load_object
from landscape.nests import Nest, describe

Function = Callable[[Nest], Nest]


class Readout(NamedTuple):
    """A function of outputs over time, with time on their first axis."""

    name: str
    function: Function  # of a tensor (T, N, …), or of a tuple of such as the network returns it
    meaning: str = ""  # with a place for what it is of; empty: the name says all there is to say
    of: Callable[[Nest], Tensor] | None = None  # what it reads of the outputs

    def told(self, outputs: Nest) -> str:
        """Its name, and what it makes of such outputs as far as their values show what they are."""
        if self.of is None:
            return self.name
        values = self.of(outputs)
        fires = bool(((values == 0) | (values == 1)).all())
        of_spikes = self.of is spikes_of
        said = self.meaning.format("spikes" if fires and of_spikes else "outputs")
        if fires != of_spikes:
            said += f" ({'' if fires else 'not '}all 0 or 1, as spikes are)"
        return f"{self.name}: {said}"


def spikes_of(outputs: Nest) -> Tensor:
    """The outputs, or the first of several, as in snnTorch's (spikes, membranes)."""
    return outputs if isinstance(outputs, Tensor) else _tensors(outputs)[0]


def membranes_of(outputs: Nest) -> Tensor:
    """The outputs, or the last of several."""
    return outputs if isinstance(outputs, Tensor) else _tensors(outputs)[-1]


def _tensors(outputs: Nest) -> list[Tensor]:
    found = [value for value in outputs if isinstance(value, Tensor)] if outputs else []
    if not isinstance(outputs, tuple | list) or not found:
        raise ValueError(
            f"the network returned {describe(outputs)}: a readout by name needs outputs over time, "
            "a tensor, or a tuple (spikes, membranes). Give --readout FILE.py:function, a function "
            "of what was returned, with time on the first axis."
        )
    return found


_MEAN, _LARGEST = "the mean over time of the {}", "the largest in time of the {}"
_LAST = "the last in time of the {}"
_BY_NAME: Mapping[str, Readout] = {
    r.name: r
    for r in (
        Readout("rate", lambda y: spikes_of(y).mean(0), _MEAN, spikes_of),
        Readout("mem_mean", lambda y: membranes_of(y).mean(0), _MEAN, membranes_of),
        Readout("mem_max", lambda y: membranes_of(y).max(0).values, _LARGEST, membranes_of),
        Readout("last", lambda y: membranes_of(y)[-1], _LAST, membranes_of),
    )
}
NAMES = tuple(_BY_NAME)
HOW = "--readout rate (the mean of spikes), mem_mean, mem_max, last, or FILE.py:function"


def readout_of(given: str | Function | None) -> Readout | None:
    """The readout of that name, or what ``FILE.py:function`` names, or a function.

    Raises
    ------
    ValueError
        If there is none of that name, or it is a module with parameters, which θ would lack.
    """
    if given is None or (isinstance(given, str) and given in _BY_NAME):
        return None if given is None else _BY_NAME[str(given)]
    name = given if isinstance(given, str) else getattr(given, "__name__", type(given).__name__)
    found = load_object(given, group=READOUTS, builtin=_BY_NAME) if given is name else given
    if not callable(found):
        raise ValueError(f"readout must be a name or a function of outputs; got {describe(found)}.")
    if isinstance(found, nn.Module) and any(True for _ in found.parameters()):
        raise ValueError(
            f"readout {name} has parameters: put it into the network, for θ to have them."
        )
    return Readout(name, found)
