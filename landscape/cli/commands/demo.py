"""``landscape demo``: the main job on shipped checkpoints and shipped data."""

import tarfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

import landscape
from landscape.analysis.budget import BUDGETS
from landscape.analysis.suite_settings import SuiteSettings
from landscape.analysis.target_settings import TargetSettings
from landscape.cli.options import (
    command_line,
    figures_option,
    force_option,
    out_option,
    quiet_option,
)
from landscape.cli.stdout import Command

if TYPE_CHECKING:
    from landscape.store.folder import ReportFolder

TITLE = "IKUN and Kaiming on Fashion-MNIST, eight seeds each: a demonstration"
NUM_EXAMPLES = 250
BASELINE = "kaiming"
# Those of studies/small.toml; the budget has the radius 0.3 in place of its 0.2.
MEASURES = ("frobenius_norm[filter]", "expected_rise[filter]*=0.3")
MEASURED = "measured.tar.xz"  # results of all but the first seed


@click.command(cls=Command)
@out_option("Folder of the report.", default=Path("reports/demo"))
@figures_option
@force_option
@quiet_option
@click.pass_context
def demo(ctx: click.Context, out: Path, figures: tuple[str, ...], force: bool, quiet: bool) -> None:
    """Analyse IKUN and baseline checkpoints on real images; write a report with a verdict.

    The same as `landscape analyze` of the sixteen with --budget quick, on the images that come with
    the package, and `landscape compare` of what that found. Two networks are measured here, in
    about a minute; the results of the others come with them, as one run would leave them.
    """
    from landscape.cli.commands.analyze import run_suite
    from landscape.cli.commands.compare import compare
    from landscape.store.folder import ReportFolder

    checkpoints = shipped_checkpoints()
    folder = ReportFolder(out)
    with folder.held():
        if force:
            folder.start_anew()
        before = unpack_measured(checkpoints[0].with_name(MEASURED), folder)
    if before and not quiet:
        click.echo(
            f"{len(before)} of {len(checkpoints)} networks were measured beforehand, by `landscape "
            f"analyze --budget quick --examples {NUM_EXAMPLES}`.",
            err=True,
        )
    run_suite(
        checkpoints,
        out,
        settings=TargetSettings(
            data="fashion-mnist-embedded",
            examples=str(NUM_EXAMPLES),
            command=command_line(),
        ),
        suite=SuiteSettings(budget=BUDGETS["quick"], folder=folder),
        names=BUDGETS["quick"].unasked,
        title=None,
        force=False,
        quiet=quiet,
    )
    ctx.invoke(
        compare,
        sources=(out,),
        out=out,
        baseline=BASELINE,
        primary=MEASURES[0],
        measures=MEASURES,
        title=TITLE,
        figures=figures,
    )


def shipped_checkpoints() -> list[Path]:
    """Those of the demonstration: of the source tree, or of the installed package.

    Raises
    ------
    click.UsageError
        If neither has them.
    """
    package = Path(landscape.__file__).resolve().parent
    for folder in (package.parent / "checkpoints" / "demo", package / "shipped"):
        if paths := sorted(folder.glob("*.safetensors")):
            # Reports quote the path: within a clone, as one would type it.
            here = Path.cwd()
            return [p.relative_to(here) if p.is_relative_to(here) else p for p in paths]
    raise click.UsageError(
        "the demonstration's checkpoints (checkpoints/demo) were not found; run it in a clone of "
        "the repository, or analyse your own: landscape analyze FILE."
    )


def unpack_measured(archive: Path, folder: "ReportFolder") -> Sequence[str]:
    """Put the shipped results of networks into ``folder`` that it has none of; return their labels.

    What is put there counts as finished only where it belongs to the same weights, images,
    settings and code, as anything in the folder does.
    """
    with tarfile.open(archive) as found:
        members = [member for member in found.getmembers() if member.isfile()]
        labels = sorted({Path(member.name).parent.name for member in members})
        lacking = {label for label in labels if not folder.finished(label).record.exists()}
        of_lacking = [member for member in members if Path(member.name).parent.name in lacking]
        found.extractall(folder.root, of_lacking, filter="data")
    return labels
