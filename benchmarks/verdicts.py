"""``python -m benchmarks.verdicts``: how often ``compare`` errs, and what it finds, by law and n.

Logarithms of runs scatter by a law of median 0. Of pairs, either both runs do (the log ratio is
then symmetric, whatever the law), or the log ratio itself follows the law, as skewed as it is.
Verdicts at alpha = 0.05 of one test, bounds 0.8 to 1.25, by the tests that the package makes; its
intervals hold a ratio where the test of that ratio does not reject.
"""

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import click
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from scipy.stats import ttest_1samp, ttest_ind

from benchmarks.simulation import results_option, write_simulation
from landscape.statistics.designs import Design, Groups, Pairs
from landscape.statistics.permutation import Deals, SignFlips

Array = NDArray[np.float64]
Law = Callable[[Generator, tuple[int, ...]], Array]

ALPHA, BOUNDS = 0.05, (0.8, 1.25)
SCATTER = 0.15  # of the log ratio, for a normal law
LAWS: dict[str, Law] = {
    "normal": lambda rng, shape: rng.normal(size=shape),
    "log-normal": lambda rng, shape: np.exp(rng.normal(size=shape)) - 1,
    "exponential": lambda rng, shape: rng.exponential(size=shape) - math.log(2),
    "Student t, 2": lambda rng, shape: rng.standard_t(2, size=shape),
    "1 in 10 tenfold": lambda rng, shape: (
        rng.normal(size=shape) * np.where(rng.random(shape) < 0.1, 10, 1)
    ),
}
SIZES = ((6, 6), (8, 8), (10, 10), (20, 20))
UNEVEN = ((5, 20), (20, 5), (8, 8))  # for a first group that scatters three times as much


@dataclass
class Row:
    """Shares of so many draws."""

    design: str  # pairs | groups
    law: str
    num_runs: tuple[int, int]
    false_difference: float  # there is none
    held: float  # the interval holds the truth: of pairs the median of ratios of that law
    false_equivalent: float  # of the same, its median at a bound, the worse one
    found: float  # a factor of 1.25
    found_by_t: float  # by a t test of logarithms
    equivalent: float  # there is no difference


def differs(design: Design) -> bool:
    """Whether flatter or sharper is said."""
    return design.tails(0.0, "ratio").p_value <= ALPHA


def holds(design: Design, log_ratio: float) -> bool:
    """Whether the interval holds it."""
    return design.tails(log_ratio, "ratio").p_value > ALPHA


def equivalent(design: Design) -> bool:
    """Whether that is said: the tests against both bounds, and an interval between them."""
    if design.equivalence_p(BOUNDS) > ALPHA:
        return False
    low, high = (design.tails(math.log(bound), "ratio") for bound in BOUNDS)
    return 2 * low.above <= ALPHA and 2 * high.below <= ALPHA


def pairs_row(law: str, n: int, draws: int, rng: Generator) -> Row:
    """Of n pairs."""
    patterns, draw, ones = SignFlips(n, num_resamples=10_000, rng=rng), LAWS[law], np.ones(n)
    told = {"false": 0, "held": 0, "low": 0, "high": 0, "found": 0, "t": 0, "equivalent": 0}
    step = math.log(BOUNDS[1])
    for _ in range(draws):
        a, b = SCATTER / math.sqrt(2) * draw(rng, (2, n))
        ratios = SCATTER * draw(rng, (n,))

        def of(logs: Array) -> Pairs:
            return Pairs(np.exp(logs), ones, patterns)

        told["false"] += differs(of(a - b))
        told["held"] += holds(of(ratios), 0.0)
        told["low"] += equivalent(of(ratios - step))
        told["high"] += equivalent(of(ratios + step))
        told["found"] += differs(of(a - b + step))
        told["t"] += ttest_1samp(a - b + step, 0).pvalue <= ALPHA
        told["equivalent"] += equivalent(of(a - b))
    return _row("pairs", law, (n, n), told, draws)


