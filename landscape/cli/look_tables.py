"""A look at a file as tables in a terminal."""

from collections.abc import Iterator
from typing import NamedTuple

from landscape.cli.output import print_table
from landscape.cli.plain import echo
from landscape.page.cells import interval_text, number_cell
from landscape.page.columns import count_column, estimate_column, number_column, text_column
from landscape.page.table import Column, Table
from landscape.results.activity import ActivityRow
from landscape.results.look import Look, WeightRow


class _Line(NamedTuple):
    title: str
    value: float
    error: float | None
    over: str = ""  # what the error is over


_MEASURED: list[Column[_Line]] = [
    text_column("", lambda line: line.title),
    Column(title="value ± error", cell=lambda line: number_cell(line.value, line.error)),
    text_column("error over", lambda line: line.over, missing=""),
]
_WEIGHTS: list[Column[WeightRow]] = [
    text_column("weights", lambda row: row.name),
    text_column("shape", lambda row: "×".join(map(str, row.shape)) or "scalar"),
    number_column("‖W‖_F", lambda row: row.frobenius_norm),
    number_column("‖W‖₂", lambda row: row.spectral_norm),
    number_column("stable rank", lambda row: row.stable_rank),
    Column(
        title="tail α", cell=lambda row: number_cell(row.tail_exponent, row.tail_exponent_stderr)
    ),
    text_column("zeros", lambda row: f"{row.zeros:.1%}"),
    count_column("NaN, inf", lambda row: row.num_nonfinite),
]
_ACTIVITY: list[Column[ActivityRow]] = [
    text_column("neurons", lambda layer: layer.name),
    count_column("number", lambda layer: layer.num_neurons),
    estimate_column("firing rate", lambda layer: layer.firing_rate),
    count_column("dead", lambda layer: layer.num_dead),
    count_column("saturated", lambda layer: layer.num_saturated),
]


def print_look(row: Look) -> None:
    """What the file is; then its numbers on data, its weights and its layers' spikes."""
    notes = row.notes
    if not row.safe:
        echo(f"UNSAFE: {notes[0]}")
        notes = notes[1:]
    for name, text in _facts(row):
        echo(f"{name:15}{text}")
    for note in notes:
        echo(f"{'note':15}{note}")
    measured = list(_measured(row))
    if measured:
        print_table(Table(columns=_MEASURED, rows=measured))
    if row.weights:
        print_table(Table(columns=_WEIGHTS, rows=row.weights))
    if row.activity:
        print_table(Table(columns=_ACTIVITY, rows=row.activity))


def _facts(row: Look) -> Iterator[tuple[str, str]]:
    yield "file", f"{row.path} ({row.size_bytes:,} bytes)"
    yield "format", f"{row.format}; {'safe to open' if row.safe else 'can run code when opened'}"
    yield "parameters", f"{row.num_params:,}; with buffers, {row.num_tensors} tensors"
    if row.model is not None:
        yield "model", row.model
        counts = [
            f"{count:,} {split} examples"
            for split, count in (("train", row.num_train_examples), ("test", row.num_test_examples))
            if count is not None
        ]
        yield "data", f"{row.data}: {', '.join(counts)}; loss {row.loss_name}"
    if row.seconds is not None:
        yield "took", f"{row.seconds:.1f} s"


def _measured(row: Look) -> Iterator[_Line]:
    for title, name in (
        ("train loss", "train_loss"),
        ("test loss", "test_loss"),
        ("loss gap, test - train", "loss_gap"),
        ("train accuracy", "train_accuracy"),
        ("test accuracy", "test_accuracy"),
        ("accuracy gap, train - test", "accuracy_gap"),
    ):
        value, stderr = getattr(row, name), getattr(row, f"{name}_stderr")
        if value is not None:
            yield _Line(title, value, stderr, "examples" if stderr else "")
    if row.lambda_max is not None and row.trace is not None:
        of = f"{'formal ' if row.spiking else ''}{row.operator}, {row.curvature_split}"
        residual = row.lambda_max_residual or 0.0
        over = f"residual {residual:.1e}"
        if row.lambda_max_high is not None:
            ends = f"{interval_text(row.lambda_max_low, row.lambda_max_high)} for"
            if row.lambda_max_low == row.lambda_max_high:
                ends = "all of"
            over = f"{ends} {row.lambda_max_of}; {over}"
        if not row.lambda_max_converged:
            over += ", NOT CONVERGED"
        yield _Line(f"λ_max ({of})", row.lambda_max, row.lambda_max_stderr or None, over)
        if row.share_of_edge is not None:
            yield _Line(
                "λ_max / edge of stability", row.share_of_edge, None, row.stability_of or ""
            )
        yield _Line(f"trace ({of})", row.trace, row.trace_stderr, "probes")
    if row.firing_rate_mean is not None:
        yield _Line("firing rate", row.firing_rate_mean, None)
