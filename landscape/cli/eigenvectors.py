"""Eigenvectors kept in files, and how far two checkpoints share their dominant eigenspaces."""

import itertools
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from landscape.cli.output import print_table, result_path
from landscape.files import write_atomic

if TYPE_CHECKING:
    from landscape.analysis.spectrum import Spectrum


def save_vectors(folder: Path, runs: Sequence["Spectrum"]) -> None:
    """Write each run's eigenpairs as ``eigenvectors.safetensors`` beside its results.

    ``vectors`` has orthonormal rows, shape (k, P), in the order of ``values``, descending.
    """
    from safetensors.torch import save

    from landscape.distributed import is_main

    if not is_main():
        return
    for run in runs:
        path = result_path(folder, run.eigenvalues.subject.label, "eigenvectors")
        pairs = run.eigenpairs
        tensors = {
            "values": pairs.values.contiguous(),
            "vectors": pairs.vectors.cpu().contiguous(),
            "residuals": pairs.residuals.contiguous(),
        }
        tensors = {name: tensor.clone() for name, tensor in tensors.items()}
        write_atomic(path.with_suffix(".safetensors"), save(tensors))


def print_overlaps(runs: Sequence["Spectrum"], *, as_json: bool) -> None:
    """‖V Wᵀ‖_F²/k of the k largest eigenvectors of every two checkpoints.

    Raises
    ------
    click.UsageError
        If the checkpoints have different parameters.
    """
    from landscape.linalg.krylov import subspace_overlap

    sizes = {run.eigenvalues.operator.num_params for run in runs}
    if len(sizes) > 1:
        raise click.UsageError(
            f"--overlap needs networks with the same parameters; these have {sorted(sizes)}."
        )
    rows = []
    for first, second in itertools.combinations(runs, 2):
        V, W = (r.eigenpairs.vectors[: r.eigenpairs.num_largest] for r in (first, second))
        record = {
            "type": "Overlap",
            "first": first.eigenvalues.subject.label,
            "second": second.eigenvalues.subject.label,
            "num_vectors": min(len(V), len(W)),
            "overlap": subspace_overlap(V, W),
            "expected_by_chance": max(len(V), len(W)) / V.shape[1],
        }
        if as_json:
            click.echo(json.dumps(record))
        rows.append(
            (
                f"{record['first']} and {record['second']}",
                str(record["num_vectors"]),
                f"{record['overlap']:.4f}",
                f"{record['expected_by_chance']:.1e}",
            )
        )
    if not as_json:
        print_table(("upper eigenspaces of", "vectors", "overlap", "by chance"), rows)
