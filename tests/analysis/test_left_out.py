"""Networks that some analyses cannot be made of: those leave a note, and the others go on."""

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from torch import nn

import landscape
from landscape.analysis.budget import BUDGETS
from landscape.analysis.progress import quiet
from landscape.analysis.suite import run_analysis
from landscape.analysis.suite_settings import SuiteSettings
from landscape.analysis.surface import entry
from landscape.catalog import ANALYSES
from landscape.cli import cli
from landscape.results import DoesNotApply, LeftOut, load_result

ALL = [name for name in ANALYSES if name != "training"]


class Scale(nn.Module):
    """x times one number a feature, or one for all."""

    def __init__(self, *shape):
        super().__init__()
        self.factor = nn.Parameter(torch.full(shape, 1.5))

    def forward(self, x):
        return x * self.factor


class Temperature(nn.Module):
    """A layer, then one number; and a parameter without entries, as some libraries leave behind."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(3, 3)
        self.scale = Scale()
        self.nothing = nn.ParameterList([torch.zeros(0)])

    def forward(self, x):
        return self.scale(self.layer(x))


def filled(model, value=None):
    rng = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for p in model.parameters():
            p.copy_(torch.randn(p.shape, generator=rng) if value is None else value)
    return model


SURFACES = {"line", "plane"}
OF_WEIGHTS = {"scaled", *SURFACES, "sharpness", "fidelity", "robustness"}  # relative to them
NETWORKS = {
    "vector": (Scale(3), 3, SURFACES),
    "scalar": (Scale(), 3, SURFACES),
    "zeros": (
        filled(nn.Linear(3, 3), 0.0),
        3,
        OF_WEIGHTS,
    ),
    "two parameters": (filled(nn.Linear(1, 1)), 1, {"plane"}),
    "one parameter": (filled(nn.Linear(1, 1, bias=False)), 1, {"plane"}),
    "batch norm": (nn.BatchNorm1d(3), 3, SURFACES),
    "temperature": (filled(Temperature()), 3, set()),
    "prelu": (filled(nn.Sequential(nn.Linear(3, 2), nn.PReLU(), nn.Linear(2, 3))), 3, set()),
}


def data(width):
    rng = torch.Generator().manual_seed(1)
    return tuple(torch.randn(30, width, generator=rng) for _ in range(2))


@pytest.fixture(scope="module", params=NETWORKS)
def case(request):
    model, width, left_out = NETWORKS[request.param]
    found = landscape.analyze(model, "mse", data(width), budget="quick", only=ALL)
    return model, width, left_out, found


def test_only_what_cannot_be_made_is_left_out(case):
    _, _, left_out, found = case
    notes = {r.analysis: r for r in found.results.values() if isinstance(r, LeftOut)}
    assert set(notes) == left_out | {"surrogates"}  # none of these spikes
    assert {"eigenvalues", "trace", "density", "layers"} <= set(found.results)
    for name, note in notes.items():
        assert note.note.startswith(f"{name} left out: ")
        assert "--" not in note.note  # no advice that analyze has no option for
        assert note.note in repr(found)


def test_blocks_of_any_size_have_the_values_of_the_dense_hessian(case):
    """By probes of their own; from those of the whole, which is as small, the same traces."""
    model, width, _, quick = case
    x, y = data(width)
    network, named = model.eval(), dict(model.named_parameters())
    found = landscape.analyze(model, "mse", data(width), only=["layers"])
    for row, shared in zip(found.layers.rows, quick.layers.rows, strict=True):
        prefix = "" if row.name == "(top level)" else f"{row.name}."
        names = [n for n in named if n.startswith(prefix) and "." not in n[len(prefix) :]]
        names = [n for n in names if named[n].numel()]
        shapes = [named[n].shape for n in names]

        def loss(theta, names=names, shapes=shapes):
            parts = theta.split([s.numel() for s in shapes])
            values = {n: p.view(s) for n, p, s in zip(names, parts, shapes, strict=True)}
            return nn.functional.mse_loss(torch.func.functional_call(network, values, (x,)), y)

        theta = torch.cat([named[n].detach().flatten() for n in names])
        H = torch.autograd.functional.hessian(loss, theta).view(len(theta), len(theta))
        exact = torch.linalg.eigvalsh((H + H.T) / 2)
        atol = 1e-5 * max(1.0, float(exact.abs().max()))
        assert row.num_params == len(theta)
        assert row.largest.value == pytest.approx(float(exact[-1]), abs=atol)
        assert row.smallest.value == pytest.approx(float(exact[0]), abs=atol)
        assert row.trace.mean == pytest.approx(float(H.trace()), abs=len(theta) * atol)
        assert row.trace.stderr == shared.trace.stderr == 0
        assert shared.trace.mean == pytest.approx(float(H.trace()), abs=len(theta) * atol)


def test_a_parameter_without_entries_makes_no_row():
    found = landscape.analyze(
        NETWORKS["temperature"][0], "mse", data(3), budget="quick", only=["layers"]
    )
    assert [row.name for row in found.layers.rows] == ["layer", "scale"]


def test_the_note_is_in_the_report_and_in_the_folder(tmp_path):
    found = landscape.analyze(Scale(3), "mse", data(3), budget="quick", only=["line", "spectrum"])
    page = found.report(tmp_path)
    assert "line left out: a direction is 0" in page.read_text(encoding="utf-8")
    (stored,) = tmp_path.glob("results/*/left-out-line.json")
    assert load_result(stored).note == found.results["left-out-line"].note
    with pytest.raises(ValueError, match="line left out: a direction is 0"):
        _ = found.line


def test_other_errors_end_the_run(linear, monkeypatch):
    suite = SuiteSettings(
        budget=BUDGETS["quick"],
    )  # fmt: skip

    def fail(error):
        def run(target, settings, earlier, progress):
            raise error

        return run

    monkeypatch.setattr(entry, "run_line", fail(DoesNotApply("there is none.")))
    found = run_analysis("line", linear, suite, {}, quiet)
    assert found["left-out-line"].note == "line left out: there is none."
    monkeypatch.setattr(entry, "run_line", fail(ValueError("the loss overflows.")))
    with pytest.raises(ValueError, match="the loss overflows"):
        run_analysis("line", linear, suite, {}, quiet)


def test_analyze_and_surface_on_a_network_without_filters(tmp_path):
    (tmp_path / "net.py").write_text(
        "from torch import nn\n\ndef make():\n    return nn.BatchNorm1d(3)\n"
    )
    torch.save(nn.BatchNorm1d(3).state_dict(), tmp_path / "bn.pth")
    x, y = data(3)
    np.savez(tmp_path / "xy.npz", x=x.numpy(), y=y.numpy())
    fixed = [
        str(tmp_path / "bn.pth"), "--model", f"{tmp_path / 'net.py'}:make", "--loss", "mse",
        "--data", str(tmp_path / "xy.npz"), "--examples", "all", "-q",
    ]  # fmt: skip
    out = ["-o", str(tmp_path / "out"), "--budget", "quick", "--only", "spectrum,line,plane"]
    for _ in range(2):  # once more: what was left out is done, too
        result = CliRunner().invoke(cli, ["analyze", *fixed, *out])
        assert result.exit_code == 0, result.output
    page = (tmp_path / "out" / "index.html").read_text(encoding="utf-8")
    assert "plane left out" in page
    alone = CliRunner().invoke(cli, ["surface", *fixed])
    assert isinstance(alone.exception, ValueError)
    assert "Choose another --normalise" in str(alone.exception)
