"""A look at a file as tables in a terminal."""

from collections.abc import Iterator

from landscape.cli.output import print_table
from landscape.cli.plain import echo
from landscape.report.numbers import rounded
from landscape.results.look import Look, WeightRow

_NONE = "–"


def print_look(row: Look) -> None:
    """What the file is; then its numbers on data, its weights and its layers' spikes."""
    if not row.safe:
        echo("UNSAFE")
    for name, text in _facts(row):
        echo(f"{name:15}{text}")
    for note in row.notes:
        echo(f"{'note':15}{note}")
    measured = list(_measured(row))
    if measured:
        print_table(("", "value ± error", "error over"), measured)
    if row.weights:
        columns = ("weights", "shape", "‖W‖_F", "‖W‖₂", "stable rank", "tail α", "zeros", "NaN")
        print_table(columns, [_weights(w) for w in row.weights])
    if row.activity:
        print_table(
            ("neurons", "number", "firing rate", "dead", "saturated"),
            [
                (
                    layer.name,
                    f"{layer.num_neurons:,}",
                    f"{layer.firing_rate:.4f}",
                    f"{layer.num_dead:,}",
                    f"{layer.num_saturated:,}",
                )
                for layer in row.activity
            ],
        )


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


def _measured(row: Look) -> Iterator[tuple[str, str, str]]:
    """Rows of name, value with its error, and what the error is over."""
    over_examples = "examples"
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
            yield title, rounded(value, stderr).text(), over_examples if stderr else ""
    if row.lambda_max is not None and row.trace is not None:
        of = f"{'formal ' if row.spiking else ''}{row.operator}, {row.curvature_split}"
        top, residual = row.lambda_max, row.lambda_max_residual or 0.0
        open_end = "" if row.lambda_max_converged else ", NOT CONVERGED"
        over = f"{over_examples}; residual {residual:.1e}{open_end}"
        if row.lambda_max_stderr is None:
            over = f"solver{open_end}"
        error = row.lambda_max_stderr or residual
        yield f"λ_max ({of})", rounded(top, error).text(), over
        yield f"trace ({of})", rounded(row.trace, row.trace_stderr).text(), "probes"
    if row.firing_rate_mean is not None:
        yield "firing rate", f"{row.firing_rate_mean:.4f}", ""


def _weights(row: WeightRow) -> tuple[str, ...]:
    tail = _NONE
    if row.tail_exponent is not None:
        tail = rounded(row.tail_exponent, row.tail_exponent_stderr).text()
    return (
        row.name,
        "×".join(map(str, row.shape)) or "scalar",
        _number(row.frobenius_norm),
        _number(row.spectral_norm),
        _number(row.stable_rank),
        tail,
        f"{row.zeros:.1%}" if row.zeros else "0",
        f"{row.num_nonfinite:,}",
    )


def _number(value: float | None) -> str:
    return _NONE if value is None else f"{value:.4g}"
