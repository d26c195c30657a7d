"""What ``landscape look`` says of one file: a flat row, each key with its meaning.

No result of a report's folder: it is printed, not kept.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from landscape.results.activity import ActivityRow


def _key(meaning: str, *, default: Any = None) -> Any:
    return field(default=default, metadata={"meaning": meaning})


@dataclass(frozen=True, kw_only=True)
class WeightRow:
    """One tensor of weights; None where a number is not defined for it."""

    name: str
    shape: tuple[int, ...]
    frobenius_norm: float | None = None  # None with NaN or infinity in it
    spectral_norm: float | None = None  # of the matrix (first dimension, all others)
    stable_rank: float | None = None  # ‖W‖_F² / ‖W‖₂²
    tail_exponent: float | None = None  # α of ρ(λ) ~ λ^-α, λ the eigenvalues of WᵀW
    tail_exponent_stderr: float | None = None
    zeros: float = 0.0  # fraction of its numbers
    num_nonfinite: int = 0  # NaN and infinities


@dataclass(frozen=True, kw_only=True)
class Look:
    """The row; None where there is nothing to say, and ``notes`` why."""

    path: str = _key("as it was given", default="")
    safe: bool = _key("whether nothing in the file can run code", default=True)
    format: str = _key("of the file", default="")
    size_bytes: int = _key("of the file", default=0)
    sha256: str = _key("of the file", default="")
    num_params: int = _key("numbers in its weights", default=0)
    num_tensors: int = _key("buffers included", default=0)
    weights_norm: float | None = _key("‖θ‖₂ of all weights")
    zeros: float | None = _key("fraction of the weights that are exactly 0")
    num_nonfinite: int | None = _key("NaN and infinities, buffers included")
    spectral_norm_max: float | None = _key("the largest ‖W‖₂ of a weight matrix")
    spectral_norm_max_layer: str | None = _key("whose it is")
    tail_exponent_min: float | None = _key("the smallest tail exponent of a weight matrix")
    tail_exponent_max: float | None = _key("the largest")
    tail_exponent_mean: float | None = _key("their mean")
    num_tail_exponents: int | None = _key("matrices large enough for one")
    model: str | None = _key("the network that the weights were loaded into")
    spiking: bool | None = _key("whether it spikes")
    data: str | None = _key("the data set")
    loss_name: str | None = _key("the loss, or objective")
    num_train_examples: int | None = _key("examples of the training split that were taken")
    num_test_examples: int | None = _key("of the test split")
    train_loss: float | None = _key("mean over those training examples")
    train_loss_stderr: float | None = _key("its standard error over examples")
    test_loss: float | None = _key("mean over those test examples")
    test_loss_stderr: float | None = _key("its standard error over examples")
    loss_gap: float | None = _key("test less train loss")
    loss_gap_stderr: float | None = _key("its standard error over examples")
    train_accuracy: float | None = _key("fraction right, where targets are classes")
    train_accuracy_stderr: float | None = _key("its standard error over examples")
    test_accuracy: float | None = _key("fraction right")
    test_accuracy_stderr: float | None = _key("its standard error over examples")
    accuracy_gap: float | None = _key("train less test accuracy")
    accuracy_gap_stderr: float | None = _key("its standard error over examples")
    grad_norm: float | None = _key("‖∇L‖₂ on the examples of the curvature")
    curvature_split: str | None = _key("whose examples the curvature and the firing rates are of")
    operator: str | None = _key("whose eigenvalue and trace: the Hessian, formal where it spikes")
    lambda_max: float | None = _key("its largest eigenvalue")
    lambda_max_residual: float | None = _key("‖Hv - λv‖₂")
    lambda_max_stderr: float | None = _key("its standard error over examples, to first order")
    lambda_max_estimate: float | None = _key("what it is on the set that the examples stand for")
    lambda_max_low: float | None = _key(
        "lower end of a 95 % interval for that; null beside an upper end: there is none"
    )
    lambda_max_high: float | None = _key("upper end")
    lambda_max_of: str | None = _key("the set: the training split, or who held-out ones come from")
    lambda_max_converged: bool | None = _key("whether the residual is below 1 % of ‖H‖")
    stability_edge: float | None = _key("λ_max at which its optimiser's steps leave a quadratic")
    share_of_edge: float | None = _key("λ_max over that; near 1 the learning rate has set it")
    stability_of: str | None = _key("that optimiser at its learning rate; or why there is no edge")
    trace: float | None = _key("of the Hessian, from the same run")
    trace_stderr: float | None = _key("its standard error over probes")
    num_matvecs: int | None = _key("Hessian-vector products over all examples")
    firing_rate_mean: float | None = _key("spikes per neuron and time step, over all neurons")
    num_neurons: int | None = _key("spiking neurons, each place of a convolution one")
    dead_neurons: int | None = _key("of them, those that fired at no step of no example")
    saturated_neurons: int | None = _key("those that fired at every step of every example")
    seconds: float | None = _key("that it took")
    notes: tuple[str, ...] = _key("what to know of it, joined by semicolons", default=())
    weights: tuple[WeightRow, ...] = ()
    activity: tuple[ActivityRow, ...] = ()

    def record(self) -> dict[str, Any]:
        """One flat JSON object; numbers of a layer, where it has them, under ``name[layer]``."""
        row = {name: getattr(self, name) for name in MEANINGS}
        row["notes"] = "; ".join(self.notes)
        row |= {f"{name}[{layer}]": value for name, layer, value in self.by_layer()}
        return {
            name: None if isinstance(value, float) and not math.isfinite(value) else value
            for name, value in row.items()
        }

    def by_layer(self) -> list[tuple[str, str, float]]:
        """Each number of a layer: its name, the layer and the value."""
        found: list[tuple[str, str, float | None]] = []
        for row in self.weights:
            found += [(name, row.name, getattr(row, name)) for name in OF_WEIGHTS]
        for layer in self.activity:
            numbers = (layer.firing_rate.mean, layer.num_dead, layer.num_saturated)
            found += [(k, layer.name, v) for k, v in zip(OF_LAYERS, numbers, strict=True)]
        return [(name, layer, value) for name, layer, value in found if value is not None]


MEANINGS: Mapping[str, str] = {
    f.name: f.metadata["meaning"] for f in fields(Look) if "meaning" in f.metadata
}
OF_WEIGHTS = (
    "frobenius_norm",
    "spectral_norm",
    "stable_rank",
    "tail_exponent",
    "tail_exponent_stderr",
)
OF_LAYERS = ("firing_rate", "dead_neurons", "saturated_neurons")
