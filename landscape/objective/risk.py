"""The empirical risk: an objective over the user's data, a pure function of θ."""

import copy
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import NamedTuple, Self, TypeVar

import torch
from torch import Tensor, nn

from landscape.data.source import Reread
from landscape.distributed import all_reduce_sum, alone, rank, world_size
from landscape.nests import Nest, cast, map_tensors, num_rows
from landscape.objective.batches import cut_to, dealt, joined, num_examples
from landscape.objective.halving import with_smaller_batches
from landscape.objective.objective import Answers, Objective, Terms
from landscape.objective.plain_forms import plain_forms
from landscape.objective.swap import Swap
from landscape.parameters import ParameterLayout
from landscape.seeds import seeded
from landscape.snn.adapters import EvalMode, num_bare_batch_norms, reset_state
from landscape.snn.altered import Alteration

T = TypeVar("T")


class Evaluation(NamedTuple):
    """Mean loss, and the fraction right where the targets are classes."""

    loss: float
    accuracy: float | None


class EmpiricalRisk:
    """L(θ) = Σ_b total_b(θ) / Σ_b weight_b over batches b, with θ the selected parameters.

    For losses of single examples that is (1/N) Σ_i ℓ_i(θ). Every evaluation runs the user's own
    network with θ in the place of its weights (:mod:`landscape.objective.swap`), in eval mode, the
    state of spiking neurons at zero, random numbers of fixed seeds: two at one θ agree.

    Parameters
    ----------
    model
        A network; parameters with ``requires_grad=False`` are frozen: held fixed, not in θ.
    objective
        What is minimised; parameters of modules that it consists of belong to θ.
    batches
        This process's examples, on the device and in the dtype of the risk.
    names
        Which parameters make up θ; None: all that are not frozen.
    batch_norm
        ``eval``: running statistics; ``train``: those of each batch, which couples its examples.
    dtype, device
        Of the computation; None: those of the first parameter.
    alterations
        Attributes of modules that are different during each evaluation, such as smooth spikes.
    noise
        The seed of the random numbers that a forward pass draws; None: it draws none.
    uncut
        Why batches must stay as they are, where that is known of the objective.
    """

    _copies_batches = False

    def __init__(
        self,
        model: nn.Module,
        objective: Objective,
        batches: Sequence[Nest],
        *,
        names: Sequence[str] | None = None,
        batch_norm: str = "eval",
        dtype: torch.dtype | None = None,
        device: torch.device | None = None,
        alterations: Sequence[Alteration] = (),
        noise: int | None = None,
        uncut: str | None = None,
    ) -> None:
        if batch_norm not in ("eval", "train"):
            raise ValueError(f"batch_norm must be 'eval' or 'train'; got {batch_norm!r}.")
        self.model, self.objective = model, objective
        self.batches: Sequence[Nest] = batches if isinstance(batches, Reread) else list(batches)
        self.batch_norm, self.alterations = batch_norm, tuple(alterations)
        self.noise, self.uncut = noise, uncut
        if noise is None and objective.draws > 1:
            self.noise = 0
        first = next(model.parameters(), torch.empty(0))
        real = first.dtype.to_real() if first.is_complex() else first.dtype
        self._swap = Swap(
            {"": model, **objective.modules()}, dtype=dtype or real, device=device or first.device
        )
        self._values = self._swap.values()
        free = [n for n, p in self._swap.parameters.items() if p.requires_grad]
        if not free:
            raise ValueError("every parameter of the network is frozen: there is no θ to vary.")
        self.num_frozen = sum(v.numel() for n, v in self._values.items() if n not in free)
        self._choose(free if names is None else names)
        self._mode = EvalMode(model)
        self._embeddings = [
            m for m in model.modules() if isinstance(m, nn.Embedding | nn.EmbeddingBag)
        ]
        self._plain_forms = plain_forms(model, self.device)
        self._count()

    def _choose(self, names: Sequence[str]) -> None:
        chosen = {name: self._values[name] for name in names}
        self.layout = ParameterLayout.of(chosen)
        self.theta = self.layout.flatten(list(chosen.values())).clone()

    def _count(self) -> None:
        sizes = self.batch_sizes()
        counts = torch.tensor([float(sum(sizes)), float(len(sizes))], dtype=torch.float64)
        examples, batches = all_reduce_sum(counts.to(self.device)).tolist()
        if batches == 0:
            raise ValueError("the risk needs at least one example; got none.")
        self.num_examples, self.num_batches = int(examples), int(batches)
        self._total_weight: float | None = None

    @property
    def num_params(self) -> int:
        return self.layout.num_params

    @property
    def parameters(self) -> Mapping[str, nn.Parameter]:
        """The network's own and the objective's, frozen ones too, by name."""
        return self._swap.parameters

    @property
    def dtype(self) -> torch.dtype:
        return self.theta.dtype

    @property
    def device(self) -> torch.device:
        return self.theta.device

    @property
    def total_weight(self) -> float:
        """Σ weights over all examples: what sums are divided by; N where losses are examples'."""
        if self._total_weight is None:
            self.evaluate()
        assert self._total_weight is not None
        return self._total_weight

    @property
    def notes(self) -> tuple[str, ...]:
        """What it took to put the network into eval mode."""
        return tuple(self._mode.notes)

    @property
    def coupled_by(self) -> str | None:
        """What makes the examples of a batch depend on one another, as far as is known."""
        if self.batch_norm == "train":
            return "--bn train"
        if num_bare_batch_norms(self.model):
            return "batch norm without running statistics"
        if self.objective.split is False:
            return "the objective (split=False)"
        if self.noise is not None:
            return "the random numbers that the objective draws"
        return self.uncut

    @property
    def is_cut_by_rows(self) -> bool:
        """Whether each batch holds examples along the first dimension, and may be cut there."""
        cuttable = self.objective.split is None and not isinstance(self.batches, Reread)
        return cuttable and all(num_rows(batch) is not None for batch in self.batches)

    def batch_sizes(self) -> list[int]:
        """How many examples each of this process's batches holds."""
        if isinstance(self.batches, Reread):
            return self.batches.sizes
        return [num_examples(batch) for batch in self.batches]

    def select(self, names: Sequence[str]) -> Self:
        """The same risk as a function of fewer parameters, the others held fixed."""
        fewer = copy.copy(self)
        fewer._choose(names)
        return fewer

    def on(self, batches: Sequence[Nest]) -> Self:
        """The same risk over other examples, e.g. a shard of them."""
        other = copy.copy(self)
        other.batches = list(batches)
        other._count()
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
        """The same risk with plain forms of functions that PyTorch does not differentiate twice."""
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

    def in_dtype(self, dtype: torch.dtype) -> "EmpiricalRisk":
        """The same risk computed in another precision, at the same θ."""
        other = EmpiricalRisk(
            self.model,
            self.objective,
            [cast(batch, dtype, self.device) for batch in self.batches],
            names=self.layout.names,
            batch_norm=self.batch_norm,
            dtype=dtype,
            device=self.device,
            alterations=self.alterations,
            noise=self.noise,
            uncut=self.uncut,
        )
        other._copies_batches = self._copies_batches
        return other

    def cut_batches(self, size: int) -> None:
        """Have at most ``size`` examples in each batch from now on, as far as they can be cut."""
        if isinstance(self.batches, Reread):
            return
        self.batches = [
            piece for batch in self.batches for piece in cut_to(batch, size, self.objective)
        ]

    def parts(self, count: int) -> list[Sequence[Nest]]:
        """This process's examples in ``count`` disjoint parts, every ``count``-th in each."""
        if isinstance(self.batches, Reread):
            raise ValueError("parts of the examples need them in memory: use --keep memory.")
        size = max(self.batch_sizes(), default=1)
        found = dealt(self.batches, count, self.objective)
        return [joined(part, size, self.objective) for part in found]

    @contextmanager
    def swapped(self, tensors: Sequence[Tensor]) -> Iterator[None]:
        """A block in which the network has ``tensors``, in the layout's order, for its θ.

        Forward and backward passes both belong inside. Gradients are enabled.
        """
        named = self._values | dict(zip(self.layout.names, tensors, strict=True))
        with torch.enable_grad(), ExitStack() as stack, self._swap.hold(named, self._prepare):
            for form in self._plain_forms:
                stack.enter_context(form())
            yield

    def terms(self, index: int) -> Terms:
        """Losses of batch ``index``, within :meth:`swapped`; the mean over its draws."""
        draws = self._draws(
            index, lambda batch: self.objective.terms(self.model, batch, only=self._only)
        )
        return _mean_of(draws)

    def outputs(self, index: int) -> list[Nest]:
        """What the network gives for batch ``index`` in each draw, within :meth:`swapped`.

        Raises
        ------
        ValueError
            If the objective does not say what its outputs are.
        """
        predict = self.objective.outputs
        if predict is None:
            raise ValueError(
                f"objective {self.objective.name!r} does not say what its outputs are. Give "
                "Objective(fn, outputs=…, loss_of_outputs=…), or use the operator hessian."
            )
        return self._draws(index, lambda batch: predict(self.model, batch))

    def curvature_terms(self, index: int, outputs: Sequence[Nest]) -> Terms:
        """Losses of batch ``index`` from outputs, one a draw, for a Gauss-Newton matrix."""
        given = iter(outputs)
        draws = self._draws(
            index,
            lambda batch: self.objective.curvature_terms(next(given), batch, only=self._only),
        )
        return _mean_of(draws)

    def measure(self, index: int) -> tuple[Terms, Answers, list[Nest]]:
        """Losses, right answers and outputs of batch ``index``, within :meth:`swapped`."""
        found = self._draws(
            index, lambda batch: self.objective.measure(self.model, batch, only=self._only)
        )
        terms, answers, outputs = zip(*found, strict=True)
        right, asked = (sum(parts) for parts in zip(*answers, strict=True))
        return _mean_of(terms), Answers(right, asked), list(outputs)

    def evaluate(self, theta: Tensor | None = None) -> Evaluation:
        """L(θ) and the accuracy, by one forward pass over the examples; summed in float64."""
        tensors = self.layout.split((self.theta if theta is None else theta).detach())

        def own_sums() -> Tensor:
            total = torch.zeros(4, dtype=torch.float64, device=self.device)
            with self.swapped(tensors):
                for index in range(len(self.batches)):
                    terms, answers, _ = self.measure(index)
                    total[0] += terms.totals.detach().double().sum()
                    total[1] += terms.weights.double().sum()
                    total[2] += answers.right
                    total[3] += answers.asked
            return total

        total = all_reduce_sum(with_smaller_batches(self, own_sums))
        summed, weight, right, asked = total.tolist()
        self._note_weight(weight)
        return Evaluation(summed / weight, right / asked if asked else None)

    def gradient(self, theta: Tensor | None = None) -> Tensor:
        """∇L(θ), shape (P,); zero for parameters that the loss does not use."""
        return self.loss_and_gradient(theta)[1]

    def loss_and_gradient(self, theta: Tensor | None = None) -> tuple[float, Tensor]:
        """L(θ) on the forward as it is, and ∇L(θ), shape (P,), in one pass over the examples.

        On a spiking network the loss is that of the hard spikes and the gradient the surrogate's.
        """
        point = self.theta if theta is None else theta
        tensors = leaves(self.layout.split(point))

        total, gradient = with_smaller_batches(self, lambda: self._own_loss_and_gradient(tensors))
        summed, weight = all_reduce_sum(total).tolist()
        self._note_weight(weight)
        return summed / weight, all_reduce_sum(gradient) / weight

    def loss_and_gradient_of(self, batch: Nest) -> tuple[float, Tensor]:
        """The loss of a batch by itself at θ, and its gradient; 0 with nothing to predict in it."""
        with alone():
            single = self.on([batch])
        tensors = leaves(self.layout.split(self.theta))
        total, gradient = with_smaller_batches(
            single, lambda: single._own_loss_and_gradient(tensors)
        )
        summed, weight = total.tolist()
        weight = max(weight, torch.finfo(self.dtype).tiny)
        return summed / weight, gradient / weight

    def _own_loss_and_gradient(self, tensors: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
        """Σ totals and Σ weights, shape (2,), over this process's examples, and ∇ Σ totals."""
        gradient = torch.zeros_like(self.theta)
        total = torch.zeros(2, dtype=torch.float64, device=self.device)
        with self.swapped(tensors):
            for index in range(len(self.batches)):
                terms = self.terms(index)
                total[0] += terms.totals.detach().double().sum()
                total[1] += terms.weights.double().sum()
                gradient += self.layout.flatten(gradients(terms.totals.sum(), tensors))
        return total, gradient

    @property
    def _only(self) -> bool:
        return self.num_batches == 1

    def _draws(self, index: int, run: Callable[[Nest], T]) -> list[T]:
        """``run`` of a batch, neurons at rest: once, or for each draw with its random numbers."""
        batch = self.batches[index]

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
            for module in self.model.modules():
                if isinstance(module, nn.modules.batchnorm._BatchNorm):
                    module.train()

    def _note_weight(self, weight: float) -> None:
        if not weight > 0:
            raise ValueError(
                f"the weights of the loss {self.objective.name} add up to {weight:g} over these "
                "examples, so that it has no mean: is there anything to predict in them?"
            )
        self._total_weight = weight


def leaves(tensors: Sequence[Tensor]) -> list[Tensor]:
    """Fresh leaves with the same values, to differentiate by."""
    return [t.detach().requires_grad_() for t in tensors]


def gradients(loss: Tensor, tensors: Sequence[Tensor]) -> list[Tensor]:
    """Those of a scalar by ``tensors``, dense; zeros where it does not depend on them."""
    if not loss.requires_grad:
        return [torch.zeros_like(t) for t in tensors]
    found = torch.autograd.grad(loss, tensors, materialize_grads=True)
    return [g.to_dense() if g.is_sparse else g for g in found]


def _mean_of(draws: Sequence[Terms]) -> Terms:
    if len(draws) == 1:
        return draws[0]
    totals, weights = (
        torch.stack([draw[k] for draw in draws]).mean(0)  # type: ignore[misc]
        for k in (0, 1)
    )
    return Terms(totals, weights, draws[0].by_example)


@contextmanager
def double_backward_advice() -> Iterator[None]:
    """Turn PyTorch's refusal to differentiate an operation twice into what to do about it.

    Raises
    ------
    ValueError
        Naming the operation and the fix.
    """
    try:
        yield
    except RuntimeError as error:
        text = str(error)
        if "derivative for" not in text and "double backward" not in text.lower():
            raise
        raise ValueError(
            f"this network cannot be differentiated twice: {text.splitlines()[0].rstrip('. ')}. "
            "Replace the fused operation by its plain form (attn_implementation='eager', an "
            "unfused RNN or norm), or use --operator ggn or fisher, if only its second derivative "
            "is missing."
        ) from error
