"""A short run of the fuzzer; the long one is ``python tests/checkpoint/fuzz.py 100000``."""

import importlib.util
import os
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

spec = importlib.util.spec_from_file_location("fuzz", Path(__file__).with_name("fuzz.py"))
fuzz = importlib.util.module_from_spec(spec)
spec.loader.exec_module(fuzz)


@settings(max_examples=300, suppress_health_check=[HealthCheck.too_slow])
@given(fuzz.SEEDS.map(fuzz.make_input) | st.binary(max_size=64))
def test_any_bytes_are_read_or_refused(data):
    with tempfile.TemporaryDirectory() as folder:
        fuzz.read(data, Path(folder))


def test_the_watch_sees_what_it_watches_for(tmp_path):
    with fuzz.watched() as seen:
        (tmp_path / "x").write_text("x")
        os.system("true")
    assert len(seen) == 2


def test_a_payload_would_be_noticed(tmp_path):
    payload = fuzz._saved({"x": fuzz._Payload()})
    assert fuzz.read(payload, tmp_path) == "inspection read, loading refused"
    with pytest.raises(AssertionError):
        fuzz.read(payload, tmp_path.parent)
