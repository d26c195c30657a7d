"""Any number of processes gives the numbers of one."""

import contextlib
import io
import json
import sys
from dataclasses import replace

import pytest

import landscape.report
from landscape.analysis.budget import BUDGETS
from landscape.cli import main
from landscape.distributed import rank
from landscape.results import load_result

pytestmark = pytest.mark.dist

EIGENVALUES = ["--top", "4", "--bottom", "3", "--tol", "1e-9", "--shards", "3"]
ANALYSES = {
    "eigenvalues": EIGENVALUES,
    "density": ["--probes", "3", "--steps", "8", "--top", "2"],
    "density --low-memory": ["--probes", "2", "--steps", "6"],
    "trace": ["--max-matvecs", "12", "--method", "xtrace", "--share", "examples"],
    "sharpness": [
        *("--num-pairs", "2", "--num-restarts", "1", "--num-steps", "2", "--scales", "none"),
        *("--radii", "0.03", "--ball-radii", "0.03", "--accuracy-drop", "0.3"),
    ],
    "fidelity": ["--num-pairs", "2", "--radii", "0.01,0.1"],
}
# Relative. Measured curvatures are differences of losses over r²: r = 0.01 costs them 1e4.
TOLERANCE = {"fidelity": 1e-6, "sharpness": 1e-6}
# What is about the run, or is itself rounding.
_ABOUT = {
    "provenance",
    "command",
    "seconds",
    "num_processes",
    "residual",
    "bandwidth",
    "orthogonality_loss",
}


def commands(checkpoint, names, *options):
    """Run the command line in this process: exit code, stdout and stderr of each."""
    found = {}
    for name in names:
        out, err = io.StringIO(), io.StringIO()
        options_of = [*ANALYSES[name], *map(str, options), "--json"]
        sys.argv = ["cli.py", *name.split(), *checkpoint, *options_of]
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            try:
                main()
                code = 0
            except SystemExit as stop:
                code = stop.code
        found[name] = (code, out.getvalue(), err.getvalue())
    return found


def numbers(record, path=""):
    """All numbers of a record by their path, but those about the run."""
    if isinstance(record, dict):
        for key, value in record.items():
            if key not in _ABOUT:
                yield from numbers(value, f"{path}.{key}")
    elif isinstance(record, list):
        for index, value in enumerate(record):
            yield from numbers(value, f"{path}[{index}]")
    elif isinstance(record, int | float):
        yield path, float(record)


@pytest.mark.parametrize(
    ("n", "names", "options", "tolerance"),
    [
        (2, list(ANALYSES), ["--examples", "all", "--dtype", "float64"], 1e-10),
        (4, ["eigenvalues"], ["--examples", "all", "--dtype", "float64"], 1e-10),
        # To a residual of 1e-9 rounding alone would decide after how many steps the search ends.
        (2, ["eigenvalues"], ["--examples", "all", "--tol", "1e-4"], 1e-5),
        # One of four processes has no example, and none has the batch of 5 that was asked for.
        (4, ["eigenvalues", "sharpness"], ["--examples", "0:3", "--dtype", "float64"], 1e-10),
    ],
    ids=["2 processes", "4 processes", "2 in float32", "one without examples"],
)
def test_several_processes_give_the_numbers_of_one(
    together, checkpoint, n, names, options, tolerance
):
    """Shards are ragged: 37 examples in batches of 5."""
    alone = commands(checkpoint, names, *options)
    first, *others = together(n, commands, checkpoint, names, *options)
    for name, (code, out, err) in first.items():
        assert code == 0, (name, err)
        want, got = (dict(numbers(json.loads(text))) for text in (alone[name][1], out))
        assert want.keys() == got.keys()
        limit = max(tolerance, TOLERANCE.get(name, 0))
        for path, value in want.items():
            assert abs(got[path] - value) <= limit * _scale(path, want), (name, path)
    for other in others:
        assert all(result == (0, "", "") for result in other.values())


def _scale(path, values):
    """The largest number beside this one: its rounding is relative to that."""
    stem = path.partition("[")[0]
    return max(abs(v) for p, v in values.items() if p.startswith(stem))


def _analyze(checkpoint, out):
    """Run ``analyze`` in this process; its exit code."""
    sys.argv = ["cli.py", "analyze", *checkpoint, "--examples", "all", "--dtype", "float64"]
    sys.argv += ["--budget", "quick", "--quiet", "-o", str(out)]
    try:
        main()
        return 0
    except SystemExit as stop:
        return stop.code


def test_analyze_gives_the_numbers_of_one_process(together, checkpoint, tmp_path, monkeypatch):
    tiny = replace(
        BUDGETS["quick"],
        num_largest=2, num_smallest=1, tol=1e-9, num_probes=2, num_steps=6, layer_steps=4,
        line_points=3, plane_points=3, num_directions=1,
        sharpness=replace(BUDGETS["quick"].sharpness, radii=(0.03,), num_pairs=2, num_steps=2),
    )  # fmt: skip
    monkeypatch.setitem(BUDGETS, "quick", tiny)

    def page(folder, results, **about):  # what figures cost is not to be paid here
        with (folder / "pages").open("a") as file:
            file.write(f"by process {rank()}")
        return folder / "pages"

    monkeypatch.setattr(landscape.report, "write_report", page)
    assert _analyze(checkpoint, tmp_path / "one") == 0
    assert together(2, _analyze, checkpoint, tmp_path / "two", alone=True) == [0, 0]
    assert (tmp_path / "two" / "pages").read_text() == "by process 0"
    assert not list((tmp_path / "two" / "unfinished").rglob("*.state"))
    one, two = (
        {path.stem: load_result(path) for path in (tmp_path / name).glob("results/net/*.json")
         if path.stem not in ("settings", "preflight")}  # its numbers are rounding itself
        for name in ("one", "two")
    )  # fmt: skip
    assert one.keys() == two.keys() >= {"eigenvalues-filter", "layers", "line", "plane", "fidelity"}
    for name, result in one.items():
        want, got = (dict(numbers(r.record())) for r in (result, two[name]))
        assert want.keys() == got.keys()
        limit = TOLERANCE.get(name, 1e-9)
        for path, value in want.items():
            assert abs(got[path] - value) <= limit * _scale(path, want), (name, path)
