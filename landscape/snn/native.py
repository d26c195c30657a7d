"""Compile ``kernels.c`` for one kind of neuron, and run its passes on tensors.

A pass is then one sweep over memory on all of torch's threads, about twenty times faster than
operation by operation. Compiling takes under a second, in a private temporary folder, once for
each kind of neuron and dtype in a process; nothing compiled is kept or trusted from disk.
"""

import concurrent.futures
import ctypes
import functools
import os
import shutil
import subprocess
import tempfile
import warnings
from pathlib import Path

import torch
from torch import Tensor

from landscape.snn.kernels import NeuronDynamics

POLICIES = ("auto", "eager", "compiled")
# Below this many spikes a pass takes less time than compiling will ever win back. A fixed size,
# not a running count: a resumed run then rounds as an unbroken one.
WORTH_COMPILING = 2**18
_SURROGATES = ("atan", "sigmoid", "erf", "fast_sigmoid", "triangle")  # numbered as in kernels.c
_REALS = {torch.float32: "float", torch.float64: "double"}
_BLOCK_BYTES = 2**14  # of one array over all time steps, so that a pass stays in cache


class Native:
    """The passes of ``kernels.c`` for one kind of neuron and dtype."""

    def __init__(self, library: ctypes.CDLL, block: int) -> None:
        self._library = library
        self.block = block  # most elements in a block; a pooled pass needs 2 C of them

    def run(self, name: str, size: int, sizes: tuple[int, ...], *tensors: Tensor) -> None:
        """Run pass ``name`` over [0, size) of its outer loop, shared among torch's threads.

        ``sizes`` and ``tensors`` (contiguous, the last ones written to) are its arguments after
        the range, as ``kernels.c`` declares them.

        Raises
        ------
        MemoryError
            There is no room for what a pass keeps of all time steps.
        """
        function = getattr(self._library, name)
        rest = [
            *(ctypes.c_long(n) for n in sizes[:-1]),
            ctypes.c_int(sizes[-1]),
            *(ctypes.c_void_p(x.data_ptr()) for x in tensors),
        ]
        num_threads = min(torch.get_num_threads(), max(1, tensors[0].numel() // 2**14))
        # Multiples of 16: no two threads write to one cache line, nor split a vector.
        cuts = [size * i // num_threads // 16 * 16 for i in range(num_threads)] + [size]

        def part(i: int) -> bool:
            failed: int = function(ctypes.c_long(cuts[i]), ctypes.c_long(cuts[i + 1]), *rest)
            return bool(failed)

        if num_threads == 1:
            failed = [part(0)]
        else:
            failed = list(_threads(os.getpid(), num_threads).map(part, range(num_threads)))
        if any(failed):
            raise MemoryError("no room for the membranes of spiking neurons over all time steps")


def native_for(current: Tensor, num_time_steps: int, dyn: NeuronDynamics) -> Native | None:
    """Return the compiled passes where they serve, else None.

    The environment variable ``LANDSCAPE_KERNELS`` decides: ``auto`` (default) takes them for
    large tensors on a CPU where there is a C compiler, ``eager`` never, ``compiled`` always, and
    then raises ``RuntimeError`` where that is not possible. Results are equal up to rounding.
    """
    policy = os.environ.get("LANDSCAPE_KERNELS", "auto")
    if policy not in POLICIES:
        raise ValueError(f"LANDSCAPE_KERNELS must be one of {', '.join(POLICIES)}; got {policy!r}.")
    if policy == "eager":
        return None
    num_spikes = num_time_steps * (current.numel() // max(1, current.shape[0]))
    possible = current.device.type == "cpu" and current.dtype in _REALS
    if policy == "auto":
        if not possible or num_spikes < WORTH_COMPILING:
            return None
        return _compile_or_warn(current.dtype, num_time_steps, dyn)
    if not possible:
        raise RuntimeError(
            "LANDSCAPE_KERNELS=compiled serves float32 and float64 tensors on a CPU; got "
            f"{current.dtype} on {current.device}. Use LANDSCAPE_KERNELS=auto."
        )
    return _compile(current.dtype, num_time_steps, dyn)


@functools.cache
def _compile_or_warn(dtype: torch.dtype, num_time_steps: int, dyn: NeuronDynamics) -> Native | None:
    if dyn.surrogate.name not in _SURROGATES or _compiler() is None:
        return None
    try:
        return _compile(dtype, num_time_steps, dyn)
    except (RuntimeError, OSError) as error:
        warnings.warn(
            f"spiking neurons run slower, operation by operation: {error} "
            "LANDSCAPE_KERNELS=eager silences this.",
            RuntimeWarning,
            stacklevel=3,
        )
        return None


@functools.cache
def _compile(dtype: torch.dtype, num_time_steps: int, dyn: NeuronDynamics) -> Native:
    compiler = _compiler()
    if compiler is None:
        raise RuntimeError("No C compiler was found: install gcc or clang, or set CC.")
    itemsize = torch.finfo(dtype).bits // 8
    block = max(64, min(1024, _BLOCK_BYTES // (num_time_steps * itemsize) // 64 * 64))
    macros = _macros(dtype, num_time_steps, dyn) | {"B": block}
    source = Path(__file__).with_name("kernels.c")
    # No contraction into fused multiply-adds: results are to round as the tensor version's do.
    flags = ["-O3", "-fopenmp-simd", "-std=gnu11", "-shared", "-fPIC", "-ffp-contract=off"]
    flags += ["-fno-math-errno", "-fno-trapping-math", *(f"-D{k}={v}" for k, v in macros.items())]
    with tempfile.TemporaryDirectory(prefix="landscape-") as folder:
        target = Path(folder) / "kernels.so"
        command = [compiler, *flags, str(source), "-o", str(target), "-lm"]
        result = subprocess.run(
            [*command, "-march=native"], capture_output=True, text=True, check=False
        )
        if result.returncode != 0:  # not every compiler knows every processor
            result = subprocess.run(command, capture_output=True, text=True, check=False)
        if result.returncode != 0:
            reason = result.stderr.strip().partition("\n")[0]
            raise RuntimeError(f"{compiler} could not compile {source.name} ({reason}).")
        return Native(ctypes.CDLL(str(target)), block)


def _macros(dtype: torch.dtype, num_time_steps: int, dyn: NeuronDynamics) -> dict[str, object]:
    macros: dict[str, object] = {
        "REAL": _REALS[dtype],
        "T": num_time_steps,
        "SOFT": int(dyn.reset is None),
        "RESET": float(dyn.reset or 0.0),
        "THRESHOLD": float(dyn.threshold),
        "DETACHED": int(dyn.detach_reset and not dyn.smooth),
        "SMOOTH": int(dyn.smooth),
        "SURROGATE": _SURROGATES.index(dyn.surrogate.name),
        "ALPHA": float(dyn.surrogate.alpha),
        "KEEP": dyn.retention,
        "GAIN": dyn.input_gain,
    }
    if dyn.tau is not None:
        macros |= {"TAU": float(dyn.tau), "DECAY_INPUT": int(dyn.decay_input)}
    return macros


@functools.cache
def _compiler() -> str | None:
    candidates = (os.environ.get("CC"), "gcc", "clang", "cc")
    return next((path for name in candidates if name and (path := shutil.which(name))), None)


@functools.cache
def _threads(process: int, num_threads: int) -> concurrent.futures.ThreadPoolExecutor:
    # Keyed by process, since threads do not survive a fork.
    return concurrent.futures.ThreadPoolExecutor(num_threads, thread_name_prefix="landscape")
