"""Directions as safetensors files, which several checkpoints share.

A file holds raw directions (before they are rescaled to anyone's weights), one tensor per
parameter and direction, named ``1/conv.weight``, so that it also says which network it fits.
"""

from pathlib import Path
from typing import NamedTuple

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from landscape.files import write_atomic
from landscape.parameters import ParameterLayout
from landscape.surface.directions import sha256_of_direction


class RawDirections(NamedTuple):
    """Directions of one network, not yet rescaled; each of shape (P,)."""

    vectors: tuple[Tensor, ...]
    kind: str  # random | eigenvector | between | trajectory
    seed: int | None = None
    descriptions: tuple[str, ...] = ()  # one a vector, e.g. eigenvector 1, λ = 1.38


def save_directions(path: Path, raw: RawDirections, layout: ParameterLayout) -> None:
    """Write ``raw`` for the parameters of ``layout`` to ``path``, replacing it atomically."""
    tensors = {
        f"{k}/{name}": part.detach().cpu().contiguous()
        for k, vector in enumerate(raw.vectors, start=1)
        for name, part in layout.unflatten(vector).items()
    }
    about = {"format": "landscape-directions", "kind": raw.kind, "count": str(len(raw.vectors))}
    if raw.seed is not None:
        about["seed"] = str(raw.seed)
    for k, vector in enumerate(raw.vectors, start=1):
        about[f"sha256/{k}"] = sha256_of_direction(vector)
    for k, text in enumerate(raw.descriptions, start=1):
        about[f"description/{k}"] = text
    write_atomic(path, save(tensors, metadata=about))


def load_directions(path: Path, layout: ParameterLayout) -> RawDirections:
    """Read directions that fit ``layout``.

    Raises
    ------
    ValueError
        If the file is none of :func:`save_directions`, was made for a network with other
        parameters (name and both shapes are shown), or its contents fail their digest.
    """
    try:
        with safe_open(path, framework="pt") as file:
            about = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (OSError, SafetensorError) as error:
        raise ValueError(f"{path} is no readable file of directions ({error}).") from error
    if about.get("format") != "landscape-directions":
        raise ValueError(
            f"{path} is a safetensors file but holds no directions; make one with "
            "`landscape surface --save-directions FILE`."
        )
    vectors = []
    for k in range(1, int(about["count"]) + 1):
        _check_fit(path, tensors, k, layout)
        vector = torch.cat([tensors[f"{k}/{name}"].reshape(-1) for name in layout.names])
        if sha256_of_direction(vector) != about[f"sha256/{k}"]:
            raise ValueError(
                f"{path}: direction {k} does not have the digest stored with it; the file was "
                "altered, or holds the parameters in another order. Make it again."
            )
        vectors.append(vector)
    descriptions = tuple(about.get(f"description/{k}", "") for k in range(1, len(vectors) + 1))
    seed = int(about["seed"]) if "seed" in about else None
    return RawDirections(tuple(vectors), about["kind"], seed, descriptions)


def _check_fit(path: Path, tensors: dict[str, Tensor], k: int, layout: ParameterLayout) -> None:
    held = {
        name.split("/", 1)[1]: t.shape for name, t in tensors.items() if name.startswith(f"{k}/")
    }
    for name, shape in zip(layout.names, layout.shapes, strict=True):
        if name not in held:
            raise ValueError(f"{path}: direction {k} has no entries for parameter {name!r}.")
        if held[name] != shape:
            raise ValueError(
                f"{path}: direction {k} has shape {tuple(held[name])} for {name!r}; the network "
                f"has {tuple(shape)}. Directions are shared between checkpoints of one network."
            )
    unknown = set(held) - set(layout.names)
    if unknown:
        raise ValueError(
            f"{path}: direction {k} also varies {', '.join(sorted(unknown))}, which this network "
            "does not have or --params leaves out."
        )
