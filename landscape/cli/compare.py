"""``landscape compare``: a verdict on groups of checkpoints, from what was measured of them."""

import json
from collections.abc import Container
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from landscape.cli.gated import compared_name, comparison_values, reachable
from landscape.cli.gates import apply_gates, check_gates, gate_option
from landscape.cli.options import command_line
from landscape.cli.plain import echo

if TYPE_CHECKING:
    from landscape.gates import Gate
    from landscape.results import ComparedMeasure, Comparison, MeasureRow


@click.command()
@click.argument("sources", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--out",
    "-o",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder of the report; where results of checkpoint files are looked for.",
)
@click.option(
    "--group",
    "patterns",
    multiple=True,
    metavar="NAME=GLOB",
    help="Checkpoints by path, file name or label; repeatable. "
    "[default: by initialisation and optimiser, else by file name]",
)
@click.option("--baseline", help="The group that the others are compared with.")
@click.option(
    "--primary",
    metavar="MEASURE",
    help="The measure that decides. [default: lambda_max[filter] where measured, else lambda_max]",
)
@click.option(
    "--measures",
    metavar="GLOB,...",
    help="Compare these; '*' is all. Every further one raises the corrected p-values. "
    "[default: λ_max, mean curvature, expected and worst rise, cusp slope]",
)
@click.option(
    "--match",
    type=click.Choice(["epoch", "loss", "none"]),
    default="epoch",
    show_default=True,
    help="How checkpoints of a run are chosen: the last shared epoch, or those nearest in loss.",
)
@click.option("--split", type=click.Choice(["train", "test"]), default="train", show_default=True)
@click.option(
    "--bounds",
    type=float,
    nargs=2,
    default=(0.8, 1.25),
    show_default=True,
    help="Ratios that count as no difference.",
)
@click.option(
    "--alpha",
    type=float,
    default=0.05,
    show_default=True,
    help="Chance of any false claim that is allowed.",
)
@click.option(
    "--power",
    type=float,
    default=0.8,
    show_default=True,
    help="At which detectable ratios and the runs needed are stated.",
)
@click.option(
    "--resamples",
    type=click.IntRange(min=1),
    default=10_000,
    show_default=True,
    help="Of the bootstrap, and of permutations too many to enumerate.",
)
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True)
@click.option(
    "--allow-mismatch", is_flag=True, help="Compare what was not measured alike, with a mark."
)
@gate_option
@click.option("--title", help="The report's heading.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
def compare(
    sources: tuple[Path, ...],
    out: Path | None,
    patterns: tuple[str, ...],
    baseline: str | None,
    primary: str | None,
    measures: str | None,
    match: Literal["epoch", "loss", "none"],
    split: str,
    bounds: tuple[float, float],
    alpha: float,
    power: float,
    resamples: int,
    seed: int,
    allow_mismatch: bool,
    gates: "tuple[Gate, ...]",
    title: str | None,
    as_json: bool,
) -> None:
    """Compare groups of checkpoints: flatter, sharper, equivalent or undecided.

    SOURCES are folders of reports, or checkpoint files analysed into --out.

    \b
    landscape analyze checkpoints/*.safetensors -o reports/mine
    landscape compare reports/mine -o reports/verdict --baseline kaiming
    """
    from landscape.analysis.compare import CompareSettings
    from landscape.analysis.compare import compare as judge
    from landscape.analysis.compare_groups import with_unique_labels
    from landscape.cli.compare_files import find_results, write_comparison
    from landscape.files import alone_in
    from landscape.statistics import Settings

    settings = CompareSettings(
        baseline=baseline,
        groups=_groups(patterns),
        primary=primary,
        measures=None if measures is None else _listed(measures),
        match=match,
        split=split,
        allow_mismatch=allow_mismatch,
        statistics=Settings(alpha=alpha, power=power, bounds=bounds, num_resamples=resamples),
        seed=seed,
        command=command_line(),
    )
    with nullcontext() if out is None else alone_in(out):
        found = find_results(sources, out)
        results = with_unique_labels([f.result for f in found])
        comparison = judge(results, settings=settings)
        compared = [compared_name(m.name) for m in comparison.measures]
        check_gates(gates, compared, reachable(comparison))
        if as_json:
            click.echo(json.dumps(comparison.record(), allow_nan=False))
        else:
            _print(comparison)
        if out is not None:
            stems = [f.path.stem for f in found]
            page = write_comparison(
                out, comparison, results, stems, title=title or out.resolve().name
            )
            echo(str(page), err=as_json)
    apply_gates(
        gates,
        [
            (f"{p.group} against {p.baseline}", comparison_values(p), p.verdict)
            for p in comparison.pairs
        ],
    )


def _groups(patterns: tuple[str, ...]) -> dict[str, list[str]] | None:
    groups: dict[str, list[str]] = {}
    for pattern in patterns:
        name, equals, globs = pattern.partition("=")
        if not (name and equals and globs):
            raise click.UsageError(
                f"--group must be NAME=GLOB, for example 'mine=checkpoints/mine-*'; got "
                f"{pattern!r}."
            )
        groups.setdefault(name, []).extend(_listed(globs))
    return groups or None


def _listed(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _print(comparison: "Comparison") -> None:
    from landscape.cli.output import print_table, print_words

    s = comparison.settings
    decided_by = "declared" if s.primary_declared else "chosen by rule: name another with --primary"
    titles = {m.name: m.title for m in comparison.measures}
    print_words(f"Primary measure: {titles[s.primary]}, {s.primary!r} ({decided_by}).")
    unlike = {m.title: m.mismatch for m in comparison.measures if m.mismatch}
    for pair in comparison.pairs:
        click.echo()
        echo(f"{pair.group} against {pair.baseline}: {pair.verdict.upper()}.")
        print_words(f"{pair.reason}.", indent="  ")
        runs = "paired by seed" if pair.paired else "not paired"
        print_words(f"Runs {runs}, {pair.matched}.", indent="  ")
        rows = [
            _row(row, comparison.measure(row.measure), pair.paired, unlike) for row in pair.measures
        ]
        print_table(("measure", "verdict", "ratio", "interval", "p (Holm)", "n"), rows)
    for title, mismatch in unlike.items():
        print_words(f"* {title} was not measured alike: {mismatch}")
    if comparison.accuracy:
        link = next(
            (a for a in comparison.accuracy if a.measure == s.primary), comparison.accuracy[0]
        )
        click.echo()
        print_words(
            f"Apart from the verdict, {titles[link.measure]} and test accuracy: {link.words}."
        )
    for note in comparison.notes:
        print_words(f"note: {note}")


def _row(
    row: "MeasureRow", measure: "ComparedMeasure", paired: bool, unlike: Container[str]
) -> tuple[str, ...]:
    interval = row.interval
    estimate = f"{row.estimate:.3g}"
    return (
        measure.title + (" *" if measure.title in unlike else ""),
        row.verdict,
        f"Δ {estimate} {measure.unit}" if row.scale == "difference" else estimate,
        "–" if interval is None else f"{interval.low:.3g} to {interval.high:.3g}",
        f"{row.p_holm:.2g}",
        str(row.num_runs[0]) if paired else f"{row.num_runs[0]}, {row.num_runs[1]}",
    )
