"""Eigenvectors kept in files, and how far two checkpoints share their dominant eigenspaces."""

import itertools
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, cast

import click

from landscape.analysis.spectrum.settings import EigenvalueSettings
from landscape.cli.measured import Asked, each_measured
from landscape.cli.output import print_table
from landscape.cli.spectra import run_spectrum
from landscape.cli.stdout import print_record
from landscape.files import write_atomic
from landscape.page.columns import text_column
from landscape.page.table import Column, Table
from landscape.results import result_path, stem_at

if TYPE_CHECKING:
    from torch import Tensor

    from landscape.analysis.progress import Progress
    from landscape.analysis.target import Target
    from landscape.results import Eigenvalues


class FoundPairs(NamedTuple):
    """The eigenvalues of a checkpoint and, where they were asked for, the eigenvectors."""

    eigenvalues: "Eigenvalues"
    # "vectors" has orthonormal rows, shape (k, P), in the order of "values", descending, and of
    # "residuals".
    pairs: dict[str, "Tensor"]


def each_eigenpairs(
    wanted: EigenvalueSettings, asked: Asked, *, with_vectors: bool
) -> AbstractContextManager[list[FoundPairs]]:
    """A Krylov run a checkpoint."""

    def measure(target: "Target", *, state: Path | None, progress: "Progress") -> FoundPairs:
        run = run_spectrum(target, settings=wanted, state=state, progress=progress)
        pairs = run.eigenpairs
        found = {"values": pairs.values, "vectors": pairs.vectors, "residuals": pairs.residuals}
        # Copies: a view would keep the whole basis.
        copies = {name: tensor.cpu().contiguous().clone() for name, tensor in found.items()}
        return FoundPairs(run.eigenvalues, copies if with_vectors else {})

    settings = {**asdict(wanted), "vectors": with_vectors}
    stem = stem_at("eigenvalues", wanted.scale)
    return each_measured(stem, measure, settings, asked, save=_save, load=_load)


def _save(run: FoundPairs, path: Path) -> None:
    from safetensors.torch import save

    from landscape.results import save_result

    write_atomic(path.with_suffix(".safetensors"), save(run.pairs))
    save_result(run.eigenvalues, path)


def _load(path: Path) -> FoundPairs:
    from safetensors.torch import load_file

    from landscape.results import Eigenvalues, load_result

    vectors = load_file(path.with_suffix(".safetensors"))
    return FoundPairs(cast(Eigenvalues, load_result(path)), vectors)


def save_vectors(folder: Path, runs: Sequence[FoundPairs]) -> None:
    """Write each run's eigenpairs as ``eigenvectors.safetensors`` beside its results."""
    from safetensors.torch import save

    from landscape.distributed import is_main

    for run in runs if is_main() else ():
        found = run.eigenvalues
        path = result_path(
            folder, found.subject.label, stem_at("eigenvectors", found.operator.scale)
        )
        write_atomic(path.with_suffix(".safetensors"), save(run.pairs))


def print_overlaps(runs: Sequence[FoundPairs], *, as_json: bool) -> None:
    """‖V Wᵀ‖_F²/k of the k largest eigenvectors of every two checkpoints.

    Raises
    ------
    click.UsageError
        If the checkpoints have different parameters.
    """
    sizes = {run.eigenvalues.operator.num_params for run in runs}
    if len(sizes) > 1:
        raise click.UsageError(
            f"--overlap needs networks with the same parameters; these have {sorted(sizes)}."
        )
    found = [_overlap(first, second) for first, second in itertools.combinations(runs, 2)]
    if not as_json:
        print_table(Table(columns=_OVERLAPS, rows=found))
    for overlap in found if as_json else ():
        print_record({"type": "Overlap", **overlap._asdict()})


class _Overlap(NamedTuple):
    first: str
    second: str
    num_vectors: int
    overlap: float
    expected_by_chance: float


_OVERLAPS: list[Column[_Overlap]] = [
    text_column("upper eigenspaces of", lambda o: f"{o.first} and {o.second}"),
    text_column("vectors", lambda o: str(o.num_vectors)),
    text_column("overlap", lambda o: f"{o.overlap:.4f}"),
    text_column("by chance", lambda o: f"{o.expected_by_chance:.1e}"),
]


def _overlap(first: FoundPairs, second: FoundPairs) -> _Overlap:
    from landscape.linalg.krylov import subspace_overlap

    V, W = (r.pairs["vectors"][: len(r.eigenvalues.largest)] for r in (first, second))
    return _Overlap(
        first=first.eigenvalues.subject.label,
        second=second.eigenvalues.subject.label,
        num_vectors=min(len(V), len(W)),
        overlap=subspace_overlap(V, W),
        expected_by_chance=max(len(V), len(W)) / V.shape[1],
    )
