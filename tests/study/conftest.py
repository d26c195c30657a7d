import copy
from pathlib import Path

import pytest

from landscape.study import outcome
from landscape.study.plan_file import plan_from_table
from landscape.study.queue import run_study
from landscape.study.settings import Machine, QueueSettings

TABLE = {
    "title": "tiny",
    "seeds": 2,
    "training": {
        "data": "fashion-mnist-embedded",
        "channels": 1,
        "num_time_steps": 1,
        "images": 64,
        "epochs": 1,
        "batch_size": 32,
    },
    "grid": {"init": ["ikun_v1", "kaiming"], "optimizer": ["adam"]},
    "analysis": {
        "only": ["scaled", "sharpness"],
        "examples": 64,
        "measures": ["expected_rise"],
        "scales": ["filter"],
        "radii": [0.1],
        "num_pairs": 4,
        "num_largest": 1,
        "num_smallest": 1,
        "num_probes": 2,
        "num_steps": 5,
    },
    "comparison": {"contrasts": [["ikun_v1-{optimizer}", "kaiming-{optimizer}"]]},
}


@pytest.fixture
def table():
    """A plan of two initialisations and two seeds, of networks with one channel."""
    return copy.deepcopy(TABLE)


@pytest.fixture
def plan(table):
    return plan_from_table(table, default_title="tiny")


@pytest.fixture
def machine():
    return Machine(device="cpu", data_dir=None, num_threads=1, command="landscape study")


@pytest.fixture
def work(machine):
    """``run_study`` in this process; returns the outcome and the events it told."""

    def run(plan, out: Path, **settings):
        events = []
        outcome = run_study(
            plan, out, machine=machine, settings=QueueSettings(**settings), notify=events.append
        )
        return outcome, events

    return run


def _write_nothing(folder, results, **settings):
    assert results
    page = folder / "index.html"
    page.write_text("")
    return page


@pytest.fixture
def without_page(monkeypatch):
    """Judge, but draw nothing: most tests are not about the page."""
    monkeypatch.setattr(outcome, "write_report", _write_nothing)


@pytest.fixture(scope="session")
def whole(tmp_path_factory):
    """The tiny study, run in one go, without its page."""
    out = tmp_path_factory.mktemp("whole")
    machine = Machine(device="cpu", data_dir=None, num_threads=1, command="landscape study")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(outcome, "write_report", _write_nothing)
        plan = plan_from_table(copy.deepcopy(TABLE), default_title="tiny")
        run_study(plan, out, machine=machine, settings=QueueSettings(), notify=lambda event: None)
    return out


@pytest.fixture
def numbers():
    """All values that a study's results hold, by file; provenance aside."""

    def read(out: Path):
        from landscape.results import SharpnessTable
        from landscape.study.folder import StudyFolder

        folder = StudyFolder(out)
        labels = sorted(path.name for path in (out / "results").iterdir())
        return {
            (label, row.label): row.value
            for label in labels
            for result in folder.finished(label).results().values()
            if isinstance(result, SharpnessTable)
            for row in result.rows
        }

    return read
