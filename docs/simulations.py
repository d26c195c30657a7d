"""Tables of the site made from what simulations left in ``benchmarks/results``."""

import json
import re
from pathlib import Path
from typing import Any

_TITLES = {"lambda_max": "λ_max", "trace": "trace", "rise": "expected rise, ρ = 0.1"}
_NETS = re.compile(r"benchmarks\.tried\.(spiking_)?nets:")
_RESULTS = Path(__file__).parents[1] / "benchmarks" / "results"


def stored(name: str) -> Any:
    """What the simulation of that name left."""
    return json.loads((_RESULTS / f"{name}.json").read_text(encoding="utf-8"))


def population() -> str:
    """How often intervals over examples held in simulations, and how long they were."""
    found = stored("population")
    sizes = sorted({row["num_examples"] for row in found["rows"]})
    cells: dict[tuple[str, str, str], dict[int, Any]] = {}
    for row in found["rows"]:
        of_sizes = cells.setdefault((row["network"], row["matrix"], row["number"]), {})
        of_sizes[row["num_examples"]] = row
    head = "| network | matrix | number | " + " | ".join(f"n = {n:,}" for n in sizes) + " |"
    rows = [
        f"| {' | '.join(names)} | " + " | ".join(_held(of[n]) for n in sizes) + " |"
        for names, of in cells.items()
    ]
    made = (
        f"*How many of {found['draws']} intervals held, from n examples each of {found['pool']:,} "
        "images, whose matrix is known: networks of 118 parameters, by Lanczos in float32; S by "
        "filters. In brackets: the median length over the value, and, after a stroke, over that of "
        "the same formula on dense float64 matrices. At least "
        f"{found['rows'][0]['least']:.1%} are to hold, two simulation errors below 95 %: "
        f"`{found['command']}`.*"
    )
    return "\n".join([head, "|---|---|---|" + "--:|" * len(sizes), *rows, "", made])


def _held(row: dict[str, Any]) -> str:
    to_dense = "" if row["ratio"] is None else f" / {row['ratio']:.2f}"
    return f"{row['coverage']:.1%} ({row['length']:.2f}{to_dense})"


def bands() -> str:
    """How often intervals of few probes held in simulations: the least over five spectra."""
    found = stored("bands")
    probes = sorted({row["num_probes"] for row in found["rows"]})
    held: dict[str, dict[int, list[float]]] = {}
    for row in found["rows"]:
        of_probes = held.setdefault(row["number"], {})
        of_probes.setdefault(row["num_probes"], []).append(row["coverage"])
        if row["spread"] is not None:
            by_spread = held.setdefault(f"{row['number']}, by 1.96 spreads over probes", {})
            by_spread.setdefault(row["num_probes"], []).append(row["spread"])
    head = "| 95 % interval of | " + " | ".join(f"{n} probes" for n in probes) + " |"
    rows = [
        f"| {number} | "
        + " | ".join(f"{min(of[n]):.1%} to {max(of[n]):.1%}" for n in probes)
        + " |"
        for number, of in held.items()
    ]
    short = sum(row["coverage"] < found["least"] for row in found["rows"])
    made = (
        f"*Lowest and highest over five spectra, each in {found['draws']} random bases: power law, "
        "outliers, low rank, flat, two-sided clusters. At least "
        f"{found['least']:.1%} are to hold, two simulation errors below 95 %, which {short} of "
        f"{len(found['rows'])} miss; chance alone lets 2 to 3 in 100 do so: `{found['command']}`.*"
    )
    return "\n".join([head, "|---|" + "--:|" * len(probes), *rows, "", made])


def verdicts() -> str:
    """How often verdicts of ``compare`` were false in simulations, and what they found."""
    found = stored("verdicts")
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


def retraining() -> str:
    """Scatter of rises over trainings with other rounding, against the errors printed."""
    found = stored("retraining")
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
    found = stored("worst_case")
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


def worth() -> str:
    """How each scale's measures scatter over seeds, and what they tell of the gap."""
    found = stored("worth")
    head = (
        "| networks | measure | scale | scatter over seeds | rank correlation with the gap, all "
        "runs | within recipes |"
    )
    rows = [
        f"| {row['family']} ({row['num_runs']}) | {_TITLES[row['measure'].split()[0]]} "
        f"| {row['scale']} "
        f"| {_within(row['scatter'], (row['scatter_low'], row['scatter_high']))} "
        f"| {_within(row['over_all'], row['over_all_interval'])} "
        f"| {_within(row['within'], row['within_interval'])} |"
        for row in found["rows"]
    ]
    made = (
        "*Scatter: standard deviation of the logarithm within recipes; – where a value was not "
        "positive. Gap: held-out loss less training loss; Spearman's correlation. 95 % intervals, "
        "seeds as clusters. Transformers: two encoder layers of width 16, 300 sequences with a "
        "tenth of wrong labels, 12 seeds at each of two learning rates. Spiking networks: two "
        "initialisations by two optimisers, 10 seeds each, which have no products of weights: "
        "there symmetry is weight. "
        f"{found['cpu_seconds'] // 60} minutes of one core: `{found['command']}`.*"
    )
    return "\n".join([head, "|---|---|---|--:|--:|--:|", *rows, "", made])


