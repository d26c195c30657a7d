"""Several processes as one: the process group under ``torchrun``, and what they say to each other.

Work shared by examples uses one collective, :func:`all_reduce_sum`; independent tasks are given
out whole (:func:`share_out`). Decisions that hang on files are taken by process 0 and told to the
others (:func:`from_main`), so that all take the same path.
"""

import hashlib
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeVar, cast

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.distributed_c10d import PrefixStore, Store
from torch.distributed.rendezvous import rendezvous

T = TypeVar("T")
State = dict[str, Tensor | int | float]

# A process that hangs must end the others within a minute, not after PyTorch's half-hour default.
# One that dies closes its connections, and ends them at once.
_DEFAULT_TIMEOUT = 45.0  # seconds
_START_TIMEOUT = timedelta(minutes=10)  # importing torch from a busy file server takes its time

_alone = ContextVar("alone", default=False)


class PeerLostError(RuntimeError):
    """Another process of the group ended, or no longer answers."""


class PeerError(ValueError):
    """Process 0 refused something; the text is its message."""


@dataclass(frozen=True)
class Group:
    """The processes of one run."""

    store: Store | None  # shared by all of them; None where there is only one

    def is_first(self, text: str) -> bool:
        """Whether no other process has asked this about the same ``text``: that one says it."""
        if self.store is None:
            return True
        key = hashlib.sha256(text.encode()).hexdigest()
        try:
            return bool(self.store.add(f"said {key}", 1) == 1)
        except RuntimeError:  # whoever kept the store is gone too
            return True


def launched_processes() -> int:
    """How many processes ``torchrun`` started, whether or not they have joined a group."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def rank() -> int:
    """This process's number; 0 where there is only one process."""
    return dist.get_rank() if _is_active() else 0


def world_size() -> int:
    """How many processes share the work."""
    return dist.get_world_size() if _is_active() else 1


def is_main() -> bool:
    """Whether this process prints and writes files."""
    return rank() == 0


def all_reduce_sum(tensor: Tensor) -> Tensor:
    """Sum ``tensor`` over all processes, in place, and return it; one process: unchanged.

    Raises
    ------
    PeerLostError
        Another process ended, or did not come within the time limit.
    """
    if _is_active():
        with _told_as_lost():
            # Waited for here: by itself nccl returns at once, and tells nobody of a loss.
            dist.all_reduce(tensor, op=dist.ReduceOp.SUM, async_op=True).wait()
    return tensor


@contextmanager
def alone(when: bool = True) -> Iterator[None]:
    """A block in which this process is the only one, if ``when``: it sums, and decides, alone."""
    token = _alone.set(when or _alone.get())
    try:
        yield
    finally:
        _alone.reset(token)


def share_out(tasks: Sequence[Callable[[], Tensor]]) -> list[Tensor]:
    """What ``tasks`` return, on every process; each is done, alone, by the process of its place.

    There are no more of them than processes, and what they return is of one shape. A process
    without a task repeats another's, so that all are done at about the same time.

    Raises
    ------
    PeerLostError
        Another process ended, or did not come within the time limit.
    """
    if not _is_active():
        return [task() for task in tasks]
    task = tasks[rank() % len(tasks)]
    with alone():
        own = task().contiguous()
    found = [torch.empty_like(own) for _ in range(world_size())]
    with _told_as_lost():
        dist.all_gather(found, own, async_op=True).wait()
    return found[: len(tasks)]


def from_main(decide: Callable[[], T]) -> T:
    """What ``decide()`` returns on process 0, on every process; it is called there alone.

    Raises
    ------
    Exception
        On process 0, what ``decide`` raised; on the others, a ``PeerError`` with its text.
    """
    if not _is_active():
        return decide()
    if not is_main():
        box: list[object] = [None]
        with _told_as_lost():
            dist.broadcast_object_list(box, src=0)
        value, refusal = cast(tuple[T, str | None], box[0])
        if refusal is not None:
            raise PeerError(refusal)
        return value
    try:
        value = decide()
    except Exception as error:
        dist.broadcast_object_list([(None, str(error))], src=0)
        raise
    with _told_as_lost():
        dist.broadcast_object_list([(value, None)], src=0)
    return value


