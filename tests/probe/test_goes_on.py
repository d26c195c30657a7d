"""After its first call a probe ends no training, whatever fails: memory, a file, a refusal."""

import copy
import errno
import json
import os
import shutil
from contextlib import nullcontext
from pathlib import Path

import pytest
import torch

import landscape
from landscape.files import OutputError
from landscape.probe import lines as writing
from landscape.probe import measure
from landscape.probe.lines import Lines
from landscape.results.probe import MEASURES


def steps_in(path):
    return [json.loads(line)["step"] for line in path.read_text().splitlines()]


def test_a_call_that_fails_as_a_whole_leaves_its_reason(descent):
    probe = landscape.Probe("mse", descent.data, every=1, budget=1, path=None)
    other = torch.optim.SGD(copy.deepcopy(descent.model).parameters(), lr=0.1)
    probe(descent.model, 0)
    for step, (call, where, words) in enumerate(
        (
            ((copy.deepcopy(descent.model),), nullcontext(), "a probe follows one network"),
            ((descent.model,), torch.inference_mode(), "inference_mode is on"),
            ((descent.model, other), nullcontext(), "steps none of the network's parameters"),
        ),
        start=1,
    ):
        with where:
            values = probe(call[0], step, *call[1:])
        assert values.absent.keys() == {*MEASURES, "edge"}
        assert all(words in reason for reason in values.absent.values())
        assert values.record()["loss"] is None
    assert probe(descent.model, 4).lambda_max is not None
    assert list(probe.curves().steps) == [0, 1, 2, 3, 4]


def test_a_measure_without_memory_is_absent_but_for_the_first_call(descent, monkeypatch):
    def full(*arguments, **options):
        raise torch.OutOfMemoryError("CUDA out of memory.\nMore of it.")

    probes = [landscape.Probe("mse", descent.data, every=1, budget=1, path=None) for _ in range(2)]
    probes[0](descent.model, 0)
    monkeypatch.setattr(measure, "deflated_trace", full)
    values = probes[0](descent.model, 1)
    assert values.absent["trace"] == "OutOfMemoryError: CUDA out of memory."
    assert values.lambda_max is not None
    with pytest.raises(torch.OutOfMemoryError):
        probes[1](descent.model, 0)


def test_a_file_that_is_out_of_reach_is_told_once_and_written_whole_when_it_is_back(
    descent, tmp_path
):
    path = tmp_path / "runs" / "probe.jsonl"
    probe = landscape.Probe("mse", descent.data, ["trace"], every=1, budget=1, path=path)
    probe(descent.model, 0)
    shutil.rmtree(path.parent)
    path.parent.touch()  # in the folder's place
    with pytest.warns(RuntimeWarning, match=r"step 1: .*probe\.jsonl cannot be written"):
        probe(descent.model, 1)
    probe(descent.model, 2)  # warnings are errors in tests
    path.parent.unlink()
    probe(descent.model, 3)
    assert steps_in(path) == [0, 1, 2, 3]
    path.parent.joinpath("file").touch()
    beyond = path.parent / "file" / "probe.jsonl"
    with pytest.raises(OSError, match="cannot write"):
        landscape.Probe("mse", descent.data, ["trace"], path=beyond)(descent.model, 0)


@pytest.mark.parametrize("is_resumed", [False, True])
def test_nothing_is_glued_to_a_line_that_a_full_disk_cut_short(tmp_path, monkeypatch, is_resumed):
    path, opened = tmp_path / "probe.jsonl", Path.open

    def half(self, mode="r", **options):
        if mode == "a":
            with opened(self, mode, **options) as file:
                file.write('{"ste')
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return opened(self, mode, **options)

    def full(path, text):
        raise OutputError("cannot write")

    lines = Lines(path)
    lines.add({"step": 0})
    with monkeypatch.context() as disk:
        disk.setattr(Path, "open", half)
        disk.setattr(writing, "write_atomic", full)
        assert "No space left on device" in lines.add({"step": 1})
        assert lines.add({"step": 2}) == ""
    assert path.read_text() == '{"step": 0}\n{"ste'
    lines = Lines(path) if is_resumed else lines
    assert lines.add({"step": 3}) == lines.add({"step": 4}) == ""
    assert steps_in(path) == ([0, 3, 4] if is_resumed else [0, 1, 2, 3, 4])
