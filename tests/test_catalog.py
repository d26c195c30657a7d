"""What extensions.py alone knows is offered, explained, computed, compared, shown and stored."""

import importlib.util
import json
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from command_line import invoke
from compared_results import group
from extensions import ANALYSIS, MEASURE, OPERATOR, SCALE
from torch import nn

import landscape
from landscape.catalog import (
    ANALYSES,
    MEASURES,
    OPERATORS,
    SCALES,
    Registry,
    resolve,
)
from landscape.curvature.operators import operators_that_apply
from landscape.curvature.scaling import relative_scale
from landscape.results import make_measure, save_result


@contextmanager
def holding(registry, entry):
    """A block in which ``entry`` is there too."""
    registry.add(entry)
    try:
        yield
    finally:
        del registry._entries[entry.name]


@pytest.fixture
def toys():
    """The entries, while a test lasts."""
    with (
        holding(OPERATORS, OPERATOR),
        holding(SCALES, SCALE),
        holding(ANALYSES, ANALYSIS),
        holding(MEASURES, MEASURE),
    ):
        yield SimpleNamespace(operator=OPERATOR, measure=MEASURE)


@pytest.fixture
def run():
    return lambda *arguments, code=0: invoke(*arguments, code=code).output


@pytest.fixture
def checkpoint(tmp_path):
    torch.manual_seed(0)
    torch.save(nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2)).state_dict(),
               tmp_path / "net.pt")  # fmt: skip
    (tmp_path / "own.py").write_text(
        "import torch\nfrom torch import nn\n"
        "def make():\n"
        "    return nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2))\n"
        "def data():\n"
        "    rng = torch.Generator().manual_seed(0)\n"
        "    return torch.randn(30, 3, generator=rng), torch.arange(30) % 2\n"
    )
    own = tmp_path / "own.py"
    return [tmp_path / "net.pt", "--model", f"{own}:make", "--data", f"{own}:data",
            "--loss", "cross-entropy", "-q"]  # fmt: skip


@pytest.mark.parametrize("command", ["eigenvalues", "density", "trace", "check", "analyze"])
def test_help_and_refusals_name_it(toys, run, checkpoint, command):
    assert "hessian|ggn|fisher|smooth-hessian|twice" in run(command, "--help").replace("\n", "")
    told = run(command, *checkpoint, "-o", "nowhere", "--operator", "jacobian", code=2)
    assert "hessian, ggn, fisher, smooth-hessian, twice" in " ".join(told.split())


def test_commands_compute_it(toys, run, checkpoint):
    def trace(*options):
        return json.loads(run("trace", *checkpoint, "--json", "--max-matvecs", 60, *options))

    plain, double = trace(), trace("--operator", "twice")
    assert double["trace"]["mean"] == pytest.approx(2 * plain["trace"]["mean"], rel=1e-5)
    scaled = trace("--scale", "half")
    assert scaled["trace"]["mean"] == pytest.approx(plain["trace"]["mean"] / 4, rel=1e-5)
    assert "lower end" not in run("check", *checkpoint, "--operator", "twice")


def test_reports_title_and_explain_it(toys, run, checkpoint, tmp_path):
    out = tmp_path / "report"
    options = ["--budget", "quick", "--only", "spectrum,fidelity", "--operator", "twice"]
    shown = run("analyze", *checkpoint, *options, "-o", out, "--dry-run")
    assert "fidelity" in shown
    run("analyze", *checkpoint, *options, "-o", out)
    page = (out / "index.html").read_text()
    assert toys.operator.sentence in page
    assert toys.operator.title in page
    summary = (out / "summary.json").read_text()
    assert '"twice' in summary or "twice the Hessian" in summary


