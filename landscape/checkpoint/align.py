"""Find which of a file's names is which of the model's, where they differ by rule.

Trainers wrap a network, and parts of it, and names change with that. A change is undone when, and
only when, every name of the model is then there; what was done is noted.
"""

from collections.abc import Iterable, Mapping

import torch
from torch import Tensor, nn

from landscape.checkpoint.errors import CheckpointError, listing, printable
from landscape.checkpoint.load import Checkpoint
from landscape.checkpoint.neuron_state import neuron_state_names
from landscape.checkpoint.unwrap import without_marks

_COUNTER = ".num_batches_tracked"
_MAX_PREFIXES = 100
# Trainers' modules hold losses and metrics beside the network, which has one of these names.
_WRAPPED_AS = ("model.", "net.", "network.", "module.", "backbone.")


def aligned(
    model: nn.Module, checkpoint: Checkpoint, wanted: Mapping[str, Tensor], notes: list[str]
) -> dict[str, Tensor]:
    """The checkpoint's tensors under the names that ``wanted``, the model's state dict, has.

    Raises
    ------
    CheckpointError
        If parts of the file have the model's names, or parts of the model the file's, and which is
        meant is not clear.
    """
    state = dict(checkpoint.state)
    needed = _needed(wanted)
    if not needed or not state or needed <= state.keys():
        return state
    # Names as they are without wrappers of parts and in the older form of weight_norm.
    older = _weight_norm_names(model)
    plain = {name: without_marks(older.get(name, name)) for name in wanted}
    real = {name: full for full, name in plain.items()}
    if len(real) < len(plain):
        return state
    needed = {plain[name] for name in needed}
    shapes = {plain[name]: tensor.shape for name, tensor in wanted.items()}
    fitted = _fitted(checkpoint, state, needed, shapes, notes)
    if fitted is None:
        fitted = _in_a_part(checkpoint, state, needed, _parameters(model, plain), shapes, notes)
        kept = {} if fitted is None else {n: wanted[real[n]] for n in needed - fitted.keys()}
        fitted = None if fitted is None else fitted | kept
    if fitted is None:
        return state
    if any(plain[new] in fitted for new in older):
        notes.append("weights of weight_norm under their older names (weight_g, weight_v)")
    return {real.get(name, name): tensor for name, tensor in fitted.items()}


def address(tensor: Tensor) -> tuple[int, tuple[int, ...]] | None:
    """What two names of one tensor have in common; None where that cannot be told."""
    if tensor.device.type == "meta" or tensor.numel() == 0:
        return None
    return tensor.data_ptr(), tuple(tensor.shape)


def _needed(wanted: Mapping[str, Tensor]) -> set[str]:
    """Names without which a file cannot be this model's; see ``match`` for what may be missing."""
    state = neuron_state_names(wanted)
    first: dict[object, str] = {}
    for name, tensor in wanted.items():
        first.setdefault(address(tensor) or name, name)
    return {n for n in first.values() if n not in state and not n.endswith(_COUNTER)}


def _fitted(
    checkpoint: Checkpoint,
    state: dict[str, Tensor],
    needed: set[str],
    shapes: Mapping[str, torch.Size],
    notes: list[str],
) -> dict[str, Tensor] | None:
    if needed <= state.keys():
        return state
    for prefix in _prefixes(shapes, state):
        longer = {prefix + name: tensor for name, tensor in state.items()}
        if needed <= longer.keys():
            put = "back" if prefix == checkpoint.prefix else "before every name"
            notes.append(f"prefix '{printable(prefix)}' put {put}: the model's names have it")
            return longer
    parts = [p for p in _prefixes(state, needed) if all(p + name in state for name in needed)]
    common = [part for part in parts if all(name.startswith(part) for name in state)]
    usual = [part for part in parts if part in _WRAPPED_AS]
    alike = [p for p in parts if all(state[p + name].shape == shapes[name] for name in needed)]
    for prefix in common or usual[: len(usual) == 1] or alike[: len(alike) == 1]:
        inside = {n.removeprefix(prefix): t for n, t in state.items() if n.startswith(prefix)}
        left = listing([name for name in state if not name.startswith(prefix)])
        part = f"the network is the part under '{printable(prefix)}'; ignored beside it: {left}"
        notes.append(part if left else f"prefix '{printable(prefix)}' taken off every name")
        return inside
    if parts:
        choices = " or ".join(f"--state-key {printable(part[:-1])}" for part in parts[:8])
        raise CheckpointError(
            f"{printable(str(checkpoint.path))}: its tensors are more than the model's, which has "
            f"the names of a part: {listing(parts)}. If the network is that: {choices}."
        )
    return None


def _in_a_part(
    checkpoint: Checkpoint,
    state: dict[str, Tensor],
    needed: set[str],
    parameters: set[str],
    shapes: Mapping[str, torch.Size],
    notes: list[str],
) -> dict[str, Tensor] | None:
    """The file's tensors in the one part of the network whose names and shapes they have.

    Where parameters would be left that no file gave, only the user can say that this is meant.
    """
    parts = [
        prefix
        for prefix in _prefixes(shapes, state)
        if all(shapes.get(prefix + name) == tensor.shape for name, tensor in state.items())
    ]
    if not parts:
        return None
    inside = {parts[0] + name: tensor for name, tensor in state.items()}
    left = sorted(needed - inside.keys())
    open_ones = [name for name in left if name in parameters]
    if len(parts) > 1 or open_ones:
        choices = " or ".join(f"--part {printable(part[:-1])}" for part in parts[:8])
        beside = f"; nothing in it is for {listing(open_ones)}" if len(parts) == 1 else ""
        raise CheckpointError(
            f"{printable(str(checkpoint.path))}: its tensors are those of a part of the network, "
            f"{listing(parts)}{beside}. If the rest is to stay as the factory makes it: {choices}."
        )
    notes.append(
        f"weights put into the part '{printable(parts[0])}' of the network; as the factory made "
        f"them: {listing(left)}"
    )
    return inside


def _parameters(model: nn.Module, plain: Mapping[str, str]) -> set[str]:
    return {plain[name] for name, _ in model.named_parameters(remove_duplicate=False)}


def _prefixes(longer: Iterable[str], shorter: Iterable[str]) -> list[str]:
    """What some of the longer names have before the longest of the shorter ones, up to a dot."""
    anchor = max(shorter, key=len)
    found = {name.removesuffix(anchor) for name in longer if name.endswith(f".{anchor}")}
    return sorted(found)[:_MAX_PREFIXES]


def _weight_norm_names(model: nn.Module) -> dict[str, str]:
    """Names in the parametrised form of weight_norm, and those that it had before PyTorch 2."""
    names: dict[str, str] = {}
    for path, module in model.named_modules():
        parametrised = getattr(module, "parametrizations", None)
        if not isinstance(parametrised, nn.ModuleDict):
            continue
        for tensor, chain in parametrised.items():
            if any(type(part).__name__ == "_WeightNorm" for part in chain.children()):
                above = f"{path}." if path else ""
                parts = f"{above}parametrizations.{tensor}.original"
                names[f"{parts}0"] = f"{above}{tensor}_g"
                names[f"{parts}1"] = f"{above}{tensor}_v"
    return names
