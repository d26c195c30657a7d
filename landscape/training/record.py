"""What a training writes about itself: a record an epoch, and the checkpoint's sidecar."""

import json
import platform
from typing import Any

import numpy as np
import torch

import landscape
from landscape.checkpoint.sidecar import DataSpec, Metrics, Sidecar, TrainingSpec
from landscape.data.dataset import Dataset
from landscape.data.source import Source
from landscape.training.config import TrainConfig
from landscape.training.epoch import Score

EpochRecord = dict[str, Any]


def epoch_record(
    config: TrainConfig, epoch: int, train: Score, test: Score | None, seconds: float
) -> EpochRecord:
    """A line of the metrics; ``train`` holds means over the epoch, while the weights moved.

    What there is not, test data or classes, is None.
    """
    return {
        "epoch": epoch,
        "train_loss": train.loss,
        "train_accuracy": train.accuracy,
        "test_loss": test.loss if test else None,
        "test_accuracy": test.accuracy if test else None,
        "lr": config.learning_rate_at(epoch),
        "seconds": round(seconds, 3),
    }


def as_lines(records: list[EpochRecord]) -> str:
    """JSON Lines."""
    return "".join(json.dumps(record, allow_nan=False) + "\n" for record in records)


def describe(
    config: TrainConfig,
    source: Source,
    device: torch.device,
    records: list[EpochRecord],
    train: Score | None,
) -> Sidecar:
    """Sidecar after the epochs of ``records``; ``train`` is measured at these very weights."""
    last = records[-1] if records else {}
    is_subset = config.images is not None and source.num_available != len(source)
    return Sidecar(
        model=config.network,
        loss=config.minimised,
        data=DataSpec(
            name=source.name,
            source=source.source,
            split=source.split,
            num_examples=len(source),
            seed=config.data_seed if is_subset else None,
            sha256=source.indices_sha256 if isinstance(source, Dataset) else source.digest,
        ),
        training=TrainingSpec(
            init=config.init,
            gain=config.gain,
            optimizer=config.optimizer_name,
            learning_rate=config.learning_rate,
            last_learning_rate=config.learning_rate_at(max(1, len(records))),
            momentum=config.momentum if config.optimizer == "sgd" else 0.0,
            weight_decay=config.weight_decay,
            batch_size=config.batch_size,
            seed=config.seed,
            epoch=len(records),
            epochs=config.epochs,
        ),
        metrics=Metrics(
            train_loss=train.loss if train else None,
            train_accuracy=train.accuracy if train else None,
            test_loss=last.get("test_loss"),
            test_accuracy=last.get("test_accuracy"),
        ),
        config=config.to_dict(),
        versions={
            "landscape": landscape.__version__,
            "python": platform.python_version(),
            "torch": torch.__version__,
            "numpy": np.__version__,
            "device": _device_name(device),
        },
    )


def _device_name(device: torch.device) -> str:
    return torch.cuda.get_device_name(device) if device.type == "cuda" else device.type
