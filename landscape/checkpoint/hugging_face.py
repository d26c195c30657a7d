"""Networks as ``save_pretrained`` of Hugging Face's transformers leaves them in a folder.

``config.json`` names one of the library's classes, and the library knows under which names earlier
versions of it stored the weights. Nothing is fetched, and no code of the folder's is run: its text
is read here, its weights by :func:`landscape.checkpoint.load.load_checkpoint`.
"""

import copy
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from landscape.checkpoint.align import aligned
from landscape.checkpoint.errors import CheckpointError, listing, printable, refuse
from landscape.checkpoint.load import Checkpoint
from landscape.checkpoint.match import load_into
from landscape.checkpoint.model_folders import CONFIG, first_line, read_config
from landscape.extras import broken, library

_OWN_CODE = "auto_map"
# How numbers were stored or computed where the network was trained or served: not its function.
_NOT_THE_NETWORK = {_OWN_CODE, "dtype", "torch_dtype", "attn_implementation", "_name_or_path"}
_FACTORY = "Give the network by a factory: --model file.py:factory"


def network_of(folder: Path, checkpoint: Checkpoint) -> tuple[nn.Module, tuple[str, ...]]:
    """The network that ``folder`` describes, with the weights of ``checkpoint``.

    Returns
    -------
    tuple
        The network, in float64 if the weights are, and notes of what was done to make them fit.

    Raises
    ------
    CheckpointError
        If transformers has no such network, or weights are missing or of another shape.
    ValueError
        If transformers is not installed.
    """
    transformers = _library()
    with apart():
        kind, config, notes = _described(folder, transformers)
        try:
            with torch.device("meta"):
                outline = kind(copy.deepcopy(config))
                outline.tie_weights()
        except Exception as error:  # the config's values reach every layer
            raise refuse(
                folder / CONFIG,
                f"{kind.__name__} cannot be built from it ({first_line(error)})",
                _BAD,
            ) from error
        model = _loaded(kind, config, outline, checkpoint, notes)
    itself = replace(checkpoint, state=dict(model.state_dict()), prefix="")
    notes += load_into(model, itself)  # which refuses numbers that are none
    return model, tuple(notes)


_BAD = "Download it again, or install the version of transformers that wrote it"


def _library() -> Any:
    with _offline():
        return library("transformers", "a Hugging Face folder")


def _described(folder: Path, transformers: Any) -> tuple[Any, Any, list[str]]:
    """The library's class, its config, and what was left out of that."""
    raw, path, notes = read_config(folder), folder / CONFIG, []
    version, kinds = transformers.__version__, transformers.CONFIG_MAPPING
    type_name, names = raw.get("model_type"), raw.get("architectures")
    if not isinstance(type_name, str) or type_name not in kinds:
        own = " The code in the folder (auto_map) is not run." if _OWN_CODE in raw else ""
        raise refuse(
            path,
            f"transformers {version} has no model type '{printable(str(type_name))}'.{own}"[:300],
            _FACTORY,
        )
    if not isinstance(names, list) or len(names) != 1 or not isinstance(names[0], str):
        raise refuse(
            path,
            f"its architectures must name one class; they are {printable(str(names))}",
            "Write the class that the weights belong to into it",
        )
    try:
        kind = getattr(transformers, names[0], None)
    except (ImportError, RuntimeError) as error:  # it imports its parts when they are asked for
        raise ValueError(broken("transformers", error)) from error
    if not (isinstance(kind, type) and issubclass(kind, transformers.PreTrainedModel)):
        raise refuse(
            path, f"transformers {version} has no network '{printable(names[0])}'", _FACTORY
        )
    if "quantization_config" in raw:
        raise refuse(
            path,
            "its weights are quantised, and have no curvature",
            "Use the network before quantisation",
        )
    if _OWN_CODE in raw:
        notes.append(
            f"the code in the folder (auto_map) is not run: {kind.__name__} is the library's own"
        )
    kept = {name: value for name, value in raw.items() if name not in _NOT_THE_NETWORK}
    try:
        config = kinds[type_name].from_dict(kept)
    except Exception as error:  # every model type checks its own
        raise refuse(
            path, f"transformers {version} refuses it ({first_line(error)})", _BAD
        ) from error
    if hasattr(config, "use_cache"):
        config.use_cache = False  # keys and values of earlier tokens, for generating further ones
    return kind, config, notes


