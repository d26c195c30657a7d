"""What gates can be about in a look at a file."""

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

from landscape.cli.gated import NO_ERROR, bounded, known_of, within
from landscape.gates import Known, Value
from landscape.results.look import MEANINGS, OF_LAYERS, OF_WEIGHTS
from landscape.values import Estimate

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
)
_OF_TAILS = (
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


def look_names(shapes: Mapping[str, tuple[int, ...]], *, data: bool) -> list[Known]:
    """What a look at a file with weights of these shapes gives, with data or without."""
    from landscape.statistics.tail import LEAST_VALUES

    matrices = {n: min(s[0], math.prod(s[1:])) for n, s in shapes.items() if len(s) > 1}
    tailed = [name for name, rank in matrices.items() if rank >= LEAST_VALUES]
    found = [_name(name) for name in _OF_FILE]
    found += [_name(name) for name in (*(_OF_TAILS if tailed else ()), *(_OF_DATA if data else ()))]
    found += [_of_weight("frobenius_norm", layer) for layer in shapes]
    found += [_of_weight(n, layer) for n in ("spectral_norm", "stable_rank") for layer in matrices]
    found += [_of_weight("tail_exponent", layer) for layer in tailed]
    if data:
        found += [Known(name, unbounded=NO_ERROR, any_qualifier=True) for name in OF_LAYERS]
    return found


def look_values(look: "Look") -> list[Value]:
    """The values of a row."""
    found = []
    for name in (*_OF_FILE, *_OF_TAILS, *_OF_DATA):
        value, stderr = getattr(look, name), getattr(look, f"{name}_stderr", None)
        if value is None:
            continue
        known = _name(name)
        if name == "lambda_max":
            found.append(_of_largest(known, look))
        else:
            found.append(bounded(known, value, _ends(value, stderr)))
    of_layers = {(name, layer): value for name, layer, value in look.by_layer()}
    for (name, layer), value in of_layers.items():
        if name in OF_WEIGHTS:
            known = _of_weight(name, layer)
        else:  # of a layer of neurons; of some there is a number of the whole network too
            shown, own = f"{name}[{layer}]", frozenset({layer})
            total = name in MEANINGS
            known = Known(name, own if total else frozenset(), own, NO_ERROR, shown=shown)
        stderr = of_layers.get((f"{name}_stderr", layer))
        found.append(bounded(known, value, _ends(value, stderr)))
    return found


def _ends(value: float | None, stderr: float | None) -> tuple[float, float] | None:
    """Of many examples, or eigenvalues: the normal distribution's."""
    return None if value is None or stderr is None else Estimate(value, stderr).interval()


def _of_weight(name: str, layer: str) -> Known:
    has_error = name == "tail_exponent"
    return known_of(name, layer=layer, unbounded="" if has_error else NO_ERROR)


def _of_largest(known: Known, look: "Look") -> Value:
    assert look.lambda_max is not None
    if look.lambda_max_high is None:
        known = known._replace(unbounded="; ".join(look.notes))
        return Value(known, look.lambda_max, look.lambda_max_residual or 0.0)
    return within(known, look.lambda_max, look.lambda_max_low, look.lambda_max_high)


def _name(name: str) -> Known:
    return known_of(name, unbounded="" if f"{name}_stderr" in MEANINGS else NO_ERROR)
