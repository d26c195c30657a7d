"""What the site takes from the code when it is built, so that neither can fall behind the other.

A line ``<!-- made: NAME -->`` in a page is replaced by what the function of that name makes.
"""

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import click
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files
from simulations import (
    bands,
    live_cost,
    live_products,
    population,
    retraining,
    tried,
    verdicts,
    worst_case,
    worth,
)
from studied import OF_THE_STUDIES

from landscape.analysis.budget import BUDGETS, Budget
from landscape.catalog import MEASURES
from landscape.catalog.scales import BATCH_NORM, PRODUCTS, RELU, RELU_UNIT
from landscape.cli import cli
from landscape.results.look import MEANINGS

ROOT = Path(__file__).parents[1]
_MARK = re.compile(r"^<!-- made: ([\w.-]+) -->$", re.MULTILINE)


def on_files(files: Files, /, *, config: MkDocsConfig) -> Files:
    """Take along the figures that the page of benchmarks shows."""
    for name in re.findall(r"\]\((results/[^)]+\.(?:svg|png))\)", benchmarks()):
        figure = ROOT / "benchmarks" / name
        files.append(File.generated(config, name, abs_src_path=str(figure)))
    return files


def on_page_markdown(markdown: str, /, *, page: Any, **_: Any) -> str:
    """Fill in the marks of a page."""

    def made(match: re.Match[str]) -> str:
        name = match[1]
        if name.startswith("example-"):
            return example(name.removeprefix("example-"))
        if name not in _MAKERS:
            raise PluginError(f"{page.file.src_uri}: nothing makes {name!r}.")
        return _MAKERS[name]()

    return _MARK.sub(made, markdown)


def commands() -> str:
    """Every command with its text and options, as click knows them."""
    context = click.Context(cli, info_name="landscape")
    parts = []
    for name in cli.list_commands(context):
        command = cli.get_command(context, name)
        if command is None:
            raise PluginError(f"the command {name} cannot be imported.")
        inner = click.Context(command, info_name=name, parent=context)
        parts.append(f"## {name}\n\n{_text(command.help or '')}\n\n{_usage(command, inner)}")
        if isinstance(command, click.Group):
            for sub_name in command.list_commands(inner):
                sub = command.get_command(inner, sub_name)
                if sub is not None:
                    within = click.Context(sub, info_name=sub_name, parent=inner)
                    parts.append(
                        f"### {name} {sub_name}\n\n{_text(sub.help or '')}\n\n{_usage(sub, within)}"
                    )
    return "\n\n".join(parts)


def measures() -> str:
    """The table of sharpness measures, from their one home."""
    head = "| name | what it is | formula | unit | flatter is | error over | source |"
    rows = [
        f"| `{name}` | {kind.title}{'' if not kind.hard_forward else ' ¹'}: {kind.sentence} "
        f"| {_cell(kind.formula)} | {kind.unit_at('none')} | {kind.better} | {kind.error_over} "
        f"| {_cell(kind.source)} |"
        for name, kind in MEASURES.items()
    ]
    return "\n".join([head, "|---|---|---|---|---|---|---|", *rows])


def invariances() -> str:
    """Which rescalings leave which measure alone, by the scale S."""
    words = {
        BATCH_NORM: "filters before a batch norm",
        RELU: "layers between ReLUs",
        RELU_UNIT: "single units between ReLUs",
        PRODUCTS: "the factors of a product of weights",
    }
    own = [
        f"- `{name}`: {', '.join(words[w] for w in kind.invariant_under)}"
        for name, kind in MEASURES.items()
        if kind.invariant_under
    ]
    return "\n".join(own)


def look() -> str:
    """The keys of a look's row."""
    rows = [f"| `{name}` | {_cell(meaning)} |" for name, meaning in MEANINGS.items()]
    return "\n".join(["| key | what it is |", "|---|---|", *rows])


