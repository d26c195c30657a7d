"""Adapters as peft leaves them in a folder: the network is held fixed, they alone are varied."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import nn

from landscape.checkpoint.errors import CheckpointError, listing, printable, refuse
from landscape.checkpoint.hugging_face import apart
from landscape.checkpoint.load import Checkpoint, load_checkpoint
from landscape.checkpoint.model_folders import ADAPTER_CONFIG, first_line, is_adapter_folder
from landscape.extras import library

_OTHER_BASE = "Give the network that it was trained on"


@dataclass(frozen=True, kw_only=True, eq=False)
class Adapter:
    """Weights that were read, and peft's settings of the layers that hold them."""

    checkpoint: Checkpoint
    config: Any


def load_adapter(folder: Path) -> Adapter:
    """Read the adapter in ``folder``, without running anything in it.

    Raises
    ------
    CheckpointError
        If the folder holds none, or one that cannot be used.
    ValueError
        If peft is not installed.
    """
    if not is_adapter_folder(folder):
        raise refuse(
            folder, f"it holds no {ADAPTER_CONFIG}", "Give a folder that peft saved an adapter in"
        )
    peft = library("peft", "an adapter")
    try:
        kept = json.loads((folder / ADAPTER_CONFIG).read_text(encoding="utf-8"))
        kept = {name: value for name, value in kept.items() if name != "auto_mapping"}
        kind = peft.PEFT_TYPE_TO_CONFIG_MAPPING[kept["peft_type"]]
        config = kind.from_peft_type(**kept | {"inference_mode": False})
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise refuse(
            folder / ADAPTER_CONFIG,
            f"peft {peft.__version__} cannot read it ({first_line(error)})",
            "Install the version of peft that wrote it",
        ) from error
    return Adapter(checkpoint=load_checkpoint(folder), config=config)


def with_adapter(model: nn.Module, adapter: Adapter) -> tuple[nn.Module, tuple[str, ...]]:
    """``model``, frozen, with the adapter in it, and what was done.

    Raises
    ------
    CheckpointError
        If the adapter was made for another network.
    """
    peft = library("peft", "an adapter")
    path, state = printable(str(adapter.checkpoint.path)), dict(adapter.checkpoint.state)
    with apart():
        try:
            adapted: nn.Module = peft.get_peft_model(model, adapter.config)
        except (ValueError, AttributeError, RuntimeError, TypeError) as error:
            raise CheckpointError(
                f"{path}: it cannot be put into {type(model).__name__} ({first_line(error)}). "
                f"{_OTHER_BASE}."
            ) from error
        wanted = peft.get_peft_model_state_dict(adapted, save_embedding_layers=False)
        parts = {
            "missing": [n for n in wanted if n not in state],
            "of no layer of the network": [n for n in state if n not in wanted],
            "of another shape": [
                n for n, t in wanted.items() if n in state and state[n].shape != t.shape
            ],
        }
        if any(parts.values()):
            words = "; ".join(f"{what}: {listing(names)}" for what, names in parts.items() if names)
            raise CheckpointError(
                f"{path}: it does not fit {type(model).__name__}: {words}. {_OTHER_BASE}."
            )
        peft.set_peft_model_state_dict(adapted, state)
    base = adapter.config.base_model_name_or_path
    trained_on = f", trained on '{printable(str(base))}'" if base else ""
    kind = getattr(adapter.config.peft_type, "value", adapter.config.peft_type)
    return adapted.eval(), (f"adapter {kind} of {path}{trained_on}: the network is held fixed",)
