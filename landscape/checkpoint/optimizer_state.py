"""The optimiser's state that a training checkpoint holds beside the weights, read safely.

PyTorch's optimisers save groups of settings and, for each parameter, what they keep of it. A
parameter is known by its number in the groups: here it gets its name back, or the state is refused.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from landscape.catalog.optimizers import OPTIMIZERS, Optimizer
from landscape.checkpoint.containers import outline_of
from landscape.checkpoint.errors import CheckpointError, printable
from landscape.checkpoint.files.contents import is_tensor
from landscape.checkpoint.files.pickled import check_names
from landscape.checkpoint.files.tensors import read_tensors
from landscape.checkpoint.formats import Format, recognise
from landscape.checkpoint.load import Checkpoint
from landscape.checkpoint.optimizer_names import in_order
from landscape.checkpoint.optimizer_settings import Family, Group, family_of, settings_or_reason
from landscape.checkpoint.unwrap import OPTIMIZER, without_marks
from landscape.parameters import ParameterLayout

_BESIDE = ("optimizer.pt", "optimizer.bin")  # Hugging Face's Trainer; Accelerate
_PICKLES = (Format.TORCH_ZIP, Format.TORCH_LEGACY)
Read = Callable[[Mapping[Any, Any]], Mapping[Any, Tensor]]  # tensors of outlines


@dataclass(frozen=True, kw_only=True, eq=False)
class OptimizerState:
    """An optimiser's settings, and what it keeps of each parameter.

    Attributes
    ----------
    optimizer
        None where its groups have no settings in common, or it is not known; then ``reason``.
    parameters
        By name the settings of each parameter, and outlines or numbers that are kept of it: none
        where it was never stepped.
    unnamed
        Why it is not known which parameter is which; empty where it is.
    """

    path: Path
    optimizer: Optimizer | None
    reason: str
    parameters: Mapping[str, tuple[Group, Mapping[str, Any]]]
    unnamed: str
    read: Read

    def preconditioner(self, layout: ParameterLayout) -> Tensor:
        """The diagonal of P in θ_{t+1} = θ_t - lr P^-1 m_t, shape (P,), float64.

        Adam's is (1 - β1^t) (√(v / (1 - β2^t)) + ε) (Cohen et al. 2022, arXiv 2207.14484), with
        AMSGrad of its largest v; RMSprop's √v + ε. Infinite where no step was made.

        Raises
        ------
        CheckpointError
            If the optimiser has none, or not of these parameters.
        """
        return layout.flatten(self._each(layout, self._diagonal))

    def update(self, layout: ParameterLayout, theta: Tensor, gradient: Tensor) -> Tensor:
        """What u of its next step θ - lr u is of the loss's ``gradient``, shape (P,), float64.

        Momentum and preconditioner are those that it keeps; weight decay that is in the gradient is
        in u, that which is beside the step is not. 0 where it was never stepped, if it has moments.

        Raises
        ------
        CheckpointError
            If its steps are not known, or it keeps nothing of these parameters.
        """
        points, slopes = (
            dict(zip(layout.names, layout.split(flat.double()), strict=True))
            for flat in (theta, gradient)
        )

        def of(name: str, shape: torch.Size) -> Tensor:
            group, family, kept = self._kept(name, momenta=True)
            if family.moments(group) and not kept:
                return torch.zeros(shape, dtype=torch.float64)
            slope = slopes[name]
            if not OPTIMIZERS[family.optimizer(group)["kind"]].is_decoupled:
                slope = slope + group["weight_decay"] * points[name]
            return family.update(group, {k: v.to(slope.device) for k, v in kept.items()}, slope)

        return layout.flatten(self._each(layout, of))

    def _each(
        self, layout: ParameterLayout, of: Callable[[str, torch.Size], Tensor]
    ) -> list[Tensor]:
        parts = []
        for name, shape in zip(layout.names, layout.shapes, strict=True):
            try:
                parts.append(of(name, shape))
            except ValueError as error:
                raise CheckpointError(
                    f"{printable(str(self.path))}: {error} (parameter '{printable(name)}')."
                ) from None
        return parts

    def _kept(self, name: str, *, momenta: bool = False) -> tuple[Group, Family, dict[str, Tensor]]:
        """Settings, and what is kept of a parameter in float64; nothing where it had no step."""
        if name not in self.parameters:
            raise ValueError(self.unnamed or "its optimiser does not have it")
        group, kept = self.parameters[name]
        family = family_of(group)
        if family is None:
            raise ValueError(self.reason)
        if not kept:
            return group, family, {}
        fields = (*family.moments(group), *(family.momenta if momenta else ()))
        wanted = {key: kept[key] for key in fields if _is_real(kept.get(key))}
        if _is_number(kept.get("step")):
            wanted["step"] = kept["step"]
        found = {key: tensor.double() for key, tensor in self.read(wanted).items()}
        if isinstance(kept.get("step"), int) and 0 <= kept["step"] < 2**53:  # before PyTorch 1.12
            found["step"] = torch.tensor(float(kept["step"]), dtype=torch.float64)
        return group, family, found

    def _diagonal(self, name: str, shape: torch.Size) -> Tensor:
        group, family, found = self._kept(name)
        if not self.parameters[name][1]:
            return torch.full(shape, torch.inf, dtype=torch.float64)
        needed = (*family.moments(group), "step") if family.moments(group) else ()
        if missing := [key for key in needed if key not in found]:
            raise ValueError(f"its optimiser keeps no {missing[0]}")
        P = family.preconditioner(group, found)
        if P.shape != shape or not bool((torch.isfinite(P) & (P > 0)).all()):
            raise ValueError("its optimiser's moments are damaged: not finite, or negative")
        return P


def find_optimizer(
    checkpoint: Checkpoint, model: nn.Module, allow_globals: Sequence[str] = ()
) -> OptimizerState | None:
    """The optimiser's state in the checkpoint's file, or in the one that a trainer puts beside it.

    None where there is none, or it is in no file of ``torch.save``.

    Raises
    ------
    CheckpointError
        If the file cannot be read safely, or holds several states.
    """
    kind, source = recognise(checkpoint.path)
    path = source
    if not any(key.lower().startswith(OPTIMIZER) for key in checkpoint.contents):
        folder = source if source.is_dir() else source.parent
        beside = [each for name in _BESIDE if (each := folder / name).is_file()]
        if not beside:
            return None
        kind, path = recognise(beside[0])
    if kind not in _PICKLES:
        return None
    with path.open("rb") as file:
        contents = outline_of(kind, path, file)
        check_names(path, contents, allow_globals)

    def read(wanted: Mapping[Any, Any]) -> Mapping[Any, Tensor]:
        with path.open("rb") as file:
            return read_tensors(path, file, contents, wanted)

    try:
        state = _the_one(contents.value)
        return None if state is None else _state(path, state, model, checkpoint.prefix, read)
    except CheckpointError:
        raise
    except ValueError as error:
        raise CheckpointError(f"{printable(str(path))}: {error}.") from None


def _the_one(value: Any) -> Mapping[str, Any] | None:
    """The one state dict of an optimiser: ``value`` itself, an entry of it, or listed in one."""
    entries = value.items() if isinstance(value, Mapping) and not _is_state(value) else ()
    inner = [v for k, v in entries if isinstance(k, str) and k.lower().startswith(OPTIMIZER)]
    listed = [each for v in (inner or [value]) for each in (v if isinstance(v, list) else [v])]
    found = [each for each in listed if _is_state(each)]
    if len(found) > 1:
        raise ValueError(f"it holds the states of {len(found)} optimisers")
    return found[0] if found else None


def _is_state(value: Any) -> bool:
    if not isinstance(value, Mapping) or not isinstance(value.get("state"), Mapping):
        return False
    groups = value.get("param_groups")
    return isinstance(groups, list) and bool(groups) and all(map(_is_group, groups))


def _is_group(group: Any) -> bool:
    if not isinstance(group, Mapping) or not isinstance(group.get("params"), list):
        return False
    names = group.get("param_names", group["params"])
    listed = isinstance(names, list) and len(names) == len(group["params"])
    return listed and all(isinstance(key, int | str) for key in (*group["params"], *names))


def _is_real(value: Any) -> bool:
    """Whether it is a tensor, or the outline of one, of real numbers."""
    dtype = str(value.dtype).removeprefix("torch.") if is_tensor(value) else ""
    return dtype.startswith(("float", "bfloat", "int"))


def _is_number(value: Any) -> bool:
    return _is_real(value) and tuple(value.shape) in ((), (1,))


def _state(
    path: Path, state: Mapping[str, Any], model: nn.Module, prefix: str, read: Read
) -> OptimizerState:
    kept = {key: fields for key, fields in state["state"].items() if isinstance(fields, Mapping)}
    groups = [_with_numbers(group, read) for group in state["param_groups"]]
    optimizer, reason = settings_or_reason(groups)
    unnamed, parameters = "", {}
    try:
        names = _names(groups, kept, model, prefix)
        for own, group in zip(names, groups, strict=True):
            for name, key in zip(own, group["params"], strict=True):
                parameters[name] = (group, kept.get(key, {}))
    except ValueError as error:
        unnamed = str(error)
    return OptimizerState(
        path=path,
        optimizer=optimizer,
        reason=reason,
        parameters=parameters,
        unnamed=unnamed,
        read=read,
    )


def _with_numbers(group: Group, read: Read) -> Group:
    """The group with its settings that are tensors, such as a learning rate, as numbers."""
    single = {key: value for key, value in group.items() if _is_number(value)}
    return {**group, **{key: float(tensor) for key, tensor in read(single).items()}}


def _names(
    groups: Sequence[Group], kept: Mapping[Any, Mapping[str, Any]], model: nn.Module, prefix: str
) -> list[list[str]]:
    """The names of each group's parameters: as the optimiser has them, or by order and shape."""
    known = dict(model.named_parameters())
    given = [group.get("param_names", group["params"]) for group in groups]
    if all(isinstance(name, str) for own in given for name in own):
        plain = [[without_marks(name.removeprefix(prefix)) for name in own] for own in given]
        listed = [name for own in plain for name in own]
        if len(set(listed)) == len(listed) and set(listed) <= known.keys():
            return plain
    keys = [key for group in groups for key in group["params"]]
    free = {name: p for name, p in known.items() if p.requires_grad}
    fitting = known if len(keys) == len(known) else free
    if len(keys) != len(fitting) or len(set(keys)) != len(keys):
        raise ValueError(
            f"its optimiser has {len(keys)} parameters, and the network {len(known)}, of which "
            f"{len(free)} are not frozen: which is which is not clear"
        )
    shapes = [[_shape(kept.get(key, {})) for key in group["params"]] for group in groups]
    return in_order(shapes, {name: tuple(p.shape) for name, p in fitting.items()})


def _shape(fields: Mapping[str, Any]) -> tuple[int, ...] | None:
    """Of what is kept of a parameter: that of its moments, the step left out; None: nothing is."""
    kept = [v for key, v in fields.items() if key != "step" and is_tensor(v)]
    return tuple(kept[0].shape) if kept else None
