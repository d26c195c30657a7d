"""``README.md`` of this folder, made of the stored results."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.record import RESULTS, read_results

README = Path(__file__).parent / "README.md"
_NOTES = Path(__file__).parent / "notes"  # what profiling says, one file a comparison

_HEAD = """# Benchmarks

```
python -m benchmarks
```

{machines}

Written by `python -m benchmarks table` from `results/{file}`; below each table stands the command
that made it, and the date.

How to read it. Seconds are CPU time of the process on one thread, which leaves out the waiting for
a processor on a machine that is shared. Products, steps and grid points are medians of rounds in
which the contenders take turns; a solver's full run is made once, the package's up to three times.
The ratio is a row's seconds over the package's on its own network. "SpikingJelly" is the same
network, with the same weights, built from SpikingJelly's layers; "landscape" is the package's, so
that rows on it compare solvers alone. The residual is the largest ‖H v - θ v‖ / ‖H‖ on the row's
own network; the error is the largest difference / ‖H‖ from eigenvalues of a run to a residual of
3e-6. Memory is the peak above what the process held before. An asterisk marks seconds that were
extrapolated: the matvecs of a full run elsewhere, on the other network or (PyHessian) on fewer
images, times the seconds of one measured here, in the same run.
"""


def write_readme(results: Path = RESULTS / "results.json", readme: Path = README) -> None:
    """Write the tables; measured lines that miss their target stay in them, marked.

    Raises
    ------
    ValueError
        If there are no results.
    """
    comparisons = list(read_results(results).values())
    if not comparisons:
        raise ValueError(f"{results} does not exist; make it with: python -m benchmarks")
    machines: list[Mapping[str, str]] = []
    for comparison in comparisons:
        if comparison["machine"] not in machines:
            machines.append(comparison["machine"])
    parts = [_HEAD.format(machines=_machines(machines), file=results.name)]
    parts += [_section(c, machines) for c in comparisons]
    readme.write_text("\n".join(parts), encoding="utf-8")


def _machines(machines: Sequence[Mapping[str, str]]) -> str:
    if len(machines) == 1:
        return f"Machine: {_machine(machines[0])}."
    lines = ["Machines, whose number stands below each table:", ""]
    return "\n".join(lines + [f"{i}. {_machine(m)}" for i, m in enumerate(machines, start=1)])


def _machine(machine: Mapping[str, str]) -> str:
    return ", ".join(
        [f"{machine['processor']}, {machine['cores']} cores"]
        + [f"{k} {v}" for k, v in machine.items() if k not in ("processor", "cores")]
    )


def _section(comparison: Mapping[str, Any], machines: Sequence[Mapping[str, str]]) -> str:
    lines = [f"## {comparison['title']}", "", f"{comparison['setting']}.", ""]
    lines += _table(comparison["rows"])
    where = f", machine {1 + machines.index(comparison['machine'])}" if len(machines) > 1 else ""
    made = f"Command: `{comparison['command']}`, {comparison['date']}{where}."
    lines += ["", *_extra(comparison["extra"]), made, ""]
    notes = _NOTES / f"{comparison['name']}.md"
    if notes.exists():
        lines += [notes.read_text(encoding="utf-8").strip(), ""]
    return "\n".join(lines)


def _table(rows: list[Mapping[str, Any]]) -> list[str]:
    columns: list[tuple[str, Callable[[Mapping[str, Any]], str]]] = [
        ("method", lambda r: r["method"]),
        ("network", lambda r: r["network"]),
        ("seconds", lambda r: _number(r["seconds"]) + ("*" if r["extrapolated"] else "")),
        ("ratio", lambda r: _number(r["ratio"], "x")),
        ("target", _target),
        ("matvecs", lambda r: "" if r["num_matvecs"] is None else f"{r['num_matvecs']:,}"),
        ("residual", lambda r: _small(r["max_residual"])),
        ("error", lambda r: _small(r["max_error"])),
        ("memory", lambda r: "" if r["peak_mb"] is None else f"{r['peak_mb']:.0f} MB"),
        ("remarks", lambda r: r["note"]),
    ]
    cells = [(name, [show(r) for r in rows]) for name, show in columns]
    cells = [(name, shown) for name, shown in cells if any(shown)]
    head = "| " + " | ".join(name for name, _ in cells) + " |"
    rule = "|" + "---|" * len(cells)
    body = ["| " + " | ".join(row) + " |" for row in zip(*(c for _, c in cells), strict=True)]
    return [head, rule, *body]


def _target(row: Mapping[str, Any]) -> str:
    if not row["target"]:
        return ""
    verdict = {True: "met", False: "**missed**", None: "not measured"}[row["meets_target"]]
    return f"{row['target']}: {verdict}"


def _extra(extra: Mapping[str, Any]) -> list[str]:
    lines = []
    if "figure" in extra:
        lines += [f"![Seconds of an HVP against size](results/{extra['figure']})", ""]
    shown = {k: v for k, v in _flat(extra).items() if isinstance(v, float)}
    if shown:
        pairs = (f"{k.replace('_', ' ')} {v:.3g}" for k, v in shown.items())
        lines += ["Also measured: " + "; ".join(pairs) + ".", ""]
    return lines


def _flat(extra: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in extra.items():
        if isinstance(value, Mapping):
            flat |= _flat(value, f"{prefix}{key} ")
        else:
            flat[prefix + key] = value
    return flat


def _number(value: float | None, unit: str = "") -> str:
    if value is None:
        return ""
    digits = 0 if value >= 100 else 1 if value >= 10 else 2 if value >= 1 else 4
    return f"{value:.{min(digits, 2) if unit else digits}f}{unit}"


def _small(value: float | None) -> str:
    return "" if value is None else f"{value:.1e}"
