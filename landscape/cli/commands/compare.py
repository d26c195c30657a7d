"""``landscape compare``: a verdict on groups of checkpoints, from what was measured of them."""

from collections.abc import Container, Sequence
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from landscape.cli.ending import (
    effect_columns,
    print_numbers,
    print_report_paths,
    print_verdicts,
)
from landscape.cli.from_settings import settings_options
from landscape.cli.gated import comparison_names, comparison_values, names_aside, reachable
from landscape.cli.gates import apply_gates, check_gates, gate_option
from landscape.cli.options import (
    command_line,
    figures_option,
    group_option,
    json_option,
    out_option,
)
from landscape.cli.output import print_table, print_words
from landscape.cli.plain import echo
from landscape.cli.stdout import Command, print_record
from landscape.compare.settings import CompareSettings
from landscape.page.columns import text_column
from landscape.page.table import Column, Table

if TYPE_CHECKING:
    from landscape.gates import Gate
    from landscape.results import Comparison, MeasureRow, Result


@click.command(cls=Command)
@click.argument("sources", nargs=-1, required=True, type=click.Path(path_type=Path))
@out_option("Folder of the report; where results of checkpoint files are looked for.")
@group_option
@settings_options(CompareSettings, "settings")
@gate_option("sharper or primary > 1.25")
@click.option("--title", help="The report's heading.")
@figures_option
@json_option()
def compare(
    sources: tuple[Path, ...],
    out: Path | None,
    groups: dict[str, list[str]] | None,
    settings: CompareSettings,
    gates: "tuple[Gate, ...]",
    title: str | None,
    figures: tuple[str, ...],
    as_json: bool,
) -> None:
    """Compare groups of checkpoints: flatter, sharper, equivalent or undecided.

    SOURCES are folders of reports, or checkpoint files analysed into --out.

    \b
    landscape analyze checkpoints/*.safetensors -o reports/mine
    landscape compare reports/mine -o reports/verdict --baseline kaiming
    """
    from landscape.cli.compare_files import find_results, write_comparison
    from landscape.compare.groups import with_unique_labels
    from landscape.compare.run import compare as judge
    from landscape.files import alone_in

    settings = replace(settings, groups=groups, command=command_line())
    with nullcontext() if out is None else alone_in(out):
        found = find_results(sources, out)
        results = with_unique_labels([f.result for f in found])
        comparison = judge(results, settings=settings)
        check_gates(
            gates,
            comparison_names(comparison),
            reachable(comparison),
            aside=names_aside(comparison, results),
        )
        if as_json:
            print_record(comparison.record())
        else:
            _print(comparison)
        if out is not None:
            stems = [f.path.stem for f in found]
            page = write_comparison(
                out,
                comparison,
                results,
                stems,
                title=title or out.resolve().name,
                figures=figures,
            )
            if as_json:
                echo(str(page), err=True)
        if not as_json:
            _end(comparison, results, out)
    apply_gates(
        gates,
        [
            (f"{p.group} against {p.baseline}", comparison_values(p, comparison), p.verdict)
            for p in comparison.pairs
        ],
    )


def _print(comparison: "Comparison") -> None:
    from landscape.compare.expectation import expected_of_comparison

    s = comparison.settings
    titles = {m.name: m.title for m in comparison.measures}
    for words in expected_of_comparison(comparison):
        print_words(words)
    another = "" if s.primary_declared else " Name another with --primary."
    print_words(
        f"Primary measure: {titles[s.primary]}, {s.primary!r}: {s.primary_reason}.{another}"
    )
    unlike = {m.title: m.mismatch for m in comparison.measures if m.mismatch}
    for pair in comparison.pairs:
        echo("")
        echo(f"{pair.group} against {pair.baseline}: {pair.verdict.upper()}.")
        print_words(f"{pair.reason}.", indent="  ")
        runs = "paired by seed" if pair.paired else "not paired"
        print_words(f"Runs {runs}, {pair.matched}.", indent="  ")
        columns = _columns(comparison, unlike, paired=pair.paired)
        print_table(Table(columns=columns, rows=pair.measures))
    for title, mismatch in unlike.items():
        print_words(f"* {title} was not measured alike: {mismatch}")
    if comparison.accuracy:
        link = next(
            (a for a in comparison.accuracy if a.measure == s.primary), comparison.accuracy[0]
        )
        echo("")
        print_words(
            f"Apart from the verdict, {titles[link.measure]} and test accuracy: {link.words}."
        )
    for note in comparison.notes:
        print_words(f"note: {note}")


def _end(comparison: "Comparison", results: "Sequence[Result]", out: Path | None) -> None:
    compared = {label for pair in comparison.pairs for label in (*pair.runs, *pair.baseline_runs)}
    split = comparison.settings.split
    shown = [r for r in results if r.subject.label in compared and r.subject.split == split]
    echo("")
    print_numbers(shown, comparison.settings.primary)
    echo("")
    print_verdicts(comparison)
    if out is not None:
        print_report_paths(out)


def _columns(
    comparison: "Comparison", unlike: Container[str], *, paired: bool
) -> list[Column["MeasureRow"]]:
    def title(row: "MeasureRow") -> str:
        title = comparison.measure(row.measure).title
        return title + (" *" if title in unlike else "")

    return [
        text_column("measure", title),
        text_column("verdict", lambda row: row.verdict),
        *effect_columns(comparison),
        text_column("n", lambda row: ", ".join(map(str, row.num_runs[: 1 if paired else 2]))),
    ]
