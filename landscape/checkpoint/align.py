"""Find which of a file's names is which of the model's, where they differ by rule.

Trainers wrap a network, and parts of it, and names change with that. A change is undone when, and
only when, every name of the model is then there; what was done is noted.
"""

from collections.abc import Iterable, Mapping

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
        If parts of the file have the model's names, and which is meant is not clear.
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
    fitted = _fitted(checkpoint, state, needed, real, notes)
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
    real: Mapping[str, str],
    notes: list[str],
) -> dict[str, Tensor] | None:
    if needed <= state.keys():
        return state
    for prefix in _prefixes(real, state):
        longer = {prefix + name: tensor for name, tensor in state.items()}
        if needed <= longer.keys():
            put = "back" if prefix == checkpoint.prefix else "before every name"
            notes.append(f"prefix '{printable(prefix)}' put {put}: the model's names have it")
            return longer
    parts = [p for p in _prefixes(state, needed) if all(p + name in state for name in needed)]
    common = [part for part in parts if all(name.startswith(part) for name in state)]
    usual = [part for part in parts if part in _WRAPPED_AS]
    for prefix in common or usual[: len(usual) == 1]:
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
