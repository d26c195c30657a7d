"""One bar over all parts: what it says where there is no terminal, and of the time that is left."""

import io
import re
import shutil

import pytest
from command_line import invoke

from landscape.analysis.budget import BUDGETS
from landscape.analysis.opening import open_target
from landscape.analysis.progress import Pace
from landscape.analysis.suite import passes_of
from landscape.analysis.suite_settings import SuiteSettings
from landscape.analysis.target_settings import TargetSettings
from landscape.cli.overall import Overall


class Seconds:
    """A clock that somebody turns."""

    now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Seconds()


def work(overall, clock):
    """Three parts of 1, 3 and 4 units, a minute a unit."""
    for name, weight, after in (("a: short", 1, 7), ("a: long", 3, 4), ("b: last", 4, 0)):
        with overall.part(name, weight, after=after) as report:
            for done in range(1, 5):
                clock.now += 60 * weight / 4
                report(done, 4)


def test_without_a_terminal_a_line_a_part_tells_what_is_done_and_left(clock, capsys):
    work(Overall(quiet=False, pace=Pace(least=0.02, clock=clock)), clock)
    assert capsys.readouterr().err.splitlines() == [
        "a: short; 0% done",
        "a: long; 12% done, 7 min left",
        "b: last; 50% done, 4 min left",
    ]


def test_quiet_says_nothing_and_one_part_alone_no_line(clock, capsys):
    work(Overall(quiet=True, pace=Pace(least=0.02, clock=clock)), clock)
    with Overall(quiet=False).part("net: trace", 1, after=0) as report:
        report(1, 2)
    assert capsys.readouterr().err == ""


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_in_a_terminal_one_bar_moves_over_all_parts(clock, monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr("sys.stderr", terminal := Terminal())
    work(Overall(quiet=False, pace=Pace(least=0.02, clock=clock)), clock)
    shown = terminal.getvalue()
    places = [shown.index(words) for words in ("a: short", "a: long", "b: last", "100 %")]
    assert places == sorted(places)


def test_more_than_was_expected_leaves_the_parts_in_order(clock, capsys):
    """A search that takes longer than it said; then a checkpoint that costs more than the first."""
    overall = Overall(quiet=False, pace=Pace(least=0.02, clock=clock))
    with overall.part("a", 1, after=1) as report:
        clock.now = 10
        report(9, 4)
    with overall.part("b", 3, after=0):
        pass
    assert capsys.readouterr().err.splitlines()[1] == "b; 25% done, 30 s left"


def test_parts_weigh_what_the_catalog_counts_and_nothing_is_timed(smooth_checkpoint, monkeypatch):
    path, arguments = smooth_checkpoint
    settings = TargetSettings(model=arguments[1], data=str(arguments[3]), loss="cross-entropy")
    target = open_target(path, settings, label="net")
    monkeypatch.setattr(target.risk, "evaluate", None)  # a pass would end in an error
    suite = SuiteSettings(budget=BUDGETS["quick"])
    side = suite.budget.plane_points
    assert passes_of("plane", target, suite) == side**2
    # So few examples are all taken; 80 draws of the certificate's are twice as long, on 8 of them.
    assert passes_of("preflight", target, suite) == (18 + 2 * 80 * 8 // 64) * 4 + 4
    assert passes_of("training", target, suite) == 1  # nothing, but a part has a weight


def test_networks_that_were_finished_before_are_nothing_that_is_left(smooth_checkpoint, tmp_path):
    path, arguments = smooth_checkpoint
    paths = [tmp_path / f"{name}.pth" for name in "abc"]
    for copy in paths:
        shutil.copy(path, copy)
    only = ["--budget", "quick", "--only", "training,layers", "-o", tmp_path / "report"]
    invoke("analyze", *paths[1:], *arguments, *only)
    told = invoke("analyze", *paths, *arguments, *only).stderr
    parts = [line for line in told.splitlines() if "% done" in line]
    alone = invoke("analyze", paths[0], *arguments, *only[:-1], tmp_path / "alone").stderr
    of_one = [line for line in alone.splitlines() if "% done" in line]
    assert [p[: p.index("%")] for p in parts] == [p[: p.index("%")] for p in of_one]
    assert int(re.search(r"(\d+)% done", parts[-1])[1]) > 50
