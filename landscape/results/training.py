"""How training went, epoch by epoch."""

import json
from dataclasses import dataclass
from typing import Annotated

import numpy as np

from landscape.results.arrays import Array, Shape
from landscape.results.base import Result, ResultError
from landscape.results.subject import Provenance, Subject

ByEpoch = Annotated[Array, Shape("E", measured=True)]


@dataclass(frozen=True, kw_only=True, eq=False)
class TrainingCurves(Result):
    """What the trainer logged; NaN where an epoch has no value."""

    epochs: Annotated[Array, Shape("E")]  # counted from 1
    train_loss: ByEpoch
    train_accuracy: ByEpoch | None = None
    test_loss: ByEpoch | None = None
    test_accuracy: ByEpoch | None = None


def curves_from_metrics(
    text: str, *, subject: Subject, provenance: Provenance
) -> TrainingCurves | None:
    """Training curves from the JSON Lines that the trainer writes, a record an epoch.

    None where there is no record yet.

    Raises
    ------
    ResultError
        If a line is no such record.
    """
    try:
        records = [json.loads(line) for line in text.splitlines() if line.strip()]
        if not records:
            return None
        columns = {
            name: np.array([_number(record.get(name)) for record in records])
            for name in ("train_loss", "train_accuracy", "test_loss", "test_accuracy")
        }
        epochs = np.array([float(record["epoch"]) for record in records])
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ResultError(
            "metrics must be JSON Lines with an epoch and its losses on each line, as 'landscape "
            f"train' writes them; got {text[:60]!r} ({error})."
        ) from error
    train_loss = columns.pop("train_loss")
    measured = {n: None if np.isnan(v).all() else v for n, v in columns.items()}
    return TrainingCurves(
        subject=subject, provenance=provenance, epochs=epochs, train_loss=train_loss, **measured
    )


def _number(value: object) -> float:
    return float("nan") if value is None else float(value)  # type: ignore[arg-type]
