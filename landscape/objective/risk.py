"""The empirical risk: an objective over the user's data, a pure function of θ."""

import copy
import math
from collections.abc import Sequence
from functools import partial
from typing import NamedTuple, Self

import torch
from torch import Generator, Tensor, nn

from landscape.data.reread import Reread
from landscape.distributed import all_reduce_sum, alone
from landscape.nests import Nest, cast, cast_tensor, num_rows
from landscape.objective.at_theta import AtTheta, gradients, leaves
from landscape.objective.batches import cut_to, dealt, dealt_at_random, joined, num_examples
from landscape.objective.halving import with_smaller_batches
from landscape.objective.objective import Answers, Objective, Terms, mean_of_draws
from landscape.snn.adapters import num_bare_batch_norms


class Evaluation(NamedTuple):
    """Mean loss, and the fraction right where the targets are classes."""

    loss: float
    accuracy: float | None


class EmpiricalRisk(AtTheta):
    """L(θ) = Σ_b total_b(θ) / Σ_b weight_b over batches b, with θ the selected parameters.

    For losses of single examples that is (1/N) Σ_i ℓ_i(θ).

    The parameters not named here are those of :class:`landscape.objective.at_theta.AtTheta`.

    Parameters
    ----------
    batches
        This process's examples, on the device and in the dtype of the risk.
    uncut
        Why batches must stay as they are, where that is known of the objective.
    """

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
        uncut: str | None = None,
    ) -> None:
        super().__init__(
            model, objective, names=names, batch_norm=batch_norm, dtype=dtype, device=device
        )
        self.batches: Sequence[Nest] = batches if isinstance(batches, Reread) else list(batches)
        self.uncut = uncut
        self._count()

    def _count(self) -> None:
        sizes = self.batch_sizes()
        counts = torch.tensor([float(sum(sizes)), float(len(sizes))], dtype=torch.float64)
        examples, batches = all_reduce_sum(counts.to(self.device)).tolist()
        if batches == 0:
            raise ValueError("the risk needs at least one example; got none.")
        self.num_examples, self.num_batches = int(examples), int(batches)
        self._total_weight: float | None = None
        self._equal_weights: bool | None = None

    @property
    def total_weight(self) -> float:
        """Σ weights over all examples: what sums are divided by; N where losses are examples'."""
        if self._total_weight is None:
            self.evaluate()
        assert self._total_weight is not None
        return self._total_weight

    @property
    def has_equal_weights(self) -> bool:
        """Whether the loss is the plain mean over examples."""
        if self._equal_weights is None:
            self.evaluate()
        return bool(self._equal_weights)

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
    def uncoupling(self) -> str:
        """What to do where examples must not be coupled."""
        if self.noise is not None:
            return "Turn random numbers off in the forward pass."
        return "Use --bn eval, and layers that keep running statistics."

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

    def on(self, batches: Sequence[Nest]) -> Self:
        """The same risk over other examples, e.g. a shard of them."""
        other = copy.copy(self)
        other.batches = list(batches)
        other._count()
        return other

    def in_dtype(self, dtype: torch.dtype) -> Self:
        """The same risk computed in another precision, at the same θ and frozen weights."""
        other = self.on([cast(batch, dtype, self.device) for batch in self.batches])
        other._read(dtype, self.device)
        other._values = {n: cast_tensor(v, dtype, self.device) for n, v in self._values.items()}
        other.theta = self.theta.to(dtype)
        return other

    def renewed(self) -> Self:
        """The same risk of the network as it is by now: weights, buffers and modes."""
        other = copy.copy(self)
        other.found = {}
        other._read(self.dtype, self.device)
        other._choose(self.layout.names)
        other._count()
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

    def groups(self, count: int, rng: Generator) -> tuple[list[Self], Self | None]:
        """Risks of ``count`` equal groups, dealt at random, and of the rest; ``is_cut_by_rows``."""
        size = max(self.batch_sizes(), default=1)
        parts = dealt_at_random(self.batches, count, rng, self.device)
        *groups, rest = (joined(part, size, self.objective) for part in parts)
        left_over = self.on(rest) if self.num_examples % count else None
        return [self.on(group) for group in groups], left_over

    def terms(self, index: int) -> Terms:
        """Losses of batch ``index``, within :meth:`swapped`; the mean over its draws."""
        draws = self._draws(
            index,
            self.batches[index],
            lambda batch: self.objective.terms(self.model, batch, only=self._only),
        )
        return mean_of_draws(draws)

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
                "Objective(fn, outputs=…, loss_of_outputs=…) (docs/your-model.md), or use the "
                "operator hessian."
            )
        return self._draws(index, self.batches[index], lambda batch: predict(self.model, batch))

    def curvature_terms(self, index: int, outputs: Sequence[Nest]) -> Terms:
        """Losses of batch ``index`` from outputs, one a draw, for a Gauss-Newton matrix."""
        given = iter(outputs)
        draws = self._draws(
            index,
            self.batches[index],
            lambda batch: self.objective.curvature_terms(next(given), batch, only=self._only),
        )
        return mean_of_draws(draws)

    def measure(self, index: int) -> tuple[Terms, Answers, list[Nest]]:
        """Losses, right answers and outputs of batch ``index``, within :meth:`swapped`."""
        found = self._draws(
            index,
            self.batches[index],
            lambda batch: self.objective.measure(self.model, batch, only=self._only),
        )
        terms, answers, outputs = zip(*found, strict=True)
        right, asked = (torch.stack(parts).sum(0) for parts in zip(*answers, strict=True))
        return mean_of_draws(terms), Answers(right, asked), list(outputs)

    def evaluate(self, theta: Tensor | None = None) -> Evaluation:
        """L(θ) and the accuracy, by one forward pass over the examples; summed in float64."""
        tensors = self.layout.split((self.theta if theta is None else theta).detach())

        def own_sums() -> Tensor:
            total = torch.zeros(6, dtype=torch.float64, device=self.device)
            sizes = self.batch_sizes()
            with self.swapped(tensors):
                for index in range(len(self.batches)):
                    terms, answers, _ = self.measure(index)
                    total[0] += terms.totals.detach().double().sum()
                    total[1] += terms.weights.double().sum()
                    total[2] += answers.right.sum()
                    total[3] += answers.asked.sum()
                    weights = terms.example_weights(sizes[index])
                    total[4] += weights.square().sum()
                    total[5] += len(weights)
            return total

        total = all_reduce_sum(with_smaller_batches(self, own_sums))
        summed, weight, right, asked, squares, units = total.tolist()
        self._note_weight(weight)
        # By Cauchy and Schwarz, Σw² = (Σw)² / n where all weights are one, and there only.
        alike = math.isclose(self.num_examples * squares, weight**2, rel_tol=1e-9)
        self._equal_weights = alike and units == self.num_examples
        return Evaluation(summed / weight, right / asked if asked else None)

    def gradient(self, theta: Tensor | None = None) -> Tensor:
        """∇L(θ), shape (P,); zero for parameters that the loss does not use."""
        return self.loss_and_gradient(theta)[1]

    def loss_and_gradient(self, theta: Tensor | None = None) -> tuple[float, Tensor]:
        """L(θ) on the forward as it is, and ∇L(θ), shape (P,), in one pass over the examples.

        On a spiking network the loss is that of the hard spikes and the gradient the surrogate's.
        """
        point = self.theta if theta is None else theta
        total, gradient = with_smaller_batches(self, partial(self._own_sums, point))
        summed, weight = all_reduce_sum(total).tolist()
        self._note_weight(weight)
        return summed / weight, all_reduce_sum(gradient) / weight

    def loss_and_gradient_of(self, batch: Nest) -> tuple[float, Tensor]:
        """The loss of a batch by itself at θ, and its gradient; 0 with nothing to predict in it."""
        with alone():
            single = self.on([batch])
        total, gradient = with_smaller_batches(single, partial(single._own_sums, self.theta))
        summed, weight = total.tolist()
        return summed / (weight or 1.0), gradient / (weight or 1.0)

    def _own_sums(self, point: Tensor) -> tuple[Tensor, Tensor]:
        """This process's sums of losses and weights, float64, and of gradients, shape (P,)."""
        tensors = leaves(self.layout.split(point))
        gradient = torch.zeros_like(point)
        total = torch.zeros(2, dtype=torch.float64, device=point.device)
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

    def _note_weight(self, weight: float) -> None:
        if not weight > 0:
            raise ValueError(
                f"the weights of the loss {self.objective.name} add up to {weight:g} over these "
                "examples, so that it has no mean: is there anything to predict in them?"
            )
        self._total_weight = weight
