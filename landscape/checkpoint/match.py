"""Put a checkpoint's weights into a model: every name and shape must fit, or one is told which."""

import math
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from landscape.checkpoint.align import address, aligned
from landscape.checkpoint.errors import CheckpointError, listing, printable
from landscape.checkpoint.load import Checkpoint
from landscape.checkpoint.neuron_state import neuron_state_names
from landscape.hints import close_to, closest
from landscape.nests import digest

_ADAPTERS = (
    "It has LoRA's adapters, which are added to the weights of a network when peft loads them. "
    "Pass the network's own checkpoint, and the adapter's folder as --adapter; or merge them, and "
    "pass the file that this writes: "
    "torch.save(peft_model.merge_and_unload().state_dict(), 'weights.pt')."
)
_RENAMED = (
    "Where a library renames the weights as it loads them (from_pretrained), pass a file of those "
    "that it has loaded: torch.save(model.state_dict(), 'weights.pt')."
)
_SHOWN = 6
_LONG, _MANY = 200, 1000  # names longer than this, or more of them, are not compared


def load_into(model: nn.Module, checkpoint: Checkpoint) -> tuple[str, ...]:
    """Copy ``checkpoint``'s weights into ``model``, in the model's dtypes; strict.

    ``model`` is as it was if this fails.

    Returns
    -------
    tuple of str
        What was done beyond copying: dtypes converted, prefixes put back, neuron state left out.

    Raises
    ------
    CheckpointError
        If tensors are missing, unexpected or of another shape (each listed, with close matches),
        are integers where weights are expected, or not whole where integers are, hold NaN or
        infinity, or differ from one another where the model has one tensor for both.
    """
    state, notes = matched(model, checkpoint)
    model.load_state_dict(state, strict=True)
    return notes


def load_into_part(model: nn.Module, checkpoint: Checkpoint, part: str) -> tuple[str, ...]:
    """``load_into`` the module that ``model`` has under this name; the rest stays as it is.

    Raises
    ------
    CheckpointError
        As there; or if there is no such module.
    """
    modules = dict(model.named_modules())
    if not part or part not in modules:
        hint = close_to(part, modules)
        raise CheckpointError(f"--part '{part}': the network has no module of that name.{hint}")
    beside = [name for name in model.state_dict() if not name.startswith(f"{part}.")]
    note = f"weights put into the part '{part}' of the network, as asked"
    rest = f"; as the factory made them: {listing(beside)}" if beside else ""
    return (f"{note}{rest}", *load_into(modules[part], checkpoint))


def how_loaded(model: nn.Module, checkpoint: Checkpoint) -> str:
    """How many of the file's tensors a network has that loaded them itself, under any names."""
    held = {digest(tensor) for tensor in model.state_dict().values()}
    found = sum(digest(tensor) in held for tensor in checkpoint.state.values())
    return (
        f"weights as the factory loaded them: of the file's {len(checkpoint.state)} tensors "
        f"{found} are in the network, to the bit"
    )


def matched(model: nn.Module, checkpoint: Checkpoint) -> tuple[dict[str, Tensor], tuple[str, ...]]:
    """The state dict that ``load_into`` would load, and its notes; ``model`` may be on "meta"."""
    wanted = model.state_dict()
    notes: list[str] = []
    found = aligned(model, checkpoint, wanted, notes)
    found = _without_neuron_state(model, found, wanted, notes)
    found = found | _implied(found, wanted, notes)
    _check_names_and_shapes(checkpoint, found, wanted)
    _check_shared(checkpoint, found, wanted)
    parameters = {name for name, _ in model.named_parameters(remove_duplicate=False)}
    converted: dict[tuple[str, str], int] = {}
    for name, tensor in found.items():
        _check_values(checkpoint, name, tensor, wanted[name], notes, name in parameters)
        if tensor.dtype != wanted[name].dtype:
            pair = (_dtype(tensor), _dtype(wanted[name]))
            converted[pair] = converted.get(pair, 0) + 1
    notes += [f"{n} tensors converted from {a} to {b}" for (a, b), n in converted.items()]
    return wanted | found, tuple(notes)


