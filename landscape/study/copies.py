"""Networks with rescaled filters: other weights, the same function."""

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import torch
from torch import nn

from landscape.checkpoint.load import load_checkpoint
from landscape.checkpoint.models import model_of
from landscape.checkpoint.save import save_checkpoint


def write_rescaled(source: Path, target: Path, factor: float, *, model: str | None = None) -> None:
    """Write the network at ``source`` with every filter before a batch norm times ``factor``.

    ``model`` is a network of the user's own, as ``--model`` takes it.

    Running statistics follow, so that the function stays what it was: exactly, where ``factor``
    is a power of two, up to the rounding of one variance (Dinh et al. 2017, arXiv 1703.04933).

    Raises
    ------
    ValueError
        If it has no convolution or linear layer followed by a batch norm, a batch norm without
        running statistics, or no sidecar.
    """
    checkpoint = load_checkpoint(source)
    network, _ = model_of(checkpoint, model)
    pairs = list(_normalised_layers(network))
    if not pairs or checkpoint.sidecar is None:
        raise ValueError(f"{source} has no batch norm after a layer: there is nothing to rescale.")
    with torch.no_grad():
        for layer, norm in pairs:
            layer.weight.mul_(factor)
            if layer.bias is not None:
                layer.bias.mul_(factor)
            mean, var = norm.running_mean, norm.running_var
            if mean is None or var is None:
                raise ValueError(
                    f"{source} has a batch norm without running statistics: its filters cannot be "
                    "rescaled so that the function stays. Leave [[copy]] out."
                )
            mean.mul_(factor)
            var.copy_(factor**2 * (var.double() + norm.eps) - norm.eps)
    save_checkpoint(target, network.state_dict(), checkpoint.sidecar)


_Layer = nn.Conv1d | nn.Conv2d | nn.Conv3d | nn.Linear
_Norm = nn.BatchNorm1d | nn.BatchNorm2d | nn.BatchNorm3d


def _normalised_layers(model: nn.Module) -> Iterator[tuple[_Layer, _Norm]]:
    leaves = [m for m in model.modules() if not list(m.children())]
    for layer, norm in pairwise(leaves):
        if isinstance(layer, _Layer) and isinstance(norm, _Norm):
            yield layer, norm