def live_cost() -> str:
    """What calls of a probe took of a training, by measures, examples and spacing."""
    found = stored("live")
    columns = list(
        dict.fromkeys((r["measures"], r["examples"], r["every"]) for r in found["shares"])
    )
    networks: dict[str, dict[tuple[int, int, int], Any]] = {}
    for row in found["shares"]:
        of = networks.setdefault(f"{row['network']} ({row['num_params']:,})", {})
        of[row["measures"], row["examples"], row["every"]] = row
    head = "| network (parameters) | " + " | ".join(
        f"{'λ_max alone' if measures == 1 else 'all four'}, {examples:,} examples, every {every:,}"
        for measures, examples, every in columns
    )
    rows = [
        f"| {name} | "
        + " | ".join(f"{of[c]['share']:.0%} ({of[c]['steps_a_call']:.0f})" for c in columns)
        + " |"
        for name, of in networks.items()
    ]
    made = (
        "*Share of the training's time that calls take without a limit; in brackets how many steps "
        f"one takes. Adam in batches of {found['batch']}, over {found['calls']} calls after the "
        f"first; shares of CPU time on one thread: `{found['command']}`.*"
    )
    return "\n".join([f"{head} |", "|---" + "|--:" * len(columns) + "|", *rows, "", made])


def live_products() -> str:
    """Hessian-vector products of a call for λ_max, and its error, by method."""
    found = stored("live")
    networks = list(dict.fromkeys(row["network"] for row in found["products"]))
    cells: dict[str, dict[str, Any]] = {}
    for row in found["products"]:
        cells.setdefault(row["method"], {})[row["network"]] = row
    rows = [
        f"| {method} | "
        + " | ".join(
            f"{of[n]['num_matvecs']:g} ({of[n]['error']:.2%}, {of[n]['worst_error']:.2%})"
            for n in networks
        )
        + " |"
        for method, of in cells.items()
    ]
    made = (
        "*Hessian-vector products for λ_max, each at the same steps of one training, every 50; "
        "in brackets the median and the largest error, against a run to a residual of 1e-5. "
        f"`{found['command']}`.*"
    )
    head = f"| method | {' | '.join(networks)} |"
    return "\n".join([head, "|---" + "|--:" * len(networks) + "|", *rows, "", made])


def _within(value: float | None, ends: list[float] | tuple[float, float] | None) -> str:
    """A number with its interval."""
    if value is None:
        return "–"
    return f"{value:.2f}" if ends is None else f"{value:.2f} ({ends[0]:.2f} to {ends[1]:.2f})"


def tried() -> str:
    """Networks of other libraries: how they were named, and how far λ_max is from a dense one's."""
    found = stored("tried")
    head = "| library | network | options | parameters | difference of λ_max, relative |"
    rows = []
    torches: dict[str, int] = {}
    for row in found["rows"]:
        versions = {name: text.partition("+")[0] for name, text in row["versions"].items()}
        torch = f"PyTorch {versions.pop('torch')}"
        torches[torch] = torches.get(torch, 0) + 1
        named = [f"{name} {version}" for name, version in versions.items()] or [torch]
        words = " ".join(_NETS.sub("NETS:", word) for word in row["words"][1:])
        told = f"| {', '.join(named)} | {row['network']} | {f'`{words}`' if words else ''} "
        if "refused" in row:
            message = row["refused"].partition(": ")[2].partition(":")[2].partition(":")[0].strip()
            rows.append(f"{told}| | refused: {message} |")
            continue
        rows.append(f"{told}| {row['num_params']:,} | {row['apart']:.0e} |")
    counts = ", ".join(f"{count} rows under {torch}" for torch, count in torches.items())
    made = (
        f"*{counts}, which torchvision and timm need. `{found['command']}`, in an environment for "
        "each set of libraries that fit together: it keeps the rows of what is not installed.*"
    )
    return "\n".join([head, "|---|---|---|--:|--:|", *rows, "", made])
