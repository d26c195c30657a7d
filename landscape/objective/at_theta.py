"""A network and its objective at any θ: swapped in, in eval mode, neurons at rest, noise seeded."""

import copy
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any, Self, TypeVar

import torch
from torch import Tensor, nn

from landscape.catalog.words import BATCH_NORMS
from landscape.distributed import rank, world_size
from landscape.nests import Nest, map_tensors
from landscape.objective.objective import Objective
from landscape.objective.plain_forms import plain_forms
from landscape.objective.swap import Swap
from landscape.objective.user_errors import told_as_users
from landscape.parameters import ParameterLayout, Parameters
from landscape.results import DoesNotApply
from landscape.seeds import seeded
from landscape.snn.adapters import EvalMode, batch_norms, reset_state
from landscape.snn.altered import Alteration

T = TypeVar("T")


class AtTheta:
    """The user's own network, evaluated with θ in the place of its weights.

    Two evaluations at one θ agree: the network is in eval mode, the state of spiking neurons at
    zero, random numbers of fixed seeds.

    Parameters
    ----------
    model
        A network; parameters with ``requires_grad=False`` are frozen: held fixed, not in θ.
    objective
        What is minimised; parameters of modules that it consists of belong to θ.
    names
        Which parameters make up θ; None: all that are not frozen.
    batch_norm
        ``eval``: running statistics; ``train``: those of each batch, which couples its examples.
    dtype, device
        Of the computation; None: those of the first parameter.
    """

    def __init__(
        self,
        model: nn.Module,
        objective: Objective,
        *,
        names: Sequence[str] | None = None,
        batch_norm: str = "eval",
        dtype: torch.dtype | None = None,
        device: torch.device | None = None,
    ) -> None:
        if batch_norm not in BATCH_NORMS:
            expected = " or ".join(map(repr, BATCH_NORMS))
            raise ValueError(f"batch_norm must be {expected}; got {batch_norm!r}.")
        self.model, self.objective, self.batch_norm = model, objective, batch_norm
        self.alterations: tuple[Alteration, ...] = ()
        self._copies_batches = False
        # The seed of the random numbers that a forward pass draws; None: it draws none.
        self.noise: int | None = 0 if objective.draws > 1 else None
        # Products of weights that a user names, and what was found of the network's symmetries: one
        # for all risks that are made of this one.
        self.pairs: tuple[str, ...] = ()
        self.found: dict[str, Any] = {}
        # The diagonal of the optimiser's preconditioner for a layout's parameters, shape (P,).
        self.preconditioner: Callable[[ParameterLayout], Tensor] = _no_preconditioner
        first = next(model.parameters(), torch.empty(0))
        real = first.dtype.to_real() if first.is_complex() else first.dtype
        self._read(dtype or real, device or first.device)
        free = [n for n, p in self.parameters.items() if p.requires_grad]
        if not free:
            lacks = "the network has no parameters"
            if self.parameters:
                lacks = "every parameter of the network is frozen"
            raise ValueError(f"{lacks}: there is no θ to vary.")
        self.num_frozen = sum(v.numel() for n, v in self._values.items() if n not in free)
        self._choose(free if names is None else names)
        self._plain_forms = plain_forms(model, self.device)

    def _read(self, dtype: torch.dtype, device: torch.device) -> None:
        """Take weights, buffers and modes from the network as it is by now."""
        modules = {"": self.model, **self.objective.modules()}
        self._swap = Swap(modules, dtype=dtype, device=device)
        self._values = self._swap.values()
        self._mode = EvalMode(self.model)
        self._embeddings = [
            m for m in self.model.modules() if isinstance(m, nn.Embedding | nn.EmbeddingBag)
        ]

    def _choose(self, names: Sequence[str]) -> None:
        chosen = {name: self._values[name] for name in names}
        self.layout = ParameterLayout.of(chosen)
        self.theta = self.layout.flatten(list(chosen.values())).clone()

    @property
    def num_params(self) -> int:
        return self.layout.num_params

    @property
    def parameters(self) -> Mapping[str, nn.Parameter]:
        """The network's own and the objective's, frozen ones too, by name."""
        return self._swap.parameters

    @property
    def values(self) -> Parameters:
        """All parameters by name, frozen ones too, at θ."""
        return self._values | self.layout.unflatten(self.theta)

    @property
    def dtype(self) -> torch.dtype:
        return self.theta.dtype

    @property
    def device(self) -> torch.device:
        return self.theta.device

    @property
    def notes(self) -> tuple[str, ...]:
        """What it took to put the network into eval mode."""
        return tuple(self._mode.notes)

    def select(self, names: Sequence[str]) -> Self:
        """The same risk as a function of fewer parameters, the others held fixed."""
        fewer = copy.copy(self)
        fewer._choose(names)
        return fewer

    def at(self, values: Mapping[str, Tensor]) -> Self:
        """The same risk at other values of all parameters, frozen ones too."""
        other = copy.copy(self)
        other._values = dict(values)
        other._choose(self.layout.names)
        return other

    def altered(self, alterations: Sequence[Alteration]) -> Self:
        """The same risk of the network with other attributes, e.g. smooth spikes."""
        other = copy.copy(self)
        other.alterations = (*self.alterations, *alterations)
        return other

    def with_batch_norm(self, mode: str) -> Self:
        """The same risk with batch norm in another mode, ``eval`` or ``train``."""
        other = copy.copy(self)
        other.batch_norm = mode
        return other

    def with_plain_functions(self) -> Self:
        """The same risk with plain forms of functions, for their second derivatives."""
        other = copy.copy(self)
        other._plain_forms = plain_forms(self.model, self.device, functions=True)
        return other

    def with_copied_batches(self) -> Self:
        """The same risk of a network, or loss, that writes to its data: each pass has a copy."""
        other = copy.copy(self)
        other._copies_batches = True
        return other

    def with_noise(self, seed: int | None) -> Self:
        """The same risk under other random numbers; None: unseeded, for a forward without any."""
        other = copy.copy(self)
        other.noise = seed
        return other

    @contextmanager
    def swapped(self, tensors: Sequence[Tensor]) -> Iterator[None]:
        """A block in which the network has ``tensors``, in the layout's order, for its θ.

        Forward and backward passes both belong inside. Gradients are enabled.

        Raises
        ------
        UserCodeError
            What network and loss raise inside, in one line.
        """
        named = self._values | dict(zip(self.layout.names, tensors, strict=True))
        with ExitStack() as stack:
            stack.enter_context(told_as_users(self.model))
            stack.enter_context(torch.enable_grad())
            for form in self._plain_forms:
                stack.enter_context(form())
            stack.enter_context(self._swap.hold(named, self._prepare))
            yield

    def _draws(self, index: int, batch: Nest, run: Callable[[Nest], T]) -> list[T]:
        """``run`` of batch ``index``, neurons at rest: once, or for each draw's random numbers."""

        def evaluated() -> T:
            reset_state(self.model)
            return run(map_tensors(torch.clone, batch) if self._copies_batches else batch)

        if self.noise is None:
            return [evaluated()]
        found = []
        place = rank() + world_size() * index
        for draw in range(self.objective.draws):
            with seeded(self.device, self.noise, draw, place):
                found.append(evaluated())
        return found

    def _prepare(self) -> None:
        self._mode.enter()
        for embedding in self._embeddings:
            # Sparse gradients have no second derivative; the dense ones are the same numbers.
            embedding.sparse = False
            # Gradients divided by how often a row is used are those of no loss.
            embedding.scale_grad_by_freq = False
        for alteration in self.alterations:
            alteration.apply()
        if self.batch_norm == "train":
            for norm in batch_norms(self.model):
                norm.train()


def _no_preconditioner(layout: ParameterLayout) -> Tensor:
    raise DoesNotApply(
        "no state of an optimiser was found: it is read from training checkpoints of PyTorch, "
        "{'model': model.state_dict(), 'optimizer': optimizer.state_dict()}."
    )


def leaves(tensors: Sequence[Tensor]) -> list[Tensor]:
    """Fresh leaves with the same values, to differentiate by."""
    return [t.detach().requires_grad_() for t in tensors]


def gradients(loss: Tensor, tensors: Sequence[Tensor]) -> list[Tensor]:
    """Those of a scalar by ``tensors``, dense; zeros where it does not depend on them."""
    if not loss.requires_grad:
        return [torch.zeros_like(t) for t in tensors]
    found = torch.autograd.grad(loss, tensors, materialize_grads=True)
    return [g.to_dense() if g.is_sparse else g for g in found]
