"""Read what a pickle describes without building any of it.

The pickle's instructions are run on inert nodes: a class becomes its name, a call becomes a
record of what would be called, a tensor its shape, dtype and place in the file. No class is
imported, no function called and no weight allocated. What is loaded later is made from these nodes
alone, so that nothing can be loaded that was not checked.
"""

import io
import pickletools
from typing import Any

from landscape.checkpoint.errors import printable
from landscape.checkpoint.files.allowance import Allowance
from landscape.checkpoint.files.arrays import ArrayOutline, is_array_call
from landscape.checkpoint.files.outline import (
    Call,
    Name,
    Outline,
    OutlineError,
    rebuilds_tensor,
    storage_outline,
    tensor_outline,
)
from landscape.checkpoint.names import canonical

MAX_DEPTH = 100

_LITERALS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
_VALUES = {
    *("BININT", "BININT1", "BININT2", "BINFLOAT", "BINUNICODE", "SHORT_BINSTRING", "LONG1"),
    *("SHORT_BINUNICODE", "BINUNICODE8", "SHORT_BINBYTES", "BINBYTES"),
}
_CONTAINERS = (list, tuple, dict, Call)
_TUPLES = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}


def outline(stream: io.BytesIO, allowance: Allowance) -> Outline:
    """Follow one pickle in ``stream``, which is left just after it.

    Raises
    ------
    OutlineError
        If it is cut off, malformed, too large, too deeply nested, or uses an instruction that
        files of weights do not.
    """
    reader = _Reader(allowance)
    try:
        for opcode, argument, _ in pickletools.genops(stream):
            allowance.take(opcode.name)
            reader.step(opcode.name, argument)
    except OutlineError:
        raise
    # pickletools and the stack machine meet arbitrary bytes: whatever they stumble on, the file
    # is malformed, and that is all there is to say.
    except Exception as error:
        raise OutlineError(f"its pickle is malformed or cut off ({type(error).__name__})") from None
    reader.memo.clear()
    # All of it, since what is described and then dropped can be in a call's arguments all the same.
    _check_depth([reader.outline.value, reader.stack, reader.marks, *reader.outline.calls])
    return reader.outline


