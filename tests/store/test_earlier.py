"""A report's folder that an earlier version left: line finished, the spectrum half-finished."""

import zipfile
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import pytest

from landscape.analysis.budget import BUDGETS
from landscape.analysis.opening import open_target
from landscape.analysis.progress import quiet
from landscape.analysis.spectrum.entry import spectrum_settings
from landscape.analysis.spectrum.run import spectrum
from landscape.analysis.suite import run_analyses, suite_identity
from landscape.analysis.suite_settings import SuiteSettings
from landscape.analysis.target_settings import TargetSettings
from landscape.linalg.operator import SelfAdjointOperator
from landscape.results import load_result
from landscape.store.folder import ReportFolder
from landscape.store.points import PointStore

SETTINGS = TargetSettings(
    model="mlp?sizes=3-5-2&activation=tanh", loss="cross-entropy", examples="all"
)

QUICK = BUDGETS["quick"]
BUDGET = replace(  # what quick was in that version
    QUICK,
    num_largest=5,
    scaled=None,
    part=None,
    layer_probes=2,
    layer_steps=10,
    line_points=41,
    sharpness=replace(
        QUICK.sharpness,
        scales=("none", "filter", "weight"),
        radii=(0.01, 0.03),
        num_pairs=8,
        num_restarts=1,
        num_steps=5,
    ),
)


@pytest.fixture
def earlier(tmp_path):
    """The folder, its checkpoint, and the settings that it was made with."""
    with zipfile.ZipFile(Path(__file__).with_name("earlier.zip")) as file:
        file.extractall(tmp_path)
    settings = replace(SETTINGS, data=str(tmp_path / "xy.npz"))
    target = open_target(tmp_path / "net.safetensors", settings, label="net")
    folder = ReportFolder(tmp_path / "report")
    return folder, target, SuiteSettings(budget=BUDGET, folder=folder)


@pytest.fixture
def count(monkeypatch):
    """Counts products and points while it runs something."""
    done = []

    def counted(kind, name):
        whole = getattr(kind, name)

        def call(self, *args, **kwargs):
            done.append(name)
            return whole(self, *args, **kwargs)

        monkeypatch.setattr(kind, name, call)

    counted(SelfAdjointOperator, "__matmul__")
    counted(PointStore, "add")

    def run(what):
        done.clear()
        return what(), len(done)

    return run


def analyse(name, target, suite):
    """What is found now; nothing where an earlier run has found it."""
    finished = suite.folder.finished("net")
    finished.claim(suite_identity(target, suite))
    found = run_analyses(
        target, suite, [name], progress=lambda name: nullcontext(quiet), finished=finished
    )
    return dict(found)


def test_what_it_finished_is_not_measured_again(earlier, count):
    folder, target, suite = earlier
    before = folder.result("net", "line").read_bytes()
    found, cost = count(lambda: analyse("line", target, suite))
    assert (found, cost) == ({}, 0)
    assert folder.result("net", "line").read_bytes() == before


def test_its_search_goes_on(earlier, count):
    folder, target, suite = earlier
    assert folder.begun("net") == ["spectrum"]
    whole, cost = count(
        lambda: spectrum(target, settings=spectrum_settings(suite, "none"), progress=quiet)
    )
    found, rest = count(lambda: analyse("spectrum", target, suite))
    values = found["spectrum"]["eigenvalues"]
    assert rest <= cost - 10  # it was ended after more
    assert values.num_matvecs == whole.eigenvalues.num_matvecs
    assert values.largest[0].value == pytest.approx(whole.eigenvalues.largest[0].value, rel=1e-4)
    assert folder.begun("net") == []


def test_its_points_are_kept(earlier, count, tmp_path):
    """It was ended after the first of three lines."""
    folder, target, suite = earlier
    path = folder.result("net", "line")
    before, points = load_result(path), folder.unfinished("net", "line.points").read_bytes()
    elsewhere = replace(suite, folder=ReportFolder(tmp_path / "elsewhere"))
    _, whole = count(lambda: analyse("line", target, elsewhere))
    path.unlink()
    found, cost = count(lambda: analyse("line", target, suite))
    assert folder.unfinished("net", "line.points").read_bytes() == points
    assert cost == whole - 41
    assert found["line"]["line"].losses == pytest.approx(before.losses, rel=1e-6)


def test_other_settings_are_told(earlier):
    folder, target, suite = earlier
    other = replace(suite, weight_decay=0.5)
    with pytest.raises(ValueError, match=r"weight_decay was 0\.0, now 0\.5\. Write"):
        folder.finished("net").claim(suite_identity(target, other))
