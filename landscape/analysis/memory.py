"""A budget of memory, divided before a run starts: Krylov basis, graphs, one batch at work."""

import tempfile
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from landscape.curvature.graphs import rebatched
from landscape.curvature.hessian import HessianOperator
from landscape.linalg.eigen import choose_max_basis, krylov_memory
from landscape.linalg.operator import SelfAdjointOperator
from landscape.linalg.restart import Allocate
from landscape.memory import DEFAULT_MEMORY, free_memory
from landscape.nests import take_rows
from landscape.objective.halving import is_out_of_memory
from landscape.objective.risk import EmpiricalRisk

_FOR_BATCH = 0.25  # of the budget: what the batch at work may take, its graph and as much again
_FOR_GRAPHS = 0.5  # of the budget, where there is no basis
_FOR_BASIS = 0.5  # of what the network leaves
_VECTORS = 8  # of length P besides the basis: θ, the network, a gradient, sums, a probe
_OF_DEVICE = 0.5  # of what is free there, for a basis without a budget; the rest is for the graphs
_OF_HOST = 0.8  # of what is free there: pinned memory is the kernel's to give no more

# Where a basis lies.
MEMORY, PINNED, FILE = "in memory", "in pinned host memory", "in a memory-mapped file"


@dataclass(frozen=True, kw_only=True)
class MemoryPlan:
    """Who may take how much, in bytes a process."""

    krylov: int  # the basis of at most ``max_basis`` rows, with its work vectors
    graphs: int  # graphs kept between matvecs
    batch_size: int
    max_basis: int
    place: str  # of the basis: MEMORY (that of the device), PINNED or FILE

    def __str__(self) -> str:
        return (
            f"Krylov basis {self.krylov / 2**20:,.0f} MiB {self.place} ({self.max_basis} vectors "
            f"at most), graphs {self.graphs / 2**20:,.0f} MiB at most, batches of "
            f"{self.batch_size}"
        )


def fitting_batches(risk: EmpiricalRisk, memory: int) -> EmpiricalRisk:
    """The risk, its batches cut so that one's graph and work take a quarter of ``memory`` bytes.

    The bytes of an example are measured on two and on four of them; where memory does not hold
    these, batches have one. Where batch norm uses each batch's statistics, the size of the batches
    is part of the loss: they stay as they are.
    """
    if risk.coupled_by is not None or not risk.batches or not risk.is_cut_by_rows:
        return risk
    sizes = [n for n in (2, 4) if n <= risk.batch_sizes()[0]]
    if len(sizes) < 2:
        return risk
    try:
        taken = [_graph_bytes(risk, n) for n in sizes]
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        return rebatched(risk, 1)
    an_example = max((taken[1] - taken[0]) // 2, 1)
    fits = int(_FOR_BATCH * memory) // (2 * an_example)
    largest = max(risk.batch_sizes())
    return risk if fits >= largest else rebatched(risk, max(1, fits))


def plan_memory(
    risk: EmpiricalRisk,
    memory: int,
    *,
    num_pairs: int,
    num_spare: int,
    basis_dtype: torch.dtype | None = None,
) -> MemoryPlan:
    """Divide ``memory`` bytes for a spectral run on ``risk``, whose batches fit already.

    On a GPU they are bytes of its memory; a basis that they do not hold goes to the host.

    Raises
    ------
    ValueError
        If not even the network and a few vectors fit.
    """
    dim, dtype = risk.num_params, basis_dtype or risk.dtype
    room = memory - _VECTORS * dim * risk.dtype.itemsize
    if room <= 0:
        raise ValueError(
            f"--memory must be more than {(memory - room) / 2**20:,.0f} MiB, which the "
            f"{dim:,} parameters and a few vectors of their length take; got "
            f"{memory / 2**20:,.0f} MiB."
        )
    pairs = min(dim, num_pairs)
    for_basis = int(_FOR_BASIS * room)
    try:
        rows = choose_max_basis(dim, pairs, dtype, num_spare=num_spare, memory=for_basis)
        place = MEMORY
    except ValueError:
        rows = min(dim, 3 * pairs + num_spare)
        place = place_elsewhere(krylov_memory(dim, rows, dtype), risk.device)
    krylov = krylov_memory(dim, rows, dtype)
    left = room - (krylov if place == MEMORY else 0) - int(_FOR_BATCH * memory)
    largest = max(risk.batch_sizes(), default=0)
    return MemoryPlan(
        krylov=krylov,
        graphs=max(0, left),
        batch_size=largest,
        max_basis=rows,
        place=place,
    )


def memory_of_sketch(A: SelfAdjointOperator, memory: int | None) -> int:
    """Bytes for the sketch of A's trace, of ``memory`` where that is given.

    Half of it keeps graphs, and the batch at work takes its share, as the network does.
    """
    if memory is None:
        return DEFAULT_MEMORY
    left = int((1 - _FOR_GRAPHS - _FOR_BATCH) * memory)
    return max(0, left - _VECTORS * A.dim * A.dtype.itemsize)


def graph_memory(memory: int | None) -> int | None:
    """Bytes that graphs may take beside an operator's products, of ``memory`` where it is given."""
    return None if memory is None else int(_FOR_GRAPHS * memory)


def place_elsewhere(num_bytes: int, device: torch.device) -> str:
    """Where a basis lies that ``device`` does not hold: on the host, if that is another memory.

    Transfers from pinned memory are the fastest, but what is pinned cannot be paged out.
    """
    if device.type != "cuda":
        return FILE
    pinned = 1 << (num_bytes - 1).bit_length()  # PyTorch pins whole powers of two
    return PINNED if pinned <= free_memory(torch.device("cpu"), _OF_HOST) else FILE


def basis_rows(device: torch.device, folder: Path, place: str | None) -> Allocate:
    """A function that makes a basis of (rows, n) at ``place``, in ``folder`` where it is a file.

    None for the place: the device, or where its free memory does not suffice, elsewhere. A
    basis that its place turns out not to hold goes into the file.
    """

    def allocate(rows: int, dim: int, dtype: torch.dtype) -> Tensor:
        num_bytes, chosen = rows * dim * dtype.itemsize, place or MEMORY
        if place is None and device.type == "cuda" and num_bytes > free_memory(device, _OF_DEVICE):
            chosen = place_elsewhere(num_bytes, device)
        try:
            if chosen == MEMORY:
                return torch.empty(rows, dim, dtype=dtype, device=device)
            if chosen == PINNED:
                return torch.empty(rows, dim, dtype=dtype, pin_memory=True)
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
        return mapped_rows(folder)(rows, dim, dtype)

    return allocate


def mapped_rows(folder: Path) -> Allocate:
    """A function that makes a (rows, n) tensor in a file in ``folder``; it ends with the process.

    The kernel keeps in memory what fits. The file has no name after this: a killed run leaves none.
    """

    def allocate(rows: int, dim: int, dtype: torch.dtype) -> Tensor:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=folder, prefix="basis-") as file:
            flat = torch.from_file(file.name, shared=True, size=rows * dim, dtype=dtype)
        return flat.view(rows, dim)

    return allocate


def _graph_bytes(risk: EmpiricalRisk, size: int) -> int:
    """Bytes that the gradient's graph on the first ``size`` examples holds."""
    few = HessianOperator(risk.on([take_rows(risk.batches[0], slice(0, size))]), graph_budget=0)
    with few.risk.swapped(few.tensors):
        few.graph(0)  # built, measured, and given back
    return few.graphs.largest_graph
