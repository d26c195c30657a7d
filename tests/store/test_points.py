"""The file of points: what it keeps, what it refuses, what a kill can cost."""

import math
import os
import signal
import subprocess
import sys
import textwrap

import pytest
from hypothesis import given
from hypothesis import strategies as st

from landscape.files import OutputError
from landscape.store.points import PointStore, StoreError, merge_points, read_points

CONFIGURATION = {"seed": 0, "checkpoint": "abc"}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "line.points"


def _fill(path, values):
    with PointStore(path, CONFIGURATION) as store:
        for x, loss in values.items():
            store.add((x,), {"loss": loss})


floats = st.floats(allow_nan=True, allow_infinity=True)


@given(points=st.dictionaries(st.tuples(st.floats(-9, 9), st.floats(-9, 9)), floats))
def test_every_float_comes_back_bit_for_bit_nan_and_infinity_too(tmp_path_factory, points):
    path = tmp_path_factory.mktemp("store") / "plane.points"
    with PointStore(path, CONFIGURATION) as store:
        for at, loss in points.items():
            store.add(at, {"loss": loss, "accuracy": 0.5})
    back = read_points(path, CONFIGURATION)
    assert back.keys() == points.keys()
    for at, loss in points.items():
        assert back[at]["accuracy"] == 0.5
        assert math.isnan(back[at]["loss"]) if math.isnan(loss) else back[at]["loss"] == loss


def test_a_torn_last_line_is_dropped_and_its_point_can_be_measured_again(path):
    _fill(path, {0.0: 1.0, 1.0: 2.0})
    whole = path.read_bytes()
    path.write_bytes(whole[:-5])
    with PointStore(path, CONFIGURATION) as store:
        assert (0.0,) in store
        assert (1.0,) not in store
        store.add((1.0,), {"loss": 2.0})
    assert path.read_bytes() == whole


@pytest.mark.parametrize("cut", range(0, 120, 7))
def test_wherever_the_file_is_cut_it_can_be_continued(path, cut):
    values = {0.0: 1.0, 1.0: 2.0}
    _fill(path, values)
    whole = path.read_bytes()
    path.write_bytes(whole[:cut])
    _fill(path, values)
    assert read_points(path, CONFIGURATION) == {(x,): {"loss": v} for x, v in values.items()}


def test_one_changed_byte_is_noticed_and_the_line_named(path):
    _fill(path, {0.0: 1.5, 1.0: 2.5})
    path.write_bytes(path.read_bytes().replace(b"1.5", b"1.6"))
    with pytest.raises(StoreError, match="line 2 is damaged"):
        read_points(path, CONFIGURATION)


def test_another_configuration_is_refused_with_the_difference(path):
    _fill(path, {0.0: 1.0})
    with (
        pytest.raises(StoreError, match="seed was 0, now 7") as error,
        PointStore(path, CONFIGURATION | {"seed": 7}),
    ):
        pass
    assert "checkpoint" not in str(error.value)
    assert "--force" in str(error.value)


def test_two_writers_at_once_are_refused(path):
    with (
        PointStore(path, CONFIGURATION),
        pytest.raises(OutputError, match="in use"),
        PointStore(path, CONFIGURATION),
    ):
        pass


def test_merged_shards_are_the_whole(tmp_path, path):
    _fill(tmp_path / "1.points", {0.0: 1.0, 2.0: math.nan})
    _fill(tmp_path / "2.points", {1.0: 5.0, 2.0: math.nan})
    with PointStore(path, CONFIGURATION) as store:
        merge_points(store, [tmp_path / "1.points", tmp_path / "2.points"])
    back = read_points(path, CONFIGURATION)
    assert {x: v["loss"] for (x,), v in back.items() if x < 2} == {0.0: 1.0, 1.0: 5.0}
    assert math.isnan(back[(2.0,)]["loss"])


def test_shards_that_disagree_are_refused(tmp_path):
    _fill(tmp_path / "1.points", {0.0: 1.0})
    _fill(tmp_path / "2.points", {0.0: 1.1})
    with PointStore(None, CONFIGURATION) as store, pytest.raises(StoreError, match="another file"):
        merge_points(store, [tmp_path / "1.points", tmp_path / "2.points"])


def test_kill_9_loses_at_most_the_point_in_flight(path):
    # The child says after each point that it is stored, and is killed while the next is measured.
    program = textwrap.dedent(
        f"""
        import time
        from pathlib import Path
        from landscape.store.points import PointStore
        with PointStore(Path({str(path)!r}), {CONFIGURATION!r}) as store:
            for k in range(10**9):
                store.add((float(k),), {{"loss": k / 7}})
                print(k, flush=True)
                time.sleep(0.001)
        """
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        for _ in range(20):
            announced = int(child.stdout.readline())
        os.kill(child.pid, signal.SIGKILL)
        rest = child.stdout.read().split()
    announced = int(rest[-1]) if rest else announced
    _fill(path, {})  # the lock died with its holder
    points = read_points(path, CONFIGURATION)
    assert len(points) in (announced + 1, announced + 2)
    assert all(points[(float(k),)] == {"loss": k / 7} for k in range(announced + 1))