def _loaded(
    kind: Any, config: Any, outline: nn.Module, checkpoint: Checkpoint, notes: list[str]
) -> nn.Module:
    path = printable(str(checkpoint.path))
    wanted, state = outline.state_dict(), dict(checkpoint.state)
    if checkpoint.prefix.endswith("model."):  # of the library's own networks, not a wrapper's
        state = {f"model.{name}": tensor for name, tensor in state.items()}
        notes.append("prefix 'model.' put back: the library's names have it")
    if not any(name in wanted for name in state):
        state = aligned(outline, checkpoint, wanted, notes)
    size = sum(p.numel() for p in outline.parameters())
    held = sum(t.numel() for t in state.values())
    if size > held:  # before memory is taken for what a config asks
        raise CheckpointError(
            f"{path}: it holds {held:,} numbers, the network {kind.__name__} of {CONFIG} needs "
            f"{size:,}. Give the folder that the weights were saved in."
        )
    stored = {t.dtype for t in state.values() if t.is_floating_point()}
    dtype = torch.float64 if torch.float64 in stored else torch.float32
    if narrow := sorted(str(d).removeprefix("torch.") for d in stored - {dtype}):
        notes.append(f"weights stored in {' and '.join(narrow)}, held in {str(dtype)[6:]}")
    try:
        model, told = kind.from_pretrained(
            None,
            config=config,
            state_dict=state,
            dtype=dtype,
            output_loading_info=True,
            ignore_mismatched_sizes=True,  # they are told below, all of them
            local_files_only=True,
        )
    except (RuntimeError, ValueError, KeyError, TypeError) as error:
        raise CheckpointError(
            f"{path}: its tensors cannot be put into {kind.__name__} ({first_line(error)}). Give "
            "the folder that the weights were saved in."
        ) from error
    missing, misshapen = (
        sorted(map(str, told[f"{what}_keys"])) for what in ("missing", "mismatched")
    )
    if missing or misshapen:
        parts = [("missing", missing), ("of another shape", misshapen)]
        words = "; ".join(f"{what}: {listing(names)}" for what, names in parts if names)
        raise CheckpointError(
            f"{path}: its tensors do not fit {kind.__name__}, which {CONFIG} names: {words}. "
            "Give the folder that the weights were saved in."
        )
    if surplus := sorted(told["unexpected_keys"]):
        notes.append(f"tensors that {kind.__name__} has no place for, left out: {listing(surplus)}")
    _ = model.loss_function  # what there is to say of it is said once, and here not shown
    found: nn.Module = model.eval()
    return found


@contextmanager
def apart() -> Iterator[None]:
    """A block in which transformers fetches nothing, and prints nothing.

    Nor does it warn of what it will change: that is for those who call it.
    """
    talk = _library().utils.logging
    level, bars = talk.get_verbosity(), talk.is_progress_bar_enabled()
    talk.set_verbosity(talk.CRITICAL)
    talk.disable_progress_bar()
    try:
        with _offline(), warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)
            warnings.simplefilter("ignore", DeprecationWarning)
            yield
    finally:
        talk.set_verbosity(level)
        if bars:
            talk.enable_progress_bar()


@contextmanager
def _offline() -> Iterator[None]:
    """Read when huggingface_hub is imported first, and handed on to what it starts."""
    before = os.environ.get("HF_HUB_OFFLINE")
    os.environ["HF_HUB_OFFLINE"] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ["HF_HUB_OFFLINE"]
        else:
            os.environ["HF_HUB_OFFLINE"] = before
