"""``landscape table``: what a paper takes over from reports, as LaTeX, Markdown or CSV."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import click

from landscape.cli.from_settings import settings_options
from landscape.cli.options import group_option
from landscape.cli.plain import echo
from landscape.cli.stdout import Command, stdout
from landscape.files import write_atomic
from landscape.paper.settings import PaperSettings

_ENDINGS = {".tex": "latex", ".md": "markdown", ".csv": "csv"}


@click.command(cls=Command)
@click.argument("reports", nargs=-1, required=True, type=click.Path(path_type=Path))
@settings_options(PaperSettings, "settings")
@group_option
@click.option(
    "--format",
    "form",
    type=click.Choice(list(_ENDINGS.values())),
    help="[default: by the ending of --out, else latex]",
)
@click.option(
    "--methods",
    is_flag=True,
    help="Instead of the table: how its numbers were made, as a paragraph in LaTeX and its "
    "references for BibTeX, which go into a .bib file beside --out.",
)
@click.option(
    "--out", "-o", type=click.Path(dir_okay=False, path_type=Path), help="File.  [default: stdout]"
)
def table(
    reports: tuple[Path, ...],
    settings: PaperSettings,
    groups: dict[str, list[str]] | None,
    form: str | None,
    methods: bool,
    out: Path | None,
) -> None:
    """Make a table for a paper from REPORTS: λ_max, trace, sharpness and accuracy.

    Groups are those of --group, else of the report's verdict, else made as compare makes them.

    \b
    landscape table reports/mine -o flatness.tex
    landscape table reports/mine --by checkpoint --measures 'lambda_max,trace' --format markdown
    landscape table reports/mine --methods -o methods.tex
    """
    from landscape.cli.compare_files import find_results
    from landscape.page.formats import to_csv, to_markdown
    from landscape.page.latex.table import to_latex
    from landscape.paper.bibliography import bibliography
    from landscape.paper.methods import methods_tex
    from landscape.paper.table import paper_table

    form = _format(form, out, methods=methods)
    results = [found.result for found in find_results(reports, None)]
    if methods:
        tex = methods_tex(results, settings.split)
        texts = {".tex": tex, ".bib": bibliography(tex)}
    else:
        write = {"latex": to_latex, "markdown": to_markdown, "csv": to_csv}[form]
        settings = replace(settings, groups=groups or _compared_groups(reports))
        texts = {"": write(paper_table(results, settings))}
    if out is None:
        click.echo("\n".join(texts.values()), file=stdout(), nl=False)
        return
    for suffix, text in texts.items():
        path = out.with_suffix(suffix) if suffix else out
        write_atomic(path, text)
        echo(str(path))


def _compared_groups(reports: Sequence[Path]) -> dict[str, list[str]] | None:
    """The groups of the verdict in a single report; None: there is none."""
    from landscape.compare.groups import groups_of
    from landscape.report.notebook import load_comparison

    comparison = load_comparison(reports[0]) if len(reports) == 1 else None
    return None if comparison is None else groups_of(comparison)


def _format(form: str | None, out: Path | None, *, methods: bool) -> str:
    """The format, by the file's ending where none was named.

    Raises
    ------
    click.UsageError
        If neither tells it, or methods are asked for in another than LaTeX.
    """
    if form is None and out is not None:
        form = _ENDINGS.get(out.suffix)
        if form is None:
            raise click.UsageError(
                f"--out must end in {', '.join(_ENDINGS)}, or --format must be given; got "
                f"{out.name!r}."
            )
    form = form or "latex"
    if methods and form != "latex":
        raise click.UsageError(f"--methods are LaTeX; got {form!r}. Write them to a .tex file.")
    return form
