"""``landscape demo``: the main job on shipped checkpoints and shipped data."""

from pathlib import Path

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

TITLE = "IKUN and Kaiming on Fashion-MNIST: a demonstration"
NUM_EXAMPLES = 250
SHIPPED = ("ikun_v1-adam-s0", "kaiming-adam-s0")


@click.command()
@out_option("Folder of the report.", default=Path("reports/demo"))
@figures_option
@force_option
@quiet_option
@click.pass_context
def demo(ctx: click.Context, out: Path, figures: tuple[str, ...], force: bool, quiet: bool) -> None:
    """Analyse an IKUN and a baseline checkpoint on real images; write a report.

    The same as `landscape analyze` of the two with --budget quick, on the images that come with
    the package, and `landscape compare` of what that found.
    """
    from landscape.cli.commands.analyze import run_suite
    from landscape.cli.commands.compare import compare
    from landscape.store.folder import ReportFolder

    run_suite(
        shipped_checkpoints(),
        out,
        settings=TargetSettings(
            data="fashion-mnist-embedded",
            examples=str(NUM_EXAMPLES),
            command=command_line(),
        ),
        suite=SuiteSettings(budget=BUDGETS["quick"], folder=ReportFolder(out)),
        names=BUDGETS["quick"].unasked,
        title=TITLE,
        baseline="kaiming-adam-s0",
        figures=figures,
        force=force,
        quiet=quiet,
    )
    ctx.invoke(compare, sources=(out,), out=out, baseline="kaiming", title=TITLE, figures=figures)


def shipped_checkpoints() -> list[Path]:
    """The two checkpoints: of the source tree, or of the installed package.

    Raises
    ------
    click.UsageError
        If neither has them.
    """
    package = Path(landscape.__file__).resolve().parent
    for folder in (package.parent / "checkpoints", package / "shipped"):
        paths = [folder / f"{name}.safetensors" for name in SHIPPED]
        if all(path.is_file() for path in paths):
            # Reports quote the path: within a clone, as one would type it.
            here = Path.cwd()
            return [p.relative_to(here) if p.is_relative_to(here) else p for p in paths]
    raise click.UsageError(
        f"the demonstration's checkpoints ({', '.join(SHIPPED)}) were not found; run it in a "
        "clone of the repository, or make them with landscape train."
    )