class _Reader:
    """The pickle machine's stack, marks and memo, over inert values."""

    def __init__(self, allowance: Allowance) -> None:
        self.allowance = allowance
        self.outline = Outline()
        self.stack: list[Any] = []
        self.marks: list[list[Any]] = []
        self.memo: dict[int, Any] = {}

    def step(self, name: str, argument: Any) -> None:
        if name in _VALUES:
            self.stack.append(argument)
        elif name in _LITERALS:
            self.stack.append(_LITERALS[name])
        elif name in _TUPLES:
            start = len(self.stack) - _TUPLES[name]
            if start < 0:
                raise OutlineError("its pickle takes more values than there are")
            self.stack[start:] = [tuple(self.stack[start:])]
        elif (method := getattr(self, f"_{name.lower()}", None)) is not None:
            method(argument)
        elif name not in ("PROTO", "FRAME", "STOP"):
            raise OutlineError(f"its pickle uses {name}, which files of weights do not")
        elif name == "STOP":
            self.outline.value = self.stack.pop()

    def _to_mark(self) -> list[Any]:
        items, self.stack = self.stack, self.marks.pop()
        return items

    def _mark(self, _: Any) -> None:
        self.marks.append(self.stack)
        self.stack = []

    def _tuple(self, _: Any) -> None:
        items = tuple(self._to_mark())
        self.stack.append(items)

    def _empty_tuple(self, _: Any) -> None:
        self.stack.append(())

    def _empty_list(self, _: Any) -> None:
        self.stack.append([])

    def _empty_dict(self, _: Any) -> None:
        self.stack.append({})

    def _empty_set(self, _: Any) -> None:
        self.stack.append(Call("builtins.set", ()))

    def _append(self, _: Any) -> None:
        self._extend([self.stack.pop()])

    def _appends(self, _: Any) -> None:
        self._extend(self._to_mark())

    def _extend(self, items: list[Any]) -> None:
        target = self.stack[-1]
        # A call may make a class of the user's that is a list.
        listed = target.added if isinstance(target, Call) else target
        if not isinstance(listed, list):
            raise OutlineError("its pickle appends to something that is not a list")
        listed.extend(items)

    _additems = _appends

    def _setitem(self, _: Any) -> None:
        value, key = self.stack.pop(), self.stack.pop()
        self._update([key, value])

    def _setitems(self, _: Any) -> None:
        self._update(self._to_mark())

    def _update(self, items: list[Any]) -> None:
        target = self.stack[-1]
        if isinstance(target, Call):  # of a class that is a dictionary
            target.added.extend(items)
            return
        if not isinstance(target, dict):
            raise OutlineError("its pickle sets an item of something that is not a dictionary")
        for key, value in zip(items[::2], items[1::2], strict=True):
            target[_checked_key(key)] = value

    def _binget(self, index: int) -> None:
        self.stack.append(self.memo[index])

    _long_binget = _binget

    def _binput(self, index: int) -> None:
        self.memo[index] = self.stack[-1]

    _long_binput = _binput

    def _memoize(self, _: Any) -> None:
        self.memo[len(self.memo)] = self.stack[-1]

    def _frozenset(self, _: Any) -> None:
        items = tuple(self._to_mark())
        self.stack.append(Call("builtins.frozenset", items))

    def _stack_global(self, _: Any) -> None:
        name, module = self.stack.pop(), self.stack.pop()
        self._global(f"{module} {name}")

    def _newobj_ex(self, _: Any) -> None:
        self.stack.pop()  # keyword arguments: nothing that holds weights uses them
        self._reduce(None)

    def _global(self, argument: str) -> None:
        path = canonical(argument.replace(" ", ".", 1))
        self.outline.names.add(path)
        self.stack.append(Name(path))

    def _binpersid(self, _: Any) -> None:
        reference = self.stack.pop()
        match reference:
            case ("module", Name() as name, *_):  # a class, with its source as written then
                self.stack.append(name)
                return
        storage = storage_outline(reference)
        known = self.outline.storages.setdefault(storage.key, storage)
        if known != storage:
            raise OutlineError(f"storage '{printable(storage.key)}' is described in two ways")
        self.stack.append(storage)

    def _newobj(self, argument: Any) -> None:
        self._reduce(argument)

    def _reduce(self, _: Any) -> None:
        arguments, function = self.stack.pop(), self.stack.pop()
        if not isinstance(function, Name | Call) or not isinstance(arguments, tuple):
            raise OutlineError("its pickle calls something that is not a class or function")
        if isinstance(function, Call):  # what a call has made is called in turn
            path = f"{function.name.removesuffix('.__call__')}.__call__"
            self.outline.names.add(path)
            self.stack.append(self._called(path, (function, *arguments)))
        else:
            self.stack.append(self._called(function.path, arguments))

    def _called(self, path: str, arguments: tuple[Any, ...]) -> Any:
        match path, arguments:
            case "torch._tensor._rebuild_from_type_v2", (Name(path=inner), *_):
                if not rebuilds_tensor(inner):  # any function can stand there
                    self.outline.calls.append(Call(inner, arguments))
        if rebuilds_tensor(path):
            self.allowance.take_tensor()
            tensor = tensor_outline(path, arguments)
            self.outline.layouts.add(tensor.layout)
            return tensor
        if is_array_call(path, arguments):
            self.allowance.take_tensor()
            return ArrayOutline()
        match path, arguments:
            case ("collections.OrderedDict", ()) | ("collections.defaultdict", (Name() | None,)):
                return {}
        call = Call(path, arguments)
        self.outline.calls.append(call)
        return call

    def _build(self, _: Any) -> None:
        state, target = self.stack.pop(), self.stack[-1]
        if isinstance(target, Call):
            target.state = state
        elif isinstance(target, ArrayOutline):
            target.set_state(state, self.allowance.take_bytes)
        elif not isinstance(target, dict):
            raise OutlineError("its pickle sets the state of something that has none")


def _checked_key(key: Any) -> Any:
    # Hashing a deeply nested tuple recurses in C and can end the process.
    parts = key if isinstance(key, tuple) else (key,)
    if not all(isinstance(part, str | bytes | int | float | Call | None) for part in parts):
        raise OutlineError("its pickle has a dictionary key that is neither text nor number")
    # Below, whole numbers are their own hashes; beyond, any number of them can have the same.
    if any(isinstance(part, int) and abs(part) >= 2**60 for part in parts):
        raise OutlineError("its pickle has a dictionary key that is an absurdly large number")
    return key


def _check_depth(value: Any) -> None:
    level, seen = [value], set[int]()
    for _ in range(MAX_DEPTH):
        children = (child for parent in level for child in _children(parent))
        # Each once: a few lists of twice the next make 2^n paths.
        inner = {id(c): c for c in children if id(c) not in seen and isinstance(c, _CONTAINERS)}
        level = list(inner.values())
        seen.update(inner)
        if not level:
            return
    raise OutlineError(f"its contents are nested more than {MAX_DEPTH} levels deep")


def _children(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return list(value.values())
    if isinstance(value, Call):
        return [*value.arguments, value.state, *value.added]
    return list(value) if isinstance(value, list | tuple) else []
