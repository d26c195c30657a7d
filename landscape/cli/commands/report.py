"""``landscape report``: the page again, from the results in its folder."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from landscape.cli.options import figures_option, width_option
from landscape.cli.plain import echo
from landscape.cli.stdout import Command
from landscape.files import SUMMARY

if TYPE_CHECKING:
    from landscape.page.section import Section

_MAX_TITLE = 1000  # characters of a title that is taken over from a report


@click.command(cls=Command)
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--title", help="The report's heading.  [default: as before, else the folder's name]")
@click.option("--baseline", help="Label of the checkpoint that others are shown relative to.")
@figures_option
@width_option("the files in figures/")
@click.option("--notebook", is_flag=True, help="Also write report.ipynb, with the figures.")
@click.option(
    "--tensorboard",
    type=click.Path(file_okay=False, path_type=Path),
    help="Also log numbers, curves and figures into this folder.",
)
def report(
    folder: Path,
    title: str | None,
    baseline: str | None,
    figures: tuple[str, ...],
    width: float | None,
    notebook: bool,
    tensorboard: Path | None,
) -> None:
    """Make the report of FOLDER again from FOLDER/results, without analysing anything.

    \b
    landscape report reports/demo --notebook
    """
    from landscape.files import alone_in
    from landscape.report import write_report
    from landscape.report.notebook import (
        load_comparison,
        load_results,
        load_study,
        write_notebook,
    )
    from landscape.report.sections.study import split_study
    from landscape.report.tensorboard import log_tensorboard
    from landscape.store.folder import ReportFolder

    with alone_in(folder):
        results = load_results(folder)
        if not results:
            raise ValueError(
                f"{folder} holds no results in {folder / 'results'}: make some with "
                f"'landscape analyze CHECKPOINT... -o {folder}'."
            )
        for path in ReportFolder(folder).damaged_records():
            echo(
                f"warning: {path} is damaged: the page does not need it, but analyze will not go "
                "on in this folder.",
                err=True,
            )
        before = _before(folder)
        title = title or before.get("title") or folder.resolve().name
        comparison, study = load_comparison(folder), load_study(folder)
        sections: list[Section] = []
        if study is not None:
            results, sections = split_study(study, results)
        known = {result.subject.label for result in results}
        baseline = baseline or next((b for b in [before.get("baseline")] if b in known), None)
        page = write_report(
            folder,
            results,
            title=title,
            baseline=baseline,
            comparison=comparison,
            further=sections,
            figures=figures,
            width=width,
        )
        echo(str(page))
        if notebook:
            echo(str(write_notebook(folder, results, title=title)))
        if tensorboard is not None:
            log_tensorboard(tensorboard, results, report=folder)
            echo(str(tensorboard))


def _before(folder: Path) -> dict[str, str | None]:
    """Title and baseline of the report that is there, if any; a damaged one is no obstacle."""
    try:
        found = json.loads((folder / SUMMARY).read_text(encoding="utf-8"))
        before = {key: found[key] for key in ("title", "baseline")}
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return {}
    return {
        key: text
        for key, text in before.items()
        if isinstance(text, str) and len(text) <= _MAX_TITLE
    }
