"""``python -m benchmarks.ranks``: what more processes bring, measured, and a forecast.

The model of one matvec on n processes, N examples and P parameters::

    t(n) = f + c ceil(N / n) (1 + s m(n)) + [n > 1] (2 (n - 1) a + 2 (n - 1) / n  4 P / b)

f and c: fixed time and time an example of one process. s m(n): how much longer the slowest of n
processes takes than one, s the relative spread of a process's own times and m(n) the expected
maximum of n standard normal numbers (Blom 1958). The last part is a ring's all-reduce of P float32
numbers: latency a a step, b bytes a second (Thakur et al. 2005). All are fitted to times on this
machine, and the forecast says nothing about a network that is slower than its memory.
"""

import json
import math
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import click
import matplotlib.pyplot as plt
import numpy as np
from scipy.special import ndtri

from benchmarks.record import RESULTS, describe_machine

_LONG_RUN = 60_000  # examples of the forecast: the whole training set
_RANKS = tuple(2**k for k in range(11))

Times = dict[str, dict[str, list[float]]]


@dataclass(frozen=True)
class Model:
    """The fitted numbers, in seconds, bytes and examples."""

    fixed: float
    an_example: float
    spread: float
    latency: float
    bandwidth: float  # bytes a second

    def seconds(self, num_ranks: int, *, num_examples: int, num_params: int) -> float:
        """Of one matvec."""
        share = math.ceil(num_examples / num_ranks)
        slowest = 1 + self.spread * expected_maximum(num_ranks)
        work = self.fixed + self.an_example * share * slowest
        return work + self.reduce_seconds(num_ranks, num_params)

    def reduce_seconds(self, num_ranks: int, num_params: int) -> float:
        """Of one all-reduce; nothing for a single process."""
        steps = 2 * (num_ranks - 1)
        return steps * self.latency + steps / num_ranks * 4 * num_params / self.bandwidth


def expected_maximum(count: int) -> float:
    """Of ``count`` standard normal numbers (Blom 1958, alpha = 3/8)."""
    return 0.0 if count == 1 else float(ndtri((count - 0.375) / (count + 0.25)))


def fit(alone: Times, pair: Times) -> Model:
    """From the times of one process and of two."""
    sizes = sorted(map(int, alone["matvec"]))
    seconds = [median(alone["matvec"][str(n)]) for n in sizes]
    an_example, fixed = np.polyfit(sizes, seconds, 1)
    spread = median(float(np.std(t, ddof=1) / np.mean(t)) for t in alone["matvec"].values())
    lengths = sorted(map(int, pair["reduce"]))
    taken = np.array([median(pair["reduce"][str(n)]) for n in lengths])
    # With two processes a ring takes 2 steps and sends 4 P bytes. Relative errors are fitted, so
    # that the short messages tell the latency.
    columns = np.stack([np.full(len(lengths), 2.0), 4.0 * np.array(lengths)], axis=1)
    latency, a_byte = np.linalg.lstsq(columns / taken[:, None], np.ones(len(lengths)))[0]
    return Model(
        max(float(fixed), 0.0), float(an_example), spread, max(float(latency), 0.0), 1 / a_byte
    )


def measure(num_ranks: int, examples: list[int], rounds: int) -> Times:
    """Run the worker in ``num_ranks`` processes, one thread each."""
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "times.json"
        launcher = ["-m", "torch.distributed.run", "--nproc-per-node", str(num_ranks)]
        command = [
            sys.executable,
            *(launcher if num_ranks > 1 else []),
            *("-m", "benchmarks.ranks_worker", str(target)),
            *(",".join(map(str, examples)), str(rounds)),
        ]
        subprocess.run(command, check=True, env={**os.environ, "OMP_NUM_THREADS": "1"})
        times: Times = json.loads(target.read_text(encoding="utf-8"))
        return times


@click.command()
@click.option("--rounds", type=click.IntRange(min=3), default=15, show_default=True)
@click.option("--examples", default="128,256,512,1024", show_default=True)
def main(rounds: int, examples: str) -> None:
    """Measure on 1 and 2 processes, fit the model, draw the forecast up to 1,024 processes."""
    counts = [int(n) for n in examples.split(",")]
    times = {n: measure(n, counts, rounds) for n in (1, 2)}
    model = fit(times[1], times[2])
    params = times[1]["params"]
    shipped, wide = int(params["shipped"]), int(params["wide"])  # type: ignore[call-overload]
    rows = []
    for n in counts:
        one, two = (median(times[k]["matvec"][str(n)]) for k in (1, 2))
        forecast = model.seconds(2, num_examples=n, num_params=shipped)
        rows.append({"examples": n, "one": one, "two": two, "efficiency": one / two / 2,
                     "model_of_two": forecast})  # fmt: skip
        click.echo(
            f"{n:6,} examples: {one:.4f} s on 1, {two:.4f} s on 2: efficiency "
            f"{one / two / 2:.0%}; the model says {forecast:.4f} s"
        )
    (count, seconds), *_ = times[1]["wide"].items()
    of_wide = Model(0.0, median(seconds) / int(count), model.spread, model.latency, model.bandwidth)
    record = {
        "machine": describe_machine(),
        "model": vars(model),
        "seconds_an_example_wide": of_wide.an_example,
        "params": params,
        "rows": rows,
    }
    RESULTS.joinpath("ranks.json").write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    draw(model, of_wide, shipped, wide, rows[-1])
    click.echo(json.dumps(vars(model)))


def draw(model: Model, of_wide: Model, shipped: int, wide: int, measured: dict[str, float]) -> None:
    """Seconds of a matvec and efficiency against the number of processes."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(8, 3.2), layout="constrained")
    few = int(measured["examples"])
    cases = (
        (model, shipped, few, f"{shipped:,} parameters, {few:,} examples", "#0072b2"),
        (model, shipped, _LONG_RUN, f"{shipped:,} parameters, {_LONG_RUN:,} examples", "#d55e00"),
        (of_wide, wide, _LONG_RUN, f"{wide:,} parameters, {_LONG_RUN:,} examples", "#333333"),
    )
    for fitted, num_params, num_examples, label, colour in cases:
        taken = [
            fitted.seconds(n, num_examples=num_examples, num_params=num_params) for n in _RANKS
        ]
        left.loglog(_RANKS, taken, "--", color=colour, label=f"{label} (forecast)")
        share = [taken[0] / t / n for n, t in zip(_RANKS, taken, strict=True)]
        right.semilogx(_RANKS, share, "--", color=colour)
    left.loglog([1, 2], [measured["one"], measured["two"]], "o", color="#0072b2", label="measured")
    right.semilogx([1, 2], [1, measured["efficiency"]], "o", color="#0072b2")
    left.set(xlabel="processes", ylabel="seconds of a matvec")
    right.set(xlabel="processes", ylabel="efficiency", ylim=(0, 1.05))
    figure.legend(
        *left.get_legend_handles_labels(), loc="outside upper center", ncols=2, fontsize=8
    )
    figure.savefig(RESULTS / "ranks.svg", metadata={"Date": None})
    plt.close(figure)


if __name__ == "__main__":
    main()
