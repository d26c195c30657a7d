"""What neurons do, asked of the neurons themselves: thresholds, surrogates' slopes, membranes.

Libraries name decay, reset and surrogate each in its own way, and users write neurons of their own.
A copy of the module is fed currents, step by step, and what it hands to its surrogate is noted: the
distance u of the membrane to the threshold. So whatever the neuron does is what is taken.
"""

from dataclasses import dataclass, field, replace
from functools import cached_property
from hashlib import sha256
from typing import Any, Protocol, Self

import torch
from torch import Tensor, nn

from landscape.networks import copied
from landscape.snn.adapters import described, reset_state, surrogate_attribute
from landscape.snn.kernels import NeuronDynamics, fire, membranes
from landscape.snn.neuron import SpikingNeuron
from landscape.snn.surrogate import Surrogate

_PROBE = (8, 64)  # time steps and neurons, by whose answers two layers of neurons are told apart


class Neurons(Protocol):
    """What a scheme may ask of neurons; equal ones give equal answers."""

    @property
    def threshold(self) -> float:
        """θ: they spike where the membrane reaches it."""

    def slope(self, u: Tensor) -> Tensor:
        """σ'(u), the derivative of the spike in use, elementwise."""

    def run(self, currents: Tensor) -> tuple[Tensor, Tensor]:
        """U = h - θ and spikes, both (T, n), of neurons at rest on ``currents``, (T, n)."""

    def with_surrogate(self, surrogate: Surrogate) -> Self:
        """The same neurons with another surrogate."""

    def __hash__(self) -> int:
        """Of equal ones the same."""


@dataclass(frozen=True)
class OwnNeurons:
    """Neurons of this package."""

    dynamics: NeuronDynamics

    @property
    def threshold(self) -> float:
        return self.dynamics.threshold

    def slope(self, u: Tensor) -> Tensor:
        return self.dynamics.surrogate.derivative(u)

    def run(self, currents: Tensor) -> tuple[Tensor, Tensor]:
        h = torch.stack(membranes(currents, len(currents), self.dynamics))
        return h - self.dynamics.threshold, fire(h, self.dynamics)

    def with_surrogate(self, surrogate: Surrogate) -> Self:
        return replace(self, dynamics=replace(self.dynamics, surrogate=surrogate))


@dataclass(frozen=True, eq=False)
class LibraryNeurons:
    """Neurons of another library, or a user's own that derive from one's."""

    module: nn.Module = field(repr=False)
    surrogate: Surrogate | None = None  # in place of the module's

    def __eq__(self, other: object) -> bool:
        return isinstance(other, LibraryNeurons) and self._answers == other._answers

    def __hash__(self) -> int:
        return hash(self._answers)

    @property
    def threshold(self) -> float:
        for name in ("v_threshold", "threshold"):
            value = getattr(self.module, name, None)
            if value is not None:
                values = torch.as_tensor(value, dtype=torch.float64).flatten()
                if bool((values == values[:1]).all()):
                    return float(values[0])
                raise self._refusal("their thresholds differ")
        raise self._refusal("they tell no threshold (v_threshold, threshold)")

    def slope(self, u: Tensor) -> Tensor:
        if self.surrogate is not None:
            return self.surrogate.derivative(u)
        _, function = self._surrogate()
        u = u.detach().requires_grad_()
        with torch.enable_grad():
            spikes = function(u)
            if not spikes.requires_grad:
                raise self._refusal("their surrogate has no derivative")
            (found,) = torch.autograd.grad(spikes.sum(), u)
        return found

    def run(self, currents: Tensor) -> tuple[Tensor, Tensor]:
        name, function = self._surrogate()
        module = _without_feedback(copied(self.module).to("cpu", torch.float64).train())
        recorder = _Recorder(function)
        setattr(module, name, recorder)
        distances, spikes = [], []
        try:
            if hasattr(module, "step_mode"):
                setattr(module, "step_mode", "s")  # noqa: B010  # which not every module has
            reset_state(module)
            with torch.no_grad():
                for current in currents:
                    recorder.seen.clear()
                    out = module(current[None])
                    spikes.append(out[0] if isinstance(out, tuple) else out)
                    # snnTorch asks twice a step: whether the last spike resets, and for the next.
                    distances.append(recorder.seen[-1])
        # A library's module, or the user's own, that wants another input and says so in its way.
        except Exception as error:
            raise self._refusal(f"they take no current a step ({error})") from error
        found = torch.cat(distances), torch.cat(spikes).to(currents.dtype)
        if any(part.shape != currents.shape for part in found):
            raise self._refusal("they do not give a spike for each current")
        return found

    def with_surrogate(self, surrogate: Surrogate) -> Self:
        return replace(self, surrogate=surrogate)

    @cached_property
    def _answers(self) -> bytes:
        """A digest of what they do, by which layers of the same neurons are simulated once."""
        rng = torch.Generator().manual_seed(0)
        currents = 2 * torch.randn(_PROBE, generator=rng, dtype=torch.float64)
        u, spikes = self.run(currents)
        answers = torch.stack([u, spikes, self.slope(u)])
        return sha256(answers.numpy().tobytes()).digest()

    def _surrogate(self) -> tuple[str, Any]:
        if (name := surrogate_attribute(self.module)) is None:
            raise self._refusal(
                "they have no surrogate that is known (surrogate_function, spike_grad)"
            )
        return name, getattr(self.module, name)

    def _refusal(self, why: str) -> ValueError:
        return ValueError(
            f"the neurons {described(self.module)} cannot be asked what this initialisation needs: "
            f"{why}. Choose a scheme that needs less, such as ikun_v2 with the released β."
        )


class _Recorder(nn.Module):
    """A surrogate that notes what it is given."""

    def __init__(self, function: Any) -> None:
        super().__init__()
        self._function = function
        self.seen: list[Tensor] = []

    def forward(self, u: Tensor) -> Tensor:
        self.seen.append(u.detach())
        spikes: Tensor = self._function(u)
        return spikes


class _Nothing(nn.Module):
    """A layer that gives no current."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.zeros_like(x)


def _without_feedback(neurons: nn.Module) -> nn.Module:
    """``neurons`` without their own recurrent weights, which are a layer of its own to a scheme.

    snnTorch's RLeaky and RSynaptic hold one, from all of them to all.
    """
    for name, layer in tuple(neurons.named_children()):
        if (
            isinstance(layer, nn.Linear | nn.Conv2d)
            and layer.weight.shape[0] == layer.weight.shape[1]
        ):
            setattr(neurons, name, _Nothing())
    return neurons


def neurons_of(module: nn.Module) -> Neurons:
    """What may be asked of a network's layer of neurons."""
    if isinstance(module, SpikingNeuron):
        return OwnNeurons(module.dynamics)
    return LibraryNeurons(module)