def budgets() -> str:
    """What each budget buys."""
    shown = {
        "num_largest": "largest eigenvalues",
        "num_smallest": "smallest eigenvalues",
        "tol": "residual, relative to the norm",
        "num_probes": "probes of the density",
        "num_steps": "Lanczos steps a probe",
        "max_matvecs": "matvecs of a spectrum, at most",
        "scaled.num_largest": "scaled spectrum: largest eigenvalues",
        "scaled.num_smallest": "scaled spectrum: smallest eigenvalues",
        "scaled.num_steps": "scaled spectrum: Lanczos steps a probe",
        "layer_probes": "probes of each layer's own (0: its trace from those of the whole)",
        "layers_max_matvecs": "matvecs of the table of layers, at most",
        "part": "examples of fidelity and surfaces, at least",
        "line_points": "points of a line",
        "num_directions": "random lines",
        "plane_points": "points a side of the plane",
        "sharpness.num_pairs": "antithetic pairs of noise",
        "robustness.num_pairs": "robustness, where it is asked for: such pairs",
    }
    rows = [
        f"| {words} | " + " | ".join(_of_budget(b, field) for b in BUDGETS.values()) + " |"
        for field, words in shown.items()
    ]
    return "\n".join([f"| | {' | '.join(BUDGETS)} |", "|---" * (1 + len(BUDGETS)) + "|", *rows])


def _of_budget(budget: Budget, field: str) -> str:
    """A number of a budget; the plain spectrum's for a scaled one that has none of its own."""
    owner, _, name = field.rpartition(".")
    value = getattr((getattr(budget, owner) if owner else None) or budget, name)
    return "all" if value is None else f"{value:g}"


def tests() -> str:
    """How many test functions each part has; parameters multiply most of them."""
    counts: dict[str, int] = {}
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        part = path.relative_to(ROOT / "tests").parts[0].removesuffix(".py")
        found = re.findall(r"^ *def test_", path.read_text(encoding="utf-8"), re.MULTILINE)
        counts[part] = counts.get(part, 0) + len(found)
    rows = [f"| `{part}` | {count} |" for part, count in counts.items()]
    rows.append(f"| all | {sum(counts.values())} |")
    return "\n".join(["| part | test functions |", "|---|---:|", *rows])


def benchmarks() -> str:
    """The published measurements, where this checkout holds them."""
    text = ROOT / "benchmarks" / "README.md"
    if not text.exists():
        return ""
    # The page has its own first heading.
    return re.sub(r"\A# .*\n", "", text.read_text(encoding="utf-8"))


def example(name: str) -> str:
    """A worked example as it stands in the folder of examples, under its file's name."""
    return _folded(ROOT / "examples" / f"{name}.py")


def extensions() -> str:
    """The file by which the tests extend the catalog."""
    return _folded(ROOT / "tests" / "helpers" / "extensions.py")


def _folded(path: Path) -> str:
    code = path.read_text(encoding="utf-8").rstrip()
    indented = "\n".join(f"    {line}".rstrip() for line in code.splitlines())
    return f'??? example "{path.relative_to(ROOT)}"\n    ```python\n{indented}\n    ```'


_MAKERS: Mapping[str, Callable[[], str]] = {
    "commands": commands,
    "measures": measures,
    "invariances": invariances,
    "population": population,
    "retraining": retraining,
    "tried": tried,
    "worst_case": worst_case,
    "worth": worth,
    "bands": bands,
    "verdicts": verdicts,
    "live_cost": live_cost,
    "live_products": live_products,
    "look": look,
    "extensions": extensions,
    "budgets": budgets,
    "tests": tests,
    "benchmarks": benchmarks,
    **OF_THE_STUDIES,
}


def _usage(command: click.Command, context: click.Context) -> str:
    usage = " ".join([context.command_path, *command.collect_usage_pieces(context)])
    rows = [
        record
        for parameter in command.get_params(context)
        if isinstance(parameter, click.Option)
        and (record := parameter.get_help_record(context)) is not None
    ]
    table = ["| option | what it does |", "|---|---|"]
    table += [f"| {_code(names)} | {_cell(text)} |" for names, text in rows]
    return "\n".join(["```text", usage, "```", "", *table])


def _text(help_text: str) -> str:
    """A command's help as Markdown; paragraphs that click is told to keep as they are: as code."""
    parts = []
    for part in re.split(r"\n\s*\n", re.sub(r"^[ \t]+", "", help_text.strip(), flags=re.MULTILINE)):
        if part.startswith("\b"):
            parts.append("```sh\n" + part.removeprefix("\b").strip() + "\n```")
        else:
            parts.append(_plain(part))
    return "\n\n".join(parts)


def _plain(text: str) -> str:
    return re.sub(r"([*_<>\[\]])", r"\\\1", text)


def _code(text: str) -> str:
    return f"<code>{_cell(text)}</code>"


def _cell(text: str) -> str:
    """``text`` as it is, in a cell of a table."""
    return "".join(f"&#{ord(c)};" if c in "|*_[]<>&`\\" else c for c in text)
