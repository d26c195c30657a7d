"""The networks that need no code of the user's, and which network a checkpoint belongs to."""

import itertools
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import nn

from landscape.checkpoint.errors import CheckpointError, printable, refuse
from landscape.checkpoint.hugging_face import network_of
from landscape.checkpoint.infer import BUILTIN_NAMES, infer_model, is_builtin
from landscape.checkpoint.load import Checkpoint
from landscape.checkpoint.match import how_loaded, load_into, load_into_part, matched
from landscape.checkpoint.model_folders import (
    PREFIX,
    folder_of,
    is_adapter_folder,
    is_model_folder,
)
from landscape.distributed import check_whole
from landscape.factories import MODELS, FactoryError, load_factory, parse_arguments
from landscape.nests import describe
from landscape.snn.kernels import NeuronDynamics
from landscape.snn.model import CSNN, SpikingMLP
from landscape.snn.surrogate import surrogate_by_name

_ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {
    "tanh": nn.Tanh,
    "relu": nn.ReLU,
    "gelu": nn.GELU,
    "sigmoid": nn.Sigmoid,
    "silu": nn.SiLU,
}
# What the numbers of a built-in network may be, ends included: sizes whose products fit 64 bits.
_RANGES: dict[str, tuple[float, float]] = {
    "channels": (1, 2**16),
    "num_time_steps": (1, 10**6),
    "image_size": (4, 2**14),
    "sizes": (1, 2**30),
    "threshold": (-1e6, 1e6),
    "alpha": (1e-6, 1e6),
}
# Weights vouch for a network's sizes, nothing for its time steps. The user may ask for more.
_MOST_TIME_STEPS_BY_FILE = 10_000


def csnn(
    channels: int,
    num_time_steps: int = 4,
    surrogate: str = "atan",
    alpha: float | None = None,
    threshold: float = 1.0,
    image_size: int = 28,
) -> CSNN:
    """Build the convolutional spiking network of the published protocol; see ``CSNN``.

    Raises
    ------
    ValueError
        For a number that no such network can have.
    """
    _check_whole(channels=channels, num_time_steps=num_time_steps, image_size=image_size)
    _check_range(threshold=threshold, alpha=alpha)
    return CSNN(
        channels,
        num_time_steps,
        surrogate=surrogate_by_name(surrogate, alpha),
        threshold=threshold,
        image_size=image_size,
    )


def spiking_mlp(
    sizes: str,
    num_time_steps: int = 4,
    surrogate: str = "atan",
    alpha: float | None = None,
    threshold: float = 1.0,
    bias: bool = False,
) -> SpikingMLP:
    """Build a fully connected spiking network; ``sizes`` is written ``784-100-10``.

    Raises
    ------
    ValueError
        For a number that no such network can have.
    """
    _check_whole(num_time_steps=num_time_steps)
    _check_range(threshold=threshold, alpha=alpha)
    dynamics = NeuronDynamics(threshold=threshold, surrogate=surrogate_by_name(surrogate, alpha))
    return SpikingMLP(parse_sizes(sizes), num_time_steps, dynamics=dynamics, bias=bias)


def mlp(sizes: str, activation: str = "relu", bias: bool = True) -> nn.Sequential:
    """Build a fully connected network; ``sizes`` is written ``4-32-3``.

    Raises
    ------
    ValueError
        If ``sizes`` is not two or more numbers, or ``activation`` is unknown.
    """
    if activation not in _ACTIVATIONS:
        known = ", ".join(_ACTIVATIONS)
        raise ValueError(f"activation must be one of {known}; got '{activation}'.")
    layers: list[nn.Module] = [nn.Flatten()]
    for n_in, n_out in itertools.pairwise(parse_sizes(sizes)):
        layers += [nn.Linear(n_in, n_out, bias=bias), _ACTIVATIONS[activation]()]
    return nn.Sequential(*layers[:-1])


BUILTIN_MODELS: Mapping[str, Callable[..., nn.Module]] = dict(
    zip(BUILTIN_NAMES, (csnn, spiking_mlp, mlp), strict=True)
)


def parse_sizes(text: str) -> tuple[int, ...]:
    """Read ``784-100-10`` as layer sizes.

    Raises
    ------
    ValueError
        If it is not two or more positive numbers.
    """
    parts = str(text).split("-")
    if len(parts) < 2 or not all(part.isdecimal() and len(part) <= 20 for part in parts):
        raise ValueError(f"sizes must be two or more numbers, as 784-100-10; got '{text}'.")
    sizes = tuple(map(int, parts))
    for size in sizes:
        _check_whole(sizes=size)
    return sizes


def _check_whole(**values: object) -> None:
    for name, value in values.items():
        if not isinstance(value, int) or isinstance(value, bool):
            raise ValueError(f"{name} must be a whole number; got {value!r}.")
    _check_range(**values)


