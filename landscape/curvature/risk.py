"""The empirical risk: the mean loss of a network over N examples, a pure function of θ."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.func import functional_call

from landscape.curvature.halving import with_smaller_batches
from landscape.curvature.losses import Loss, as_outputs
from landscape.curvature.plain_forms import plain_forms
from landscape.distributed import all_reduce_sum, rank, world_size
from landscape.parameters import ParameterLayout
from landscape.snn.adapters import num_bare_batch_norms, reset_state


class Batch(NamedTuple):
    """Examples evaluated together; ``targets`` of shape (n, …)."""

    inputs: Tensor
    targets: Tensor


class Evaluation(NamedTuple):
    """Mean loss, and the fraction right where the targets are classes."""

    loss: float
    accuracy: float | None


def make_batches(inputs: Tensor, targets: Tensor, batch_size: int) -> list[Batch]:
    """Cut examples into batches; under torchrun, this process's share of them.

    Every example is in exactly one batch of one process: shards may be ragged, never padded.
    """
    return cut(inputs[rank() :: world_size()], targets[rank() :: world_size()], batch_size)


def cut(inputs: Tensor, targets: Tensor, batch_size: int) -> list[Batch]:
    """All of these examples in batches of ``batch_size``; the last may be smaller."""
    pairs = zip(torch.split(inputs, batch_size), torch.split(targets, batch_size), strict=True)
    return [Batch(*pair) for pair in pairs]


class EmpiricalRisk:
    """L(θ) = (1/N) Σ_i ℓ(f(x_i; θ), y_i), with θ the selected parameters of ``model``.

    The network's modules are never written to: every evaluation runs them on the tensors of θ,
    with the state of spiking neurons at zero before it, so two evaluations at one θ agree.

    Parameters
    ----------
    model
        A network; parameters with ``requires_grad=False`` are frozen: held fixed, not in θ.
    loss
        The loss of an example.
    batches
        This process's examples.
    names
        Which parameters make up θ; None: all that are not frozen.
    batch_norm
        ``eval``: running statistics; ``train``: those of each batch, which couples its examples.
    """

    def __init__(
        self,
        model: nn.Module,
        loss: Loss,
        batches: Sequence[Batch],
        *,
        names: Sequence[str] | None = None,
        batch_norm: str = "eval",
    ) -> None:
        if batch_norm not in ("eval", "train"):
            raise ValueError(f"batch_norm must be 'eval' or 'train'; got {batch_norm!r}.")
        self.model, self.loss, self.batches = model, loss, list(batches)
        self.batch_norm = batch_norm
        trainable = {n: p for n, p in model.named_parameters() if p.requires_grad}
        if not trainable:
            raise ValueError("every parameter of the network is frozen: there is no θ to vary.")
        chosen = {n: trainable[n] for n in (names if names is not None else trainable)}
        self._fixed = {n: p.detach() for n, p in model.named_parameters() if n not in chosen}
        self.layout = ParameterLayout.of(chosen)
        self.theta = self.layout.flatten([p.detach() for p in chosen.values()]).clone()
        self.num_frozen = sum(p.numel() for p in model.parameters() if not p.requires_grad)
        count = torch.tensor(float(sum(len(b.targets) for b in self.batches)), dtype=torch.float64)
        self.num_examples = int(all_reduce_sum(count.to(self.theta.device)))
        if self.num_examples == 0:
            raise ValueError("the risk needs at least one example; got none.")
        self._plain_forms = plain_forms(model, self.device)

    @property
    def num_params(self) -> int:
        return self.layout.num_params

    @property
    def dtype(self) -> torch.dtype:
        return self.theta.dtype

    @property
    def device(self) -> torch.device:
        return self.theta.device

    @property
    def coupled_by(self) -> str | None:
        """What makes the examples of a batch depend on one another, as far as is known."""
        if self.batch_norm == "train":
            return "--bn train"
        return "batch norm without running statistics" if num_bare_batch_norms(self.model) else None

    def select(self, names: Sequence[str]) -> "EmpiricalRisk":
        """The same risk as a function of fewer parameters, the others held fixed."""
        return EmpiricalRisk(
            self.model, self.loss, self.batches, names=names, batch_norm=self.batch_norm
        )

    def on(self, batches: Sequence[Batch]) -> "EmpiricalRisk":
        """The same risk over other examples, e.g. a shard of them."""
        return EmpiricalRisk(
            self.model, self.loss, batches, names=self.layout.names, batch_norm=self.batch_norm
        )

    def cut_batches(self, size: int) -> None:
        """Have at most ``size`` examples in each batch from now on."""
        self.batches = [
            piece for batch in self.batches for piece in cut(batch.inputs, batch.targets, size)
        ]

    def outputs(self, tensors: Sequence[Tensor], inputs: Tensor) -> Tensor:
        """Predictions of the network with ``tensors``, in the layout's order, for its θ."""
        named = dict(zip(self.layout.names, tensors, strict=True)) | self._fixed
        with self._forward_mode() as buffers:
            raw = functional_call(self.model, (named, buffers), (inputs,))
        return as_outputs(raw)

    def per_example(self, tensors: Sequence[Tensor], batch: Batch) -> Tensor:
        """Losses of a batch, shape (n,)."""
        return self.loss.per_example(self.outputs(tensors, batch.inputs), batch.targets)

    def summed_loss(self, tensors: Sequence[Tensor], batch: Batch) -> Tensor:
        """Σ of the batch's losses, a scalar: sums add up exactly whatever the batches' sizes."""
        return self.per_example(tensors, batch).sum()

    @torch.no_grad()
    def evaluate(self, theta: Tensor | None = None) -> Evaluation:
        """L(θ) and the accuracy, by one forward pass over the examples; summed in float64."""
        tensors = self.layout.split(self.theta if theta is None else theta)

        def own_sums() -> Tensor:
            total = torch.zeros(3, dtype=torch.float64, device=self.device)
            for batch in self.batches:
                outputs = self.outputs(tensors, batch.inputs)
                total[0] += self.loss.per_example(outputs, batch.targets).double().sum()
                right, asked = self.loss.accuracy_counts(outputs, batch.targets)
                total[1] += right
                total[2] += asked
            return total

        total = all_reduce_sum(with_smaller_batches(self, own_sums))
        summed, right, asked = total.tolist()
        return Evaluation(summed / self.num_examples, right / asked if asked else None)

    def gradient(self, theta: Tensor | None = None) -> Tensor:
        """∇L(θ), shape (P,); zero for parameters that the loss does not use."""
        return self.loss_and_gradient(theta)[1]

    def loss_and_gradient(self, theta: Tensor | None = None) -> tuple[float, Tensor]:
        """L(θ) on the forward as it is, and ∇L(θ), shape (P,), in one pass over the examples.

        On a spiking network the loss is that of the hard spikes and the gradient the surrogate's.
        """
        point = self.theta if theta is None else theta

        def own_sums() -> tuple[Tensor, Tensor]:
            gradient = torch.zeros_like(point)
            total = torch.zeros(1, dtype=torch.float64, device=point.device)
            for batch in self.batches:
                tensors = leaves(self.layout.split(point))
                losses = self.per_example(tensors, batch)
                total += losses.detach().double().sum()
                if losses.requires_grad:
                    gradient += self.layout.flatten(
                        torch.autograd.grad(losses.sum(), tensors, materialize_grads=True)
                    )
            return total, gradient

        total, gradient = with_smaller_batches(self, own_sums)
        n = self.num_examples
        return float(all_reduce_sum(total)) / n, all_reduce_sum(gradient) / n

    @contextmanager
    def _forward_mode(self) -> Iterator[dict[str, Tensor]]:
        """Zero neuron state, dropout off, batch norm as asked, kernels that differentiate twice."""
        reset_state(self.model)
        buffers: dict[str, Tensor] = {}
        with ExitStack() as stack:
            # State that hangs on this call's graph would keep it alive, and could not be copied.
            stack.callback(reset_state, self.model)
            for form in self._plain_forms:
                stack.enter_context(form())
            if self.batch_norm == "train":
                # Clones take the update of the running statistics that this mode brings.
                buffers = {n: b.clone() for n, b in self.model.named_buffers()}
                for module in self.model.modules():
                    if isinstance(module, nn.modules.batchnorm._BatchNorm):
                        stack.callback(module.train, module.training)
                        module.train()
            yield buffers


def leaves(tensors: Sequence[Tensor]) -> list[Tensor]:
    """Fresh leaves with the same values, to differentiate by."""
    return [t.detach().requires_grad_() for t in tensors]


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
            f"this network cannot be differentiated twice: {text.splitlines()[0]} Replace the "
            "fused operation by its plain form (attn_implementation='eager', an unfused RNN or "
            "norm), or use --operator ggn or fisher, if only its second derivative is missing."
        ) from error
