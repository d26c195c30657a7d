"""What the site takes from the code when it is built, so that neither can fall behind the other.

A line ``<!-- made: NAME -->`` in a page is replaced by what the function of that name makes.
"""

import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import click
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files

from landscape.analysis.budget import BUDGETS, Budget
from landscape.catalog import MEASURES
from landscape.catalog.scales import BATCH_NORM, RELU, RELU_UNIT
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


def population() -> str:
    """How often intervals over examples held in simulations, and how long they were."""
    found = json.loads((ROOT / "benchmarks" / "results" / "population.json").read_text())
    head = "| network | examples | number | held | median length / value | to dense matrices |"
    rows = [
        f"| {row['network']} | {row['num_examples']:,} | {row['number']} | {row['coverage']:.1%} "
        f"| {row['length']:.2f} | {'–' if row['ratio'] is None else format(row['ratio'], '.2f')} |"
        for row in found["rows"]
    ]
    made = (
        f"*{found['draws']} samples of each size from {found['pool']:,} images, whose Hessian is "
        "known: networks of 118 parameters, by Lanczos in float32, beside the same formula on "
        f"dense float64 matrices. At least {found['rows'][0]['least']:.1%} are to hold, two "
        f"simulation errors below 95 %. {found['cpu_seconds'] // 60} minutes of one core: "
        f"`{found['command']}`; by default it draws 400.*"
    )
    return "\n".join([head, "|---|--:|---|--:|--:|--:|", *rows, "", made])


def verdicts() -> str:
    """How often verdicts of ``compare`` were false in simulations, and what they found."""
    found = json.loads((ROOT / "benchmarks" / "results" / "verdicts.json").read_text())
    head = (
        '| runs | law | false "differs" | held | false "equivalent" | finds 1.25 | a t test does '
        "| A and A equivalent |"
    )
    shares = ("false_difference", "held", "false_equivalent", "found", "found_by_t", "equivalent")
    rows = []
    for row in found["rows"]:
        n, m = row["num_runs"]
        runs = f"{n} pairs" if row["design"] == "pairs" else f"{n} and {m}"
        rows.append(f"| {runs} | {row['law']} | {' | '.join(f'{row[s]:.1%}' for s in shares)} |")
    made = (
        f"*{found['draws']:,} simulated comparisons a row at alpha = 0.05, of one measure: 5 % ± "
        f"{100 * (0.05 * 0.95 / found['draws']) ** 0.5:.1f}. Logarithms of runs, or for "
        '"held" and false "equivalent" of pairs their log ratios, follow the law; '
        f"a normal log ratio has a standard deviation of {found['scatter']:g}. "
        f"{found['cpu_seconds'] // 60} minutes of one core: `{found['command']}`.*"
    )
    return "\n".join([head, "|---|---|--:|--:|--:|--:|--:|--:|", *rows, "", made])


def invariances() -> str:
    """Which rescalings leave which measure alone, by the scale S."""
    words = {
        BATCH_NORM: "filters before a batch norm",
        RELU: "layers between ReLUs",
        RELU_UNIT: "single units between ReLUs",
    }
    own = [
        f"- `{name}`: {', '.join(words[w] for w in kind.invariant_under)}"
        for name, kind in MEASURES.items()
        if kind.invariant_under
    ]
    return "\n".join(own)


def retraining() -> str:
    """Scatter of rises over trainings with other rounding, against the errors printed."""
    found = json.loads((ROOT / "benchmarks" / "results" / "retraining.json").read_text())
    head = (
        "| recipe | number | mean | scatter | printed ± | scatter / ± | differences that hold 0 |"
    )
    rows = [
        f"| {row['recipe']} | {row['number']} | {row['mean']:.2g} | {row['scatter']:.2g} "
        f"| {row['error']:.2g} | {row['scatter'] / row['error']:.2f} | {row['coverage']:.0%} |"
        for row in found["rows"]
    ]
    made = (
        "*Filter scale; scatter is the standard deviation over trainings. By chance it exceeds the "
        f"printed ± by a factor of {found['rows'][0]['most']:.2f} once in 40 times where that is "
        "right. Noise is common to all, so that at large radii, where they see the same valley, "
        "they agree better than the ± of each says. *Over L(θ)*: what subtracting the loss itself "
        f"gives. `{found['command']}`, {found['cpu_seconds'] // 60} minutes of one core.*"
    )
    return "\n".join([head, "|---|---|--:|--:|--:|--:|--:|", *rows, "", made])


def worst_case() -> str:
    """By how much the searches of the budgets stay below a strong one."""
    found = json.loads((ROOT / "benchmarks" / "results" / "worst_case.json").read_text())
    budgets = list(found["rows"][0]["below"])
    head = f"| network | {' | '.join(budgets)} |"
    rows = []
    for network in dict.fromkeys(row["network"] for row in found["rows"]):
        below = [row["below"] for row in found["rows"] if row["network"] == network]
        shares = [sorted(of_one[budget] for of_one in below) for budget in budgets]
        told = " | ".join(f"{all_of[0]:.0%} to {all_of[-1]:.0%}" for all_of in shares)
        rows.append(f"| {network} | {told} |")
    made = (
        "*Below the best rise known, of networks of about 200 parameters at scales none and filter "
        f"and two radii: `{found['command']}`.*"
    )
    return "\n".join([head, "|---" + "|--:" * len(budgets) + "|", *rows, "", made])


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
<<<<<<< HEAD
    "retraining": retraining,
    "worst_case": worst_case,
=======
    "verdicts": verdicts,
>>>>>>> main
    "look": look,
    "extensions": extensions,
    "budgets": budgets,
    "tests": tests,
    "benchmarks": benchmarks,
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