def _without_neuron_state(
    model: nn.Module,
    found: dict[str, Tensor],
    wanted: Mapping[str, Tensor],
    notes: list[str],
) -> dict[str, Tensor]:
    """Leave out state that the file has; keep the model's own where it has some."""
    buffers = {name for name, _ in model.named_buffers(remove_duplicate=False)}
    surplus = neuron_state_names(found) - set(wanted)
    own = neuron_state_names(wanted) & buffers
    left_out = sorted(surplus | (own & set(found)))
    if left_out:
        notes.append(f"neuron state not loaded, it starts at zero: {listing(left_out)}")
    kept = {name: tensor for name, tensor in found.items() if name not in left_out}
    return kept | {name: wanted[name] for name in own}


def _implied(
    found: Mapping[str, Tensor], wanted: Mapping[str, Tensor], notes: list[str]
) -> dict[str, Tensor]:
    """Tensors that files may leave out: the second name of a shared weight, old norms' counters."""
    missing = [name for name in wanted if name not in found]
    counters = {n: wanted[n] for n in missing if n.endswith(".num_batches_tracked")}
    by_address = {address(wanted[name]): name for name in found if name in wanted}
    by_address.pop(None, None)
    addresses = {name: address(wanted[name]) for name in missing}
    shared = {n: found[by_address[a]] for n, a in addresses.items() if a in by_address}
    if shared:
        notes.append(f"shared with another weight in the model: {listing(list(shared))}")
    if counters:
        notes.append("the file has no counters of batches seen (num_batches_tracked)")
    return shared | counters


def _check_shared(
    checkpoint: Checkpoint, found: Mapping[str, Tensor], wanted: Mapping[str, Tensor]
) -> None:
    """Refuse two tensors for one: which of them the network would compute with is chance."""
    first: dict[object, str] = {}
    for name, tensor in found.items():
        place = address(wanted[name])
        other = first.setdefault(place, name) if place is not None else name
        if other != name and not torch.equal(found[other], tensor):
            raise CheckpointError(
                f"{printable(str(checkpoint.path))}: '{printable(other)}' and '{printable(name)}' "
                "differ, but the model has one tensor for both (tied weights). Build the network "
                "without the tie, or leave one of the two out of the file."
            )


def _check_names_and_shapes(
    checkpoint: Checkpoint, found: Mapping[str, Tensor], wanted: Mapping[str, Tensor]
) -> None:
    missing = [name for name in wanted if name not in found]
    unexpected = [name for name in found if name not in wanted]
    misshapen = [n for n in wanted if n in found and found[n].shape != wanted[n].shape]
    if not (missing or unexpected or misshapen):
        return
    lines = [f"{printable(str(checkpoint.path))}: its tensors do not fit the model."]
    lines += _lines("missing, expected by the model", missing, wanted, unexpected)
    lines += _lines("unexpected, not in the model", unexpected, found, missing)
    shapes = [
        f"  shape of '{printable(n)}': {tuple(found[n].shape)} in the file, "
        f"{tuple(wanted[n].shape)} in the model"
        for n in misshapen
    ]
    lines += _shortened(shapes)
    if misshapen and not (missing or unexpected):
        lines.append("Was it saved with another width? Give the factory's arguments: ?name=value.")
    elif any(".lora_" in name for name in unexpected):
        lines.append(_ADAPTERS)
    else:
        lines.append("Name the network that was saved with --model, or the weights' --state-key.")
        lines += [] if checkpoint.state.keys() & wanted.keys() else [_RENAMED]
    raise CheckpointError("\n".join(lines))