def _check_range(**values: object) -> None:
    for name, value in values.items():
        low, high = _RANGES[name]
        if value is None:
            continue
        if not isinstance(value, int | float) or not low <= value <= high:
            raise ValueError(f"{name} must be a number from {low:g} to {high:g}; got {value!r}.")


def model_spec(checkpoint: Checkpoint) -> str | None:
    """The network that ``checkpoint`` belongs to, by its sidecar, its folder or its tensors.

    A sidecar may name any factory; one that is not built in is never imported on its word, and
    gives None. A folder's config can name networks of transformers, and no others.
    """
    named = checkpoint.sidecar.model if checkpoint.sidecar is not None else None
    if is_builtin(named):
        return named
    if is_model_folder(checkpoint.path):
        return f"{PREFIX}{checkpoint.path}"
    return infer_model(checkpoint.state)


def build_model(spec: str) -> nn.Module:
    """Build the network that the user's ``spec`` names, with the weights it starts with.

    Raises
    ------
    landscape.factories.FactoryError
        If the spec leads nowhere, its code fails, or what it makes is no ``nn.Module``.
    ValueError
        If the parameters of what it makes are spread over processes.
    """
    factory = load_factory(spec, group=MODELS, builtin=BUILTIN_MODELS)
    made: Any = factory()
    if not isinstance(made, nn.Module):
        raise CheckpointError(
            f"--model '{spec}' made {describe(made)}; it must make a torch.nn.Module."
        )
    check_whole(made)
    return made


def model_of(
    checkpoint: Checkpoint,
    spec: str | None = None,
    *,
    part: str | None = None,
    weights_loaded: bool = False,
) -> tuple[nn.Module, tuple[str, ...]]:
    """Build the network of ``checkpoint`` and load its weights.

    Parameters
    ----------
    checkpoint
        As read by ``load_checkpoint``.
    spec
        What the user asked for; None takes the network that :func:`model_spec` finds.
    part
        Name of the module within the network that the weights are of; None: the whole, or what
        their names show.
    weights_loaded
        The network that ``spec`` makes has its weights already.

    Returns
    -------
    tuple
        The network, in float64 if the file's weights are, and what was done to make them fit
        (see ``load_into``).

    Raises
    ------
    CheckpointError
        If no network is known, or the weights do not fit it.
    """
    path = checkpoint.path
    if is_adapter_folder(path) and not is_model_folder(path):
        raise refuse(
            path,
            "it is an adapter, which a network needs",
            "Pass the network's own checkpoint, and this folder as --adapter",
        )
    found = spec or model_spec(checkpoint)
    if found is None:
        raise CheckpointError(_unknown(checkpoint))
    folder = folder_of(found)
    if (part or weights_loaded) and (spec is None or folder is not None):
        raise ValueError("--part and --weights-loaded are for a network that a factory makes.")
    if folder is not None:
        return network_of(folder, checkpoint)
    if spec is not None:
        model = build_model(spec)
        if weights_loaded:
            return model, (how_loaded(model, checkpoint),)
        return model, _load_all_digits(model, checkpoint, part)
    try:
        # A spec from a file may ask for any size. On the meta device that costs nothing, and
        # weights that do not fit it are refused there.
        with torch.device("meta"):
            matched(_built_by_file(found), checkpoint)
    except FactoryError as error:
        first = str(error).partition("\n")[0].rstrip(".")  # the others are for a network's author
        raise refuse(
            checkpoint.path,
            f"its sidecar names a model that cannot be made: {printable(first, 400)}",
            "Name the right one with --model",
        ) from error
    model = build_model(found)
    return model, _load_all_digits(model, checkpoint)


def _built_by_file(spec: str) -> nn.Module:
    steps = parse_arguments(spec.partition("?")[2], spec).get("num_time_steps")
    if isinstance(steps, int) and steps > _MOST_TIME_STEPS_BY_FILE:
        raise FactoryError(
            f"'{spec}' has more than {_MOST_TIME_STEPS_BY_FILE:,} time steps, which a file alone "
            "may not ask for."
        )
    return build_model(spec)


def _load_all_digits(
    model: nn.Module, checkpoint: Checkpoint, part: str | None = None
) -> tuple[str, ...]:
    """``load_into``, but the model becomes float64 where the file's weights are."""
    if any(tensor.dtype == torch.float64 for tensor in checkpoint.state.values()):
        model.double()
    return load_into(model, checkpoint) if part is None else load_into_part(model, checkpoint, part)


def _unknown(checkpoint: Checkpoint) -> str:
    path = printable(str(checkpoint.path))
    if checkpoint.sidecar is not None:
        named = printable(checkpoint.sidecar.model)
        return (
            f"{path}: its sidecar names the model '{named}', which is not built in; code named in "
            f"a file is not imported. If you trust it, say so: --model '{named}'."
        )
    return (
        f"{path}: its {len(checkpoint.state)} tensors belong to no built-in network. Name yours "
        "with --model module:factory, --model path/to/file.py:factory or --model hf:FOLDER."
    )
