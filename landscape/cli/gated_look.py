"""What gates can be about in a look at a file."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from landscape.cli.gated import NO_BOUNDS, NO_ERROR, bounded, known_of, with_error
from landscape.gates import Known, Value
from landscape.results.look import MEANINGS, OF_LAYERS, OF_WEIGHTS

if TYPE_CHECKING:
    from landscape.results.look import Look

_OF_FILE = (
    "num_params",
    "num_tensors",
    "size_bytes",
    "weights_norm",
    "zeros",
    "num_nonfinite",
    "spectral_norm_max",
    "tail_exponent_min",
    "tail_exponent_max",
    "tail_exponent_mean",
    "num_tail_exponents",
)
_OF_DATA = (
    "train_loss",
    "test_loss",
    "loss_gap",
    "train_accuracy",
    "test_accuracy",
    "accuracy_gap",
    "grad_norm",
    "lambda_max",
    "trace",
    "firing_rate_mean",
    "num_neurons",
    "dead_neurons",
    "saturated_neurons",
)


def look_names(layers: Sequence[str], *, data: bool) -> list[Known]:
    """What a look at a file with these weight matrices gives, with data or without."""
    found = [_name(name) for name in (*_OF_FILE, *(_OF_DATA if data else ()))]
    found += [
        known_of(name, layer=layer, unbounded="" if name == "tail_exponent" else NO_ERROR)
        for name in OF_WEIGHTS
        for layer in layers
    ]
    if data:
        found += [Known(name, unbounded=NO_ERROR, any_qualifier=True) for name in OF_LAYERS]
    return found


def look_values(look: "Look") -> list[Value]:
    """The values of a row."""
    found = []
    for name in (*_OF_FILE, *_OF_DATA):
        value, stderr = getattr(look, name), getattr(look, f"{name}_stderr", None)
        if value is None:
            continue
        known = _name(name)
        if name == "lambda_max":
            found.append(with_error(known, value, look.lambda_max_residual or 0.0, stderr))
        else:
            found.append(bounded(known, value, stderr))
    of_layers: dict[tuple[str, str], float | None] = {
        (name, layer): value for name, layer, value in look.by_layer()
    }
    for (name, layer), value in of_layers.items():
        if value is not None:
            total = hasattr(look, name)  # the layer's part of a number of the whole network
            known = Known(
                name,
                needs=frozenset({layer}) if total else frozenset(),
                may=frozenset() if total else frozenset({layer}),
                shown=f"{name}[{layer}]",
            )
            found.append(bounded(known, value, of_layers.get((f"{name}_stderr", layer))))
    return found


def _name(name: str) -> Known:
    if name == "lambda_max":
        return known_of(name, unbounded=NO_BOUNDS)
    return known_of(name, unbounded="" if f"{name}_stderr" in MEANINGS else NO_ERROR)
