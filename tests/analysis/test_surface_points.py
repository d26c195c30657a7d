"""Points measured are kept: across interruptions, in shards, whatever their values."""

import dataclasses
import math

import numpy as np
import pytest
import torch
from small_surfaces import SETTINGS, drawn_data, line_of, plane_of
from torch import nn

from landscape import interrupts
from landscape.analysis.opening import make_target
from landscape.analysis.progress import quiet
from landscape.analysis.surface.course import (
    random_course,
)
from landscape.analysis.surface.points import await_shards, identity_of_points, measure_shard
from landscape.analysis.surface.run import loss_line
from landscape.analysis.surface.settings import SurfaceSettings
from landscape.distributed import PeerLostError
from landscape.objective.pair import Loss
from landscape.results import load_result, save_result
from landscape.surface.grid import parse_axis


def test_an_interrupted_run_goes_on_and_measures_only_what_is_missing(linear, tmp_path):
    settings = SurfaceSettings(store=tmp_path / "line.points")
    calls = []

    def stop_after_four(done, total):
        if done == 4:
            raise KeyboardInterrupt

    course = random_course(linear, dimensions=1, normalisation="filter")
    axis = parse_axis("-1:1:9")
    with pytest.raises(KeyboardInterrupt):
        loss_line(linear, course=course, axis=axis, settings=settings, progress=stop_after_four)
    linear.model.register_forward_hook(lambda *_: calls.append(1))
    line = loss_line(linear, course=course, axis=axis, settings=settings, progress=quiet)
    # A chain of dense layers takes the five points that are missing in one pass.
    assert len(calls) == len(linear.risk.batches)
    assert line.losses.tolist() == line_of(linear).losses.tolist()


def test_a_store_of_another_seed_is_refused_and_a_wider_axis_continued(linear, tmp_path):
    settings = SurfaceSettings(store=tmp_path / "line.points")
    line_of(linear, "-1:1:5", settings)
    line_of(linear, "-2:2:9", settings)
    other = dataclasses.replace(linear, settings=dataclasses.replace(SETTINGS, seed=1))
    with pytest.raises(ValueError, match="direction 1 was"):
        line_of(other, "-1:1:5", settings)


def test_merged_shards_equal_the_whole_bit_for_bit(linear, tmp_path):
    course = random_course(linear, dimensions=2, normalisation="filter")
    axes = [parse_axis("-1:1:4"), parse_axis("-2:1:7")]
    paths = [tmp_path / f"{i}.points" for i in (1, 2, 3)]
    for i, path in enumerate(paths, start=1):
        settings = SurfaceSettings(store=path)
        measure_shard(
            linear, course=course, axes=axes, shard=(i, 3), settings=settings, progress=quiet
        )
    merged = plane_of(linear, SurfaceSettings(merged=tuple(paths), only_merge=True))
    np.testing.assert_array_equal(merged.losses, plane_of(linear).losses)
    with pytest.raises(ValueError, match="9 of 28 grid points have not"):
        plane_of(linear, SurfaceSettings(merged=tuple(paths[:2]), only_merge=True))


def test_shards_that_nobody_measures_any_more_are_not_waited_for(linear, tmp_path, monkeypatch):
    """What started the processes would end this one; it has ended itself."""
    course = random_course(linear, dimensions=1, normalisation="filter")
    axes, settings = [parse_axis("-1:1:4")], SurfaceSettings(store=tmp_path / "first.points")
    measure_shard(linear, course=course, axes=axes, shard=(1, 2), settings=settings, progress=quiet)
    about = identity_of_points(linear, course, settings)
    monkeypatch.setenv("LANDSCAPE_TIMEOUT", "0.001")
    monkeypatch.setattr(interrupts, "_LAUNCHER", -1)
    told = []
    with pytest.raises(PeerLostError, match="others' points 2 are missing"):
        await_shards(
            [tmp_path / "first.points", tmp_path / "second.points"],
            axes=axes, identity=about, progress=lambda *counts: told.append(counts),
        )  # fmt: skip
    assert set(told) == {(2, 4)}


def test_nan_and_infinity_are_kept_on_disk_and_in_the_result(tmp_path):
    def explosive(outputs, targets):
        beyond = torch.where(outputs > 1.2, math.nan, math.inf)
        return torch.where(outputs > 0.7, beyond, outputs)[:, 0]

    model = nn.Linear(1, 1, bias=False)
    model.weight.data.fill_(0.5)
    data = dataclasses.replace(drawn_data(torch.zeros(4, 1), (4, 1)), inputs=torch.ones(4, 1))
    target = make_target(model, Loss("explosive", explosive), data, SETTINGS, label="boom")
    settings = SurfaceSettings(store=tmp_path / "line.points")
    course = random_course(target, dimensions=1, normalisation="filter")
    sign = course.vectors[1].sign().item()
    for _ in range(2):  # measured, then read back
        line = line_of(target, "-2:2:5", settings)
        losses = line.losses[:: int(sign)]
        assert losses[:4].tolist() == [-0.5, 0.0, 0.5, math.inf]
        assert np.isnan(losses[4])
    save_result(line, tmp_path / "line.json")
    np.testing.assert_array_equal(load_result(tmp_path / "line.json").losses, line.losses)