def state_from_main(state: Mapping[str, Tensor | int | float] | None) -> State | None:
    """Process 0's ``state`` on every process; tensors travel as tensors, on the CPU."""
    if not _is_active():
        return None if state is None else dict(state)

    def outline() -> list[tuple[str, object]] | None:
        if state is None:
            return None
        return [
            (name, (tuple(v.shape), v.dtype) if isinstance(v, Tensor) else v)
            for name, v in state.items()
        ]

    told = from_main(outline)
    if told is None:
        return None
    shared: State = {}
    for name, about in told:
        if isinstance(about, int | float):
            shared[name] = about
            continue
        shape, dtype = cast(tuple[tuple[int, ...], torch.dtype], about)
        own = state[name] if is_main() and state is not None else None
        tensor = own.contiguous() if isinstance(own, Tensor) else torch.empty(shape, dtype=dtype)
        with _told_as_lost():
            dist.broadcast(tensor, src=0)
        shared[name] = tensor
    return shared


def check_whole(model: nn.Module) -> None:
    """Refuse a network of which each process holds a part.

    Raises
    ------
    ValueError
        For the parameters of FSDP and other ``DTensor``s: with the way to the whole weights.
    """
    # Nothing is sharded where these were never imported, and they take their time.
    fsdp, tensor = (sys.modules.get(f"torch.distributed.{name}") for name in ("fsdp", "tensor"))
    wrapped = () if fsdp is None else (fsdp.FSDPModule, fsdp.FullyShardedDataParallel)
    sharded = [m for m in model.modules() if isinstance(m, wrapped)]
    if tensor is not None:
        sharded += [p for p in model.parameters() if isinstance(p, tensor.DTensor)]
    if sharded:
        raise ValueError(
            "the network's parameters are spread over processes (FSDP, or DTensor); each process "
            "needs all of them, and shares only the examples. Make the network without sharding "
            "and load the whole weights into it: torch.distributed.checkpoint.state_dict."
            "get_model_state_dict(model, options=StateDictOptions(full_state_dict=True)). A "
            "folder that torch.distributed.checkpoint wrote is read as it is."
        )


@contextmanager
def process_group() -> Iterator[Group]:
    """Join the group that ``torchrun`` describes in the environment; without it, do nothing.

    CPU tensors travel by gloo, those of a GPU by nccl. ``LANDSCAPE_TIMEOUT`` is the time in
    seconds, 45 by default, that processes wait for the slowest of them.

    Raises
    ------
    ValueError
        If that is no positive number.
    PeerLostError
        If the others do not come within ten minutes.
    """
    if launched_processes() == 1 or dist.is_initialized():
        yield Group(None)
        return
    backend = "gloo"
    if torch.cuda.is_available():
        backend = "cpu:gloo,cuda:nccl"
        # So that waiting for a lost process raises; by default PyTorch ends this one too.
        os.environ.setdefault("TORCH_NCCL_BLOCKING_WAIT", "1")
        number = int(os.environ.get("LOCAL_RANK", "0"))
        if number < torch.cuda.device_count():  # work on CPUs may have more processes than GPUs
            torch.cuda.set_device(number)
    timeout = answer_timeout()
    with _told_as_lost():
        store, number, size = next(rendezvous("env://", timeout=_START_TIMEOUT))
        _await_all(store, size)
        dist.init_process_group(
            backend,
            store=PrefixStore("landscape", store),
            rank=number,
            world_size=size,
            timeout=timeout,
        )
    try:
        yield Group(store)
    finally:
        dist.destroy_process_group()


def _await_all(store: Store, size: int) -> None:
    """Wait for the last process to come: joining itself waits as long as for an answer, no longer.

    The store that ``torchrun`` keeps answers whoever comes first, before the others are there.
    """
    if store.add("came", 1) == size:
        store.set("all came", "")
    store.wait(["all came"], _START_TIMEOUT)


def answer_timeout() -> timedelta:
    """How long processes wait for the slowest of them: ``LANDSCAPE_TIMEOUT`` seconds.

    Raises
    ------
    ValueError
        If that is no positive number.
    """
    text = os.environ.get("LANDSCAPE_TIMEOUT", str(_DEFAULT_TIMEOUT))
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < 1e9:
        raise ValueError(
            f"LANDSCAPE_TIMEOUT must be a positive number of seconds; got {text!r}. Unset it for "
            f"{_DEFAULT_TIMEOUT:g}."
        )
    return timedelta(seconds=seconds)


@contextmanager
def _told_as_lost() -> Iterator[None]:
    try:
        yield
    except RuntimeError as error:
        late = "timed out" in str(error).lower() or "timeout" in str(error).lower()
        how = (
            "did not answer in time (LANDSCAPE_TIMEOUT seconds, if it is only slower)"
            if late
            else "ended"
        )
        raise PeerLostError(
            f"another process of this run {how}. What was finished is kept: run the same command "
            "again, with any number of processes, to go on from there."
        ) from error


def _is_active() -> bool:
    return dist.is_available() and dist.is_initialized() and not _alone.get()