def test_an_analysis_is_offered_forecast_run_and_stored(toys, run, checkpoint, tmp_path):
    out = tmp_path / "report"
    assert "plane,training,probe,toy" in "".join(run("analyze", "--help").split())
    asked = ["analyze", *checkpoint, "--budget", "quick", "--only", "toy", "-o", out]
    (row,) = [line for line in run(*asked, "--dry-run").splitlines() if "net: toy" in line]
    assert row.split()[2:4] == ["7", "11"]
    run(*asked)
    stored = json.loads((out / "results" / "net" / "toy.json").read_text())
    assert stored["result"]["trace"]["mean"] == 42
    page = (out / "index.html").read_text()
    assert "42" in page
    assert page.index("The answer") < page.index("to everything") < page.index('id="method"')
    told = run(*asked, "--fail-if", "trace > 41", code=1)  # measured before; gates read it
    assert "trace = 42" in told
    summary = json.loads((out / "summary.json").read_text())
    assert "42.0" in json.dumps(summary)


def test_gates_know_a_measure_of_a_result(toys, run, checkpoint):
    told = run("trace", *checkpoint, "--max-matvecs", 12, "--fail-if", "thrice > trace", code=1)
    assert "thrice = " in told
    run("eigenvalues", *checkpoint, "--fail-if", "thrice > 1", code=2)


def test_a_measure_is_read_compared_stored_and_explained(toys, run, tmp_path, monkeypatch):
    groups = {name: group(name, [2.0, 2.1]) for name in ("kaiming", "ikun_v1")}
    for number, result in enumerate(r for results in groups.values() for r in results):
        save_result(result, tmp_path / "results" / result.subject.label / f"{number}.json")
    assert "thrice" in run("compare", "--help")
    options = ["--baseline", "kaiming", "--resamples", 400, "-o", tmp_path / "verdict"]
    told = json.loads(run("compare", tmp_path, *options, "--json").splitlines()[0])
    assert "thrice hessian" in {row["measure"] for row in told["pairs"][0]["measures"]}
    (compared,) = (m for m in told["measures"] if m["name"] == "thrice hessian")
    assert (compared["unit"], compared["larger_is"]) == ("loss/θ²", "sharper")
    page = (tmp_path / "verdict" / "index.html").read_text()
    assert "triple trace" in page
    assert toys.measure.formula in page
    summary = json.loads((tmp_path / "verdict" / "summary.json").read_text())
    stored = [m for c in summary["checkpoints"] for m in c["measures"] if m["name"] == "thrice"]
    assert {m["unit"] for m in stored} == {"loss/θ²", "loss"}
    assert (
        f"`thrice` | triple trace: {toys.measure.sentence} | 3 tr A"
        in hooks(monkeypatch).measures()
    )


def hooks(monkeypatch):
    """The site's own code, which finds its neighbours as mkdocs has it find them."""
    path = Path(__file__).parents[1] / "docs" / "hooks.py"
    monkeypatch.syspath_prepend(path.parent)
    spec = importlib.util.spec_from_file_location("hooks_of_the_site", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_measures_carry_its_scale(toys):
    row = make_measure("lambda_max", 1.0, 0.1, scale="half", operator="twice")
    assert row.invariant_under == ("relu",)
    risk = landscape.hessian(nn.Linear(3, 2), "mse", (torch.ones(4, 3), torch.ones(4, 2))).risk
    S = relative_scale("half", risk)
    assert float(S.entries.norm()) == pytest.approx(float(risk.theta.norm()))  # E‖S ε‖² = ‖θ‖²


def test_fidelity_tests_what_applies(toys):
    model, data = nn.Linear(3, 2), (torch.ones(4, 3), torch.ones(4, 2))
    risk = landscape.hessian(model, "mse", data).risk
    assert operators_that_apply(risk) == ("hessian", "ggn", "twice")


def test_names_are_taken_once_and_refused_in_words():
    registry = Registry("toy", SimpleNamespace(name="a"))
    with pytest.raises(ValueError, match="toy must be one of a; got 'b'"):
        registry["b"]
    with pytest.raises(ValueError, match=r"the toy 'a' is there already; choose"):
        registry.add(SimpleNamespace(name="a"))
    assert "b" not in registry


@pytest.mark.parametrize("kind", [*MEASURES.values(), *OPERATORS.values(), *SCALES.values()])
def test_every_entry_leads_to_its_function(kind):
    places = [
        getattr(kind, field, "")
        for field in ("build", "applies", "diagonal", "linear", "relative", "read", "rows")
    ]
    assert all(callable(resolve(place)) for place in places if place)
