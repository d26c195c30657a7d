"""A short run of the fuzzer; the long one is ``python tests/helpers/fuzz.py 100000``."""

import os
import tempfile
from pathlib import Path

import fuzz
import pytest
from fuzz_inputs import make_input
from hostile import Payload, saved
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st


@settings(max_examples=300, suppress_health_check=[HealthCheck.too_slow])
@given(fuzz.SEEDS.map(make_input) | st.binary(max_size=64))
def test_any_bytes_are_read_or_refused(data):
    with tempfile.TemporaryDirectory() as folder:
        fuzz.read(data, Path(folder))


def test_the_watch_sees_what_it_watches_for(tmp_path):
    with fuzz.watched() as seen:
        (tmp_path / "x").write_text("x")
        os.system("true")
    assert len(seen) == 2


def test_a_payload_would_be_noticed(tmp_path):
    payload = saved({"x": Payload(eval, "1")})
    assert fuzz.read(payload, tmp_path) == "inspection read, loading refused"
    with pytest.raises(AssertionError):
        fuzz.read(payload, tmp_path.parent)
