"""The report's numbers, curves and figures as a TensorBoard log; needs the tensorboard extra."""

import struct
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from landscape.extras import library
from landscape.report.notebook import png_of, shown_sections
from landscape.report.summary import measures
from landscape.results import Result
from landscape.results.probe import MEASURES, ProbeCurves
from landscape.results.training import TrainingCurves

Scalar = tuple[str, float, int]  # tag, value, step

_OF_TRAINING = ("train_loss", "train_accuracy", "test_loss", "test_accuracy")
_OF_A_PROBE = ("loss", *MEASURES, "edge", "learning_rate")


def log_tensorboard(folder: Path, results: Sequence[Result], *, report: Path | None = None) -> None:
    """Write an event file of scalars (a tag a measure and checkpoint) and figures.

    Parameters
    ----------
    report
        Folder of the report of the same results, whose figures are then not drawn again.

    Raises
    ------
    ValueError
        If tensorboard is not installed.
    """
    events, summaries, files = (
        library(f"tensorboard.{module}", "logging to TensorBoard")
        for module in (
            "compat.proto.event_pb2",
            "compat.proto.summary_pb2",
            "summary.writer.event_file_writer",
        )
    )
    Summary, writer = summaries.Summary, files.EventFileWriter(str(folder))

    def add(step: int, value: Any) -> None:
        writer.add_event(events.Event(step=step, wall_time=0.0, summary=Summary(value=[value])))

    for tag, number, step in scalars(results):
        add(step, Summary.Value(tag=tag, simple_value=number))
    for section in shown_sections(results):
        for figure in section.figures:
            png = png_of(figure, report)
            width, height = struct.unpack(">II", png[16:24])  # of a PNG's first chunk
            image = Summary.Image(
                height=height, width=width, colorspace=3, encoded_image_string=png
            )
            add(0, Summary.Value(tag=f"{section.key}/{figure.name}", image=image))
    writer.close()


def scalars(results: Sequence[Result]) -> Iterator[Scalar]:
    """Each measure at the epoch of its checkpoint, and the curves of training and of probes."""
    for result in results:
        label, training = result.subject.label, result.subject.training
        epoch = 0 if training is None else training.epoch
        for entry in measures(result):
            if entry["value"] is not None:
                parts = [entry["name"], entry.get("operator"), entry.get("scale")]
                radius = entry.get("radius")
                parts.append(None if radius is None else f"r{radius:g}")
                name = "-".join(str(p) for p in parts if p not in (None, "none"))
                yield f"{name}/{label}", float(entry["value"]), epoch
        if isinstance(result, TrainingCurves):
            yield from _by_step(result, result.epochs, _OF_TRAINING)
        if isinstance(result, ProbeCurves):
            yield from _by_step(result, result.steps, _OF_A_PROBE, prefix="probe/")


def _by_step(
    result: TrainingCurves | ProbeCurves,
    steps: NDArray[np.floating],
    names: Sequence[str],
    *,
    prefix: str = "",
) -> Iterator[Scalar]:
    for name in names:
        values = getattr(result, name)
        if values is None:
            continue
        for step, value in zip(steps, values, strict=True):
            if np.isfinite(value):
                yield f"{prefix}{name}/{result.subject.label}", float(value), int(step)
