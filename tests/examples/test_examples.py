"""Every worked example does what its docstring tells a user to type."""

import ast
import json
import runpy
import shlex
import shutil
import sys
from pathlib import Path

import pytest

from landscape.cli import cli
from landscape.results import Preflight, load_result

ROOT = Path(__file__).parents[2]
EXAMPLES = sorted((ROOT / "examples").glob("*.py"))
_SPIKING = {"snntorch_net", "event_frames", "sew_resnet", "lif_vgg"}
# Of those that ``landscape train`` trains: fewer images and passes over them, in larger steps.
_FEWER = ["--images", "1000", "--batch-size", "32", "--epochs", "3", "--lr", "0.01", "--quiet"]
_LIBRARIES = {
    "bert": "transformers",
    "language_model": "transformers",
    "lora": "peft",
    "sew_resnet": "torchvision",
}
_BATCHES = {"detection", "graph"}  # which say themselves how many examples they hold
# A tenth of the time of all analyses, and through every part of the network that could object:
# state, eval mode, batch norm, derivatives twice, many points.
_ONLY = "preflight,spectrum,line,training"


def _commands(example):
    """The commands in the docstring, as lists of words; a backslash continues a line."""
    text = ast.get_docstring(ast.parse(example.read_text(encoding="utf-8")))
    lines = text.partition("::\n")[2].replace("\\\n", " ").splitlines()
    return [shlex.split(line) for line in lines if line.strip()]


def test_the_examples_are_there():
    plain = {"detection", "graph", "resnet", "tabular", "transformer"}
    assert {e.stem for e in EXAMPLES} == _SPIKING | _LIBRARIES.keys() | plain


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda e: e.stem)
def test_an_example_is_short_and_without_tricks(example):
    """Under 40 lines, three options and an output; no network in another, nothing patched."""
    text = example.read_text(encoding="utf-8")
    assert len(text.splitlines()) < 40
    for words in _commands(example):
        assert len([word for word in words if word.startswith("--")]) <= 3
    nodes = list(ast.walk(ast.parse(text)))
    imports = [node for node in nodes if isinstance(node, ast.Import | ast.ImportFrom)]
    imported = {alias.asname or alias.name for node in imports for alias in node.names}
    written = [ast.unparse(n) for n in nodes if isinstance(getattr(n, "ctx", None), ast.Store)]
    assert [w for w in written if "." in w and w.partition(".")[0] in imported] == []
    assert "setattr(" not in text
    for made in (n for n in nodes if isinstance(n, ast.FunctionDef) and n.name == "__init__"):
        assert all("Module" not in ast.unparse(given) for given in made.args.args)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of what SpikingJelly imports
@pytest.mark.filterwarnings("ignore::FutureWarning")  # of what peft calls
@pytest.mark.parametrize("example", EXAMPLES, ids=lambda e: e.stem)
def test_an_example_runs_as_its_docstring_says(example, tmp_path, monkeypatch, capsys):
    if example.stem in _LIBRARIES:
        pytest.importorskip(_LIBRARIES[example.stem])
    shutil.copy(example, tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])  # the factory's folder goes on it
    (program, *training), (landscape, *arguments) = _commands(example)
    assert landscape == "landscape"

    if program == "landscape":
        cli.main([*training, *_FEWER], standalone_mode=False)
    else:
        assert (program, *training) == ("python", example.name)
        runpy.run_path(example.name, run_name="__main__")
    less = ["--budget", "quick", "--only", _ONLY]
    if example.stem not in _BATCHES:
        less += ["--examples", "50" if example.stem == "lif_vgg" else "200"]  # it is the largest
    cli.main([*arguments, *less], standalone_mode=False)

    report = tmp_path / "reports" / example.stem
    page = str(report.relative_to(tmp_path) / "index.html")
    assert capsys.readouterr().out.split()[-1] == page
    assert "Content-Security-Policy" in (report / "index.html").read_text(encoding="utf-8")
    assert json.loads((report / "summary.json").read_text(encoding="utf-8"))
    preflight = load_result(report / "results" / example.stem / "preflight.json")
    assert isinstance(preflight, Preflight)
    assert [c for c in preflight.checks if c.status == "fail"] == []
    assert preflight.subject.spiking is (example.stem in _SPIKING)
    if preflight.subject.accuracy is not None:  # ten classes by chance 0.1, two by majority 0.6
        assert preflight.subject.accuracy > (0.75 if example.stem == "transformer" else 0.3)


def test_the_edge_of_stability_is_drawn(tmp_path, capsys):
    script = runpy.run_path(str(ROOT / "examples" / "live" / "edge_of_stability.py"))
    script["main"](tmp_path / "edge.png", num_steps=60)
    assert "of its edge" in capsys.readouterr().out
    assert (tmp_path / "edge.png").stat().st_size > 1000