def groups_row(
    law: str, sizes: tuple[int, int], draws: int, rng: Generator, *, wider: float = 1.0
) -> Row:
    """Of n and m runs, the first group's scatter times ``wider``."""
    patterns, draw = Deals(*sizes, num_resamples=10_000, rng=rng), LAWS[law]
    told = {"false": 0, "held": 0, "low": 0, "high": 0, "found": 0, "t": 0, "equivalent": 0}
    step = math.log(BOUNDS[1])
    for _ in range(draws):
        logs = [SCATTER / math.sqrt(2) * draw(rng, (size,)) for size in sizes]
        a, b = wider * logs[0], logs[1]

        def of(a: Array, b: Array = b) -> Groups:
            return Groups(np.exp(a), np.exp(b), patterns)

        told["false"] += differs(of(a))
        told["held"] += holds(of(a), 0.0)
        told["low"] += equivalent(of(a - step))
        told["high"] += equivalent(of(a + step))
        told["found"] += differs(of(a + step))
        told["t"] += ttest_ind(a + step, b, equal_var=False).pvalue <= ALPHA
        told["equivalent"] += equivalent(of(a))
    name = law if wider == 1 else f"{law}, one {wider:g} times as wide"
    return _row("groups", name, sizes, told, draws)


def _row(design: str, law: str, num_runs: tuple[int, int], told: dict[str, int], draws: int) -> Row:
    return Row(
        design=design,
        law=law,
        num_runs=num_runs,
        false_difference=told["false"] / draws,
        held=told["held"] / draws,
        false_equivalent=max(told["low"], told["high"]) / draws,
        found=told["found"] / draws,
        found_by_t=told["t"] / draws,
        equivalent=told["equivalent"] / draws,
    )


def rows(draws: int, seed: int) -> Iterator[Row]:
    """All of them, each of draws of its own."""
    rng = np.random.default_rng(seed)
    for law in LAWS:
        for n, _ in SIZES:
            yield pairs_row(law, n, draws, rng)
    for law in LAWS:
        for sizes in SIZES:
            yield groups_row(law, sizes, draws, rng)
    for sizes in UNEVEN:
        yield groups_row("normal", sizes, draws, rng, wider=3.0)


def errs_too_often(row: Row, draws: int) -> bool:
    """Beyond 5 % by more than simulation errors, where the laws of the groups are one.

    Two of them for "equivalent"; three for "differs", which is exact: forty rows are looked at.
    """
    error = math.sqrt(ALPHA * (1 - ALPHA) / draws)
    return "wide" not in row.law and (
        row.false_equivalent > ALPHA + 2 * error or row.false_difference > ALPHA + 3 * error
    )


@click.command()
@click.option("--draws", default=10_000, show_default=True, help="Experiments a row.")
@click.option("--seed", default=0, show_default=True)
@results_option("verdicts.json")
def main(draws: int, seed: int, json_file: Path) -> None:
    """Error rates, coverage and power; exit code 1 where a verdict is false too often."""
    start, found = time.process_time(), []
    click.echo("design law              n        differs  held  equivalent  found (t)  A against A")
    for row in rows(draws, seed):
        found.append(row)
        click.echo(
            f"{row.design:6} {row.law:16} {row.num_runs!s:8} {row.false_difference:7.1%} "
            f"{row.held:6.1%} {row.false_equivalent:7.1%} {row.found:10.1%} "
            f"({row.found_by_t:.1%}) {row.equivalent:8.1%}"
        )
    write_simulation(
        json_file,
        f"python -m benchmarks.verdicts --draws {draws} --seed {seed}",
        draws=draws,
        scatter=SCATTER,
        cpu_seconds=round(time.process_time() - start),
        rows=[asdict(row) for row in found],
    )
    if any(errs_too_often(row, draws) for row in found):
        raise click.exceptions.Exit(1)


if __name__ == "__main__":
    main()