def _lines(
    what: str, names: list[str], tensors: Mapping[str, Tensor], others: list[str]
) -> list[str]:
    lines = []
    # Comparing names takes time quadratic in their length, for each pair.
    candidates = [other for other in others if len(other) < _LONG][:_MANY]
    for name in names:
        close = closest(name[:_LONG], candidates)
        hint = f"; close to '{printable(close[0])}'" if close else ""
        lines.append(f"  {what}: '{printable(name)}' {tuple(tensors[name].shape)}{hint}")
        if len(lines) == _SHOWN:
            break
    return lines + ([f"  … and {len(names) - _SHOWN} more"] if len(names) > _SHOWN else [])


def _shortened(lines: list[str]) -> list[str]:
    return lines[:_SHOWN] + ([f"  … and {len(lines) - _SHOWN} more"] if len(lines) > _SHOWN else [])


def _check_values(
    checkpoint: Checkpoint,
    name: str,
    tensor: Tensor,
    target: Tensor,
    notes: list[str],
    is_parameter: bool,
) -> None:
    where = f"{printable(str(checkpoint.path))}: tensor '{printable(name)}'"
    if target.is_floating_point() and not (tensor.is_floating_point() or tensor.is_complex()):
        raise CheckpointError(
            f"{where} holds {_dtype(tensor)}, the model expects {_dtype(target)}. Quantised "
            "weights have no curvature: analyse the network before quantisation."
        )
    if tensor.is_complex() != target.is_complex():
        raise CheckpointError(
            f"{where} holds {_dtype(tensor)}, the model expects {_dtype(target)}. Build the "
            "network as it was saved, or save the tensor in the dtype that the network has."
        )
    if tensor.is_floating_point() and not target.is_floating_point():
        if not torch.equal(tensor.to(target.dtype).to(tensor.dtype), tensor):
            raise CheckpointError(
                f"{where} holds {_dtype(tensor)}, with values that are not exact in the model's "
                f"{_dtype(target)}. Save it in that dtype; a norm's counter of batches "
                "(num_batches_tracked) may also be left out of the file."
            )
        return
    if tensor.is_complex():
        tensor, target = torch.view_as_real(tensor.resolve_conj()), torch.view_as_real(target)
    if not tensor.is_floating_point():
        return
    # Not every narrow floating-point type has isfinite; each converts to float32 exactly.
    wide = tensor if tensor.dtype in (torch.float32, torch.float64) else tensor.float()
    bad = int((~torch.isfinite(wide)).sum())
    statistics = name.endswith(("running_mean", "running_var"))
    if bad and (is_parameter or statistics):
        raise CheckpointError(
            f"{where} holds {bad} NaN or infinite values of {tensor.numel()}: the training had "
            "diverged. Use a checkpoint from before that."
        )
    if bad:  # masks in attention layers are made of -inf
        notes.append(f"buffer '{printable(name)}' holds {bad} NaN or infinite values")
    narrow = torch.finfo(target.dtype).max
    if not bad and wide.numel() and float(wide.abs().max()) > narrow:
        raise CheckpointError(
            f"{where} holds values beyond the model's {_dtype(target)}. Build the model in "
            f"{_dtype(tensor)}: --dtype."
        )


def check_range(label: str, model: nn.Module, dtype: torch.dtype) -> None:
    """Refuse to round weights of ``model`` that are numbers to infinity.

    Raises
    ------
    ValueError
        Naming the first tensor with values beyond ``dtype``.
    """
    limit = torch.finfo(dtype).max
    for name, parameter in model.named_parameters():
        weight = torch.view_as_real(parameter) if parameter.is_complex() else parameter
        if not weight.is_floating_point() or torch.finfo(weight.dtype).max <= limit:
            continue
        largest = float(weight.detach().abs().max()) if weight.numel() else 0.0
        if limit < largest < math.inf:
            raise ValueError(
                f"{label}: tensor '{printable(name)}' holds {largest:g}, which is infinite in "
                f"{str(dtype).removeprefix('torch.')}. Keep the weights whole: --dtype float64."
            )


def _dtype(tensor: Tensor) -> str:
    return str(tensor.dtype).removeprefix("torch.")
