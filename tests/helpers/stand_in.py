"""A device that is none: its tensors hold CPU tensors, and refuse what those of a GPU would.

PyTorch's meta device has shapes without numbers. Under ``stand_in_device()`` its tensors have both,
so that code runs on ``device="meta"`` as it would on an accelerator, and a tensor left behind on
the CPU raises as it would there: operations whose tensors lie on two devices, a CPU generator asked
for numbers on the device, NumPy. Allowed, as on a GPU: a CPU tensor without dimensions in an
elementwise operation, CPU indices, and copies between the devices.
"""

from contextlib import contextmanager

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode, return_and_correct_aliasing

aten = torch.ops.aten

DEVICE = torch.device("meta")

# These take CPU tensors of any shape, or without dimensions, beside those of a GPU.
_COPIES = {aten.copy_.default, aten._foreach_copy_.default}
_INDEXED = {aten.index.Tensor, aten.index_put.default, aten.index_put_.default}
_FILLED = {aten.masked_fill.Tensor, aten.masked_fill_.Tensor, aten.fill_.Tensor}


class DeviceTensor(Tensor):
    """A tensor on the stand-in; ``held`` has its numbers, on the CPU."""

    @staticmethod
    def __new__(cls, held):
        made = Tensor._make_wrapper_subclass(
            cls,
            held.shape,
            strides=held.stride(),
            storage_offset=held.storage_offset(),
            dtype=held.dtype,
            device=DEVICE,
        )
        made.held = held
        return made

    def __repr__(self):
        return f"DeviceTensor({self.held!r})"

    @classmethod
    def __torch_dispatch__(cls, func, types, args=(), kwargs=None):
        return _compute(func, args, kwargs or {})

    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None):
        with torch._C.DisableTorchFunctionSubclass():
            if func is Tensor.tolist:  # which PyTorch refuses for subclasses
                return args[0].detach().cpu().tolist()
            if func is Tensor.new_tensor:
                like, data = args
                return torch.tensor(data, **{"dtype": like.dtype, **(kwargs or {})}).to(DEVICE)
            return func(*args, **(kwargs or {}))


class _Factories(TorchDispatchMode):
    """Makes the tensors that are asked for on the device."""

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        if kwargs.get("device") == DEVICE or any(issubclass(t, DeviceTensor) for t in types):
            return _compute(func, args, kwargs)
        return func(*args, **kwargs)


class _Literals(TorchFunctionMode):
    """``torch.tensor`` of numbers, which PyTorch makes below any dispatch mode."""

    def __torch_function__(self, func, types, args=(), kwargs=None):
        kwargs = dict(kwargs or {})
        if func not in (torch.tensor, torch.as_tensor) or kwargs.get("device") is None:
            return func(*args, **kwargs)
        device = kwargs.pop("device")
        return func(*args, **kwargs).to(device)


@contextmanager
def stand_in_device():
    """The device, usable within the block."""
    # Modules that change their dtype get new parameters: ``.data`` would change a wrapper alone.
    conversion = torch.__future__
    before = conversion.get_overwrite_module_params_on_conversion()
    conversion.set_overwrite_module_params_on_conversion(True)
    try:
        with _Factories(), _Literals():
            yield DEVICE
    finally:
        conversion.set_overwrite_module_params_on_conversion(before)


def _compute(func, args, kwargs):
    """What ``func`` gives, computed on the CPU; on the device, unless another is asked for."""
    met: list[Tensor] = []
    inner_args, inner = _held(args, met), _held(kwargs, met)
    _check(func, args, met)
    if func in _COPIES and not isinstance(args[0], DeviceTensor):
        func(*inner_args, **inner)
        return args[0]
    asked = kwargs.get("device")
    if asked is not None:
        inner["device"] = torch.device("cpu")
    found = func(*inner_args, **inner)
    if asked not in (None, DEVICE):
        return found
    return return_and_correct_aliasing(func, args, kwargs, _on_device(found))


def _held(value, met):
    """``value`` with CPU tensors in place of the device's; ``met`` collects the tensors in it."""
    if isinstance(value, Tensor):
        met.append(value)
        if not isinstance(value, DeviceTensor):
            return value
        assert (value.shape, value.dtype) == (value.held.shape, value.held.dtype)
        return value.held
    if isinstance(value, list | tuple):
        return type(value)([_held(part, met) for part in value])
    if isinstance(value, dict):
        return {name: _held(part, met) for name, part in value.items()}
    if isinstance(value, torch.Generator):
        raise RuntimeError("expected a generator of the device; got one of the CPU.")
    return value


def _on_device(found):
    if isinstance(found, Tensor):
        return DeviceTensor(found)
    if isinstance(found, list | tuple):
        return type(found)(_on_device(part) for part in found)
    return found


def _check(func, args, met):
    """Refuse what CUDA refuses."""
    left_behind = [x for x in met if not isinstance(x, DeviceTensor)]
    assert all(x.device.type == "cpu" for x in left_behind), f"{func}: numbers got lost."
    if len(left_behind) in (0, len(met)) or func in _COPIES:
        return
    on_device = isinstance(args[0], DeviceTensor)
    if func in _INDEXED and on_device:
        left_behind = [x for x in left_behind if any(x is value for value in args[2:])]
    takes_scalars = torch.Tag.pointwise in func.tags or func in _FILLED | _INDEXED
    writes_to_cpu = func._schema.is_mutable and not on_device
    if writes_to_cpu or any(x.ndim or not takes_scalars for x in left_behind):
        shapes = ", ".join(str(tuple(x.shape)) for x in left_behind)
        raise RuntimeError(
            f"{func}: expected all tensors to be on the same device; on the CPU: {shapes}."
        )
