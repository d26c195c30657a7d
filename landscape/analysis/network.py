"""The network of a checkpoint, as the settings say: its weights in their place, its adapter on."""

import hashlib
from typing import NamedTuple

from torch import nn

from landscape.analysis.target_settings import TargetSettings
from landscape.checkpoint.adapter import load_adapter, with_adapter
from landscape.checkpoint.load import Checkpoint
from landscape.checkpoint.model_folders import folder_of
from landscape.checkpoint.models import model_of, model_spec
from landscape.nests import digest


class Network(NamedTuple):
    """A network with its weights, and what should be known of it."""

    model: nn.Module
    name: str  # as the user or the file gave it
    sha256: str  # of what its weights came from
    notes: tuple[str, ...]
    has_own_loss: bool  # it is one of transformers', which compute theirs where there are labels


def open_network(checkpoint: Checkpoint, settings: TargetSettings) -> Network:
    """Build the network, and put weights and adapter into it.

    Raises
    ------
    CheckpointError
        If no network is known, or weights or adapter do not fit it.
    ValueError
        If its spec leads nowhere, or a library is missing.
    """
    name, sha256 = settings.model or model_spec(checkpoint) or "", checkpoint.sha256
    has_own_loss = folder_of(name) is not None
    model, notes = model_of(
        checkpoint, settings.model, part=settings.part, weights_loaded=settings.weights_loaded
    )
    if settings.weights_loaded:
        sha256 = digest(model.state_dict())
    if settings.adapter is not None:
        adapter = load_adapter(settings.adapter)
        model, added = with_adapter(model, adapter)
        name, notes = f"{name} with {settings.adapter}", (*notes, *added)
        sha256 = hashlib.sha256(f"{sha256} {adapter.checkpoint.sha256}".encode()).hexdigest()
    return Network(model, name, sha256, notes, has_own_loss)
