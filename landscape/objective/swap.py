"""θ in the place of a network's own weights, for the length of a block: swapped, never copied.

Whatever reads the network inside the block sees θ: its forward, a recomputation during the
backward pass (activation checkpointing), a regulariser that closes over it. So the block must last
until the last backward pass has ended. Afterwards every module is as it was, whatever the block did
or raised: parameters, buffers, plain attributes such as the state of neurons, hooks, training mode;
those too that others set on a module. What an object beside the modules keeps for itself, such as a
hook that counts its calls, is its own business.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parameter import UninitializedBuffer, UninitializedParameter

from landscape.nests import cast_tensor, map_tensors, tensors_in

_OWN = ("_parameters", "_buffers", "_modules")
_CONTAINERS = (dict, list, set, deque)  # dict: OrderedDict too
_PLAIN = frozenset({bool, int, float, str, type(None), Tensor, nn.Parameter})


class _Held:
    """A tensor that is no parameter, cast, as it was when the swap was made."""

    def __init__(self, tensor: Tensor, dtype: torch.dtype, device: torch.device) -> None:
        self.pristine = cast_tensor(tensor.detach(), dtype, device).clone()
        self._working = self.pristine.clone()
        self._version = self._working._version

    def fresh(self) -> Tensor:
        """A tensor of the same values that a forward pass may write to."""
        if self._working._version != self._version:
            self._working = self.pristine.clone()
            self._version = self._working._version
        return self._working


class Swap:
    """Modules whose tensors can be exchanged for others.

    Parameters
    ----------
    modules
        The network, under the name "", and further modules that the loss consists of, each with
        the prefix of its parameters' names.
    dtype, device
        Of all floating-point tensors inside the block.

    Raises
    ------
    ValueError
        For modules that cannot take other weights: scripted ones, lazy ones before their first use,
        those on the meta device.
    """

    def __init__(
        self,
        modules: Mapping[str, nn.Module],
        *,
        dtype: torch.dtype,
        device: torch.device,
    ) -> None:
        self.dtype, self.device = dtype, device
        self.parameters: dict[str, nn.Parameter] = {}
        self._names: dict[int, str] = {}
        for prefix, root in modules.items():
            _check_can_swap(root)
            for name, parameter in root.named_parameters():
                if id(parameter) not in self._names:
                    full = f"{prefix}.{name}" if prefix else name
                    self._names[id(parameter)] = full
                    self.parameters[full] = parameter
        self._modules = list(dict.fromkeys(m for root in modules.values() for m in root.modules()))
        self._held: dict[int, _Held] = {}
        self._originals: list[Tensor] = []  # keep the ids above from being used again
        self._attributes = [
            (module, name, value)
            for module in self._modules
            for name, value in vars(module).items()
            if name not in _OWN and isinstance(value, Tensor | list | tuple | dict)
            if tensors_in(value)
        ]
        for module in self._modules:
            self._hold(list(module._buffers.values()))
        for _, _, value in self._attributes:
            self._hold(value)

    def values(self) -> dict[str, Tensor]:
        """All parameters by name, detached and cast; complex ones as pairs of real numbers."""
        return {
            name: as_real(cast_tensor(p.detach(), self.dtype, self.device))
            for name, p in self.parameters.items()
        }

    @contextmanager
    def hold(self, tensors: Mapping[str, Tensor], prepare: Callable[[], None]) -> Iterator[None]:
        """A block in which the modules' parameters are ``tensors``, all of them, by name.

        ``prepare`` is called at its start: what it sets on modules is undone at the end too.
        """
        placed = {
            name: torch.view_as_complex(tensors[name]) if p.is_complex() else tensors[name]
            for name, p in self.parameters.items()
        }
        snapshots = [_Snapshot(module) for module in self._modules]
        try:
            for module in self._modules:
                for own in (module._parameters, module._buffers):
                    for key, tensor in own.items():
                        if tensor is not None:
                            own[key] = self._in_place_of(placed, tensor)  # type: ignore[assignment]
            for module, name, value in self._attributes:
                vars(module)[name] = map_tensors(partial(self._in_place_of, placed), value)
            prepare()
            yield
        finally:
            _restore(snapshots)

    def _hold(self, nest: Any) -> None:
        for tensor in tensors_in(nest):
            if id(tensor) not in self._names and id(tensor) not in self._held:
                self._held[id(tensor)] = _Held(tensor, self.dtype, self.device)
                self._originals.append(tensor)

    def _in_place_of(self, placed: Mapping[str, Tensor], tensor: Tensor) -> Tensor:
        if id(tensor) in self._names:
            return placed[self._names[id(tensor)]]
        # What came after the swap was made is left as it is.
        return self._held[id(tensor)].fresh() if id(tensor) in self._held else tensor


class _Snapshot:
    """A module's attributes, and what the containers among them hold, at any depth."""

    def __init__(self, module: nn.Module) -> None:
        self._attributes = vars(module)
        self._values = dict(self._attributes)
        self._empty: list[Any] = []  # as the dicts of hooks are, nearly always
        self._contents: list[tuple[Any, Any]] = []
        waiting = _containers_in(self._values.values())
        seen: set[int] = set()  # a container may hold itself
        for container in waiting:
            if not container:
                self._empty.append(container)
            elif id(container) not in seen:
                seen.add(id(container))
                content = dict(container) if isinstance(container, dict) else list(container)
                self._contents.append((container, content))
                waiting += _containers_in(
                    content.values() if isinstance(content, dict) else content
                )

    def restore(self) -> None:
        for container in self._empty:
            if container:
                container.clear()
        for container, content in self._contents:
            container.clear()
            if isinstance(container, list | deque):
                container.extend(content)
            else:
                container.update(content)
        self._attributes.clear()
        self._attributes.update(self._values)


def _containers_in(values: Iterable[Any]) -> list[Any]:
    # By type first: that is quick, and most attributes are of these.
    return [v for v in values if type(v) not in _PLAIN and isinstance(v, _CONTAINERS)]


def as_real(tensor: Tensor) -> Tensor:
    """Complex numbers as pairs of real ones, shape (…, 2); real tensors as they are."""
    return torch.view_as_real(tensor.resolve_conj()) if tensor.is_complex() else tensor


def _restore(snapshots: list[_Snapshot]) -> None:
    """Put everything back; an interrupt waits until that is done."""
    interrupt = None
    while snapshots:
        try:
            snapshots[-1].restore()
            snapshots.pop()
        except KeyboardInterrupt as error:  # restored once more: a second time changes nothing
            interrupt = error
    if interrupt is not None:
        raise interrupt


def _check_can_swap(root: nn.Module) -> None:
    for name, module in root.named_modules():
        where = f"{name or 'the network'} ({type(module).__name__})"
        if isinstance(module, torch.jit.ScriptModule):
            raise ValueError(
                f"{where} is a scripted or traced module, which cannot be differentiated at other "
                "weights. Use the Python module that it was made from, with its state_dict."
            )
        tensors = [*module._parameters.values(), *module._buffers.values()]
        if any(tensor is not None and tensor.is_meta for tensor in tensors):
            raise ValueError(
                f"{where} is on the meta device and has no numbers. Load its weights first "
                "(to_empty and load_state_dict, or from_pretrained without device_map)."
            )
        if any(
            isinstance(tensor, UninitializedParameter | UninitializedBuffer) for tensor in tensors
        ):
            raise ValueError(
                f"{where} is a lazy layer whose shape is not known yet. Run the network once on a "
                "batch, or give the layer its sizes."
            )
