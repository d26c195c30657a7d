"""Train a CSNN: from a configuration to a checkpoint, resumable at any moment.

Beside ``NAME.safetensors`` lie ``NAME.json`` (the sidecar), ``NAME.metrics.jsonl`` (a line an
epoch), ``NAME.snapshots/`` if asked for, and until the end ``NAME.resume``. Running the same
command again goes on from there, to the same weights bit for bit on the same machine.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple, Self

import torch

from landscape.checkpoint.save import save_checkpoint
from landscape.data import Dataset, open_dataset, select_examples
from landscape.files import ensure_writable, exclusive_lock, write_atomic
from landscape.objective.losses import BUILTIN_LOSSES
from landscape.snn.initialization import initialize
from landscape.snn.model import CSNN
from landscape.training.config import TrainConfig
from landscape.training.epoch import (
    DivergenceError,
    Examples,
    Score,
    evaluate,
    num_steps,
    train_epoch,
)
from landscape.training.optimizer import make_optimizer
from landscape.training.record import EpochRecord, as_lines, describe, epoch_record
from landscape.training.run_files import RunFiles
from landscape.training.state import RunState, capture, write_state

# Saving takes at most this share of the time, however large the network and short the epoch.
_SAVING_SHARE = 0.05


class Progress(NamedTuple):
    """Where a training is: told about twice a second, and at the end of each epoch."""

    epoch: int  # the one under way or just ended, from 1
    step: int  # done in it
    num_steps: int  # in an epoch
    train: Score  # means over the steps of this epoch so far
    record: EpochRecord | None  # at the end of an epoch only


Monitor = Callable[[Progress], None]


def train(
    config: TrainConfig,
    out: Path,
    *,
    device: torch.device,
    data_dir: Path | None,
    force: bool,
    monitor: Monitor,
) -> Path:
    """Train, or go on training, and return the path of the finished checkpoint, ``out``.

    Parameters
    ----------
    data_dir
        See ``open_dataset``.
    force
        Start anew, deleting what an earlier training left under the same name.

    Raises
    ------
    ValueError
        A setting is wrong, the data are too few, or the files at ``out`` are of another
        configuration; the message shows the difference.
    DivergenceError
        A number ceased to be finite. The last good epoch that was saved stays in ``out``.
    OutputError
        The folder cannot be written to, or another training writes to the same name.
    """
    files = RunFiles(out)
    ensure_writable(out.parent)
    with exclusive_lock(files.lock):
        try:
            _train_locked(config, files, device, data_dir, force, monitor)
        finally:
            files.lock.unlink(missing_ok=True)
    return out


def _train_locked(
    config: TrainConfig,
    files: RunFiles,
    device: torch.device,
    data_dir: Path | None,
    force: bool,
    monitor: Monitor,
) -> None:
    if force:
        files.clear()
    state = files.read_state(config)
    if files.is_finished(config):
        return
    try:
        with _deterministic():
            _run(config, files, device, data_dir, state, monitor)
    except DivergenceError as error:
        kept = files.checkpoint
        where = f" The last good weights are in {kept}." if kept.exists() else ""
        raise DivergenceError(f"{error}{where}") from error
    files.resume.unlink()


def _run(
    config: TrainConfig,
    files: RunFiles,
    device: torch.device,
    data_dir: Path | None,
    state: RunState | None,
    monitor: Monitor,
) -> None:
    dataset = _training_examples(config, data_dir, state)
    steps = num_steps(len(dataset), config)
    examples = _on_device(dataset, device)
    held_out = _on_device(open_dataset(config.data, split="test", data_dir=data_dir), device)
    loss = BUILTIN_LOSSES[config.loss]
    model = CSNN(config.channels, config.num_time_steps)
    initialize(model, config.init, seed=config.seed, gain=config.gain, beta=config.beta)
    model.to(device)
    optimizer = make_optimizer(model, config)
    records: list[EpochRecord] = []

    if state is not None:
        state.restore(model, optimizer)
        records += state.records
    saver = _Saver(files, config, dataset, device)
    saver.keep_snapshot(model, records)
    with saver:
        for epoch in range(len(records) + 1, config.epochs + 1):

            def tick(step: int, train: Score, epoch: int = epoch) -> None:
                monitor(Progress(epoch, step, steps, train, None))

            start = time.monotonic()
            train = train_epoch(model, optimizer, loss, examples, config, epoch, tick)
            test = evaluate(model, loss, held_out)
            seconds = time.monotonic() - start
            records.append(epoch_record(config, epoch, train, test, seconds))
            saver.keep_snapshot(model, records)
            saver.keep(capture(model, optimizer, config, dataset.sha256, records))
            monitor(Progress(epoch, steps, steps, train, records[-1]))
    # An epoch's means are of moving weights; the finished sidecar states the loss of the final.
    final = evaluate(model, loss, examples)
    sidecar = describe(config, dataset, device, records, final)
    save_checkpoint(files.checkpoint, model.state_dict(), sidecar)


class _Saver:
    """Writes the state after each epoch, unless that would cost too much of the time.

    The last state is then written on leaving the block, also by an error or Ctrl-C.
    """

    def __init__(
        self, files: RunFiles, config: TrainConfig, dataset: Dataset, device: torch.device
    ) -> None:
        self.files = files
        self._about = (config, dataset, device)
        self._unsaved: RunState | None = None
        self._saved_at = time.monotonic()
        self._seconds = 0.0  # that the last saving took

    def keep(self, state: RunState) -> None:
        self._unsaved = state
        if (time.monotonic() - self._saved_at) * _SAVING_SHARE >= self._seconds:
            self._save(state)

    def keep_snapshot(self, model: CSNN, records: list[EpochRecord]) -> None:
        config, epoch = self._about[0], len(records)
        if epoch in config.snapshot_epochs:
            sidecar = describe(*self._about, records, None)
            save_checkpoint(self.files.snapshot(epoch), model.state_dict(), sidecar)

    def _save(self, state: RunState) -> None:
        start = time.monotonic()
        write_state(self.files.resume, state)
        sidecar = describe(*self._about, state.records, None)
        save_checkpoint(self.files.checkpoint, state.weights, sidecar)
        write_atomic(self.files.metrics, as_lines(state.records))
        self._unsaved = None
        self._saved_at = time.monotonic()
        self._seconds = self._saved_at - start

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        if self._unsaved is not None:
            self._save(self._unsaved)


def _training_examples(
    config: TrainConfig, data_dir: Path | None, state: RunState | None
) -> Dataset:
    whole = open_dataset(config.data, split="train", data_dir=data_dir)
    if config.images is not None and config.images > len(whole):
        raise ValueError(
            f"images must be at most {len(whole)}, the training images in the {whole.source}; got "
            f"{config.images}. Use fewer, name a folder of the full data with --data-dir, or get "
            "them with: landscape data fetch fashion-mnist"
        )
    dataset = select_examples(whole, config.images, seed=config.data_seed)
    if dataset.num_classes is None or dataset.num_classes > 10:
        raise ValueError(
            f"{dataset.name} must have class labels from 0 to 9, one for each output of the "
            f"network; it has {dataset.num_classes or 'no'} classes. Use other data."
        )
    if num_steps(len(dataset), config) == 0:
        raise ValueError(
            f"batch_size must be at most {len(dataset)}, the number of images, since the last "
            f"partial batch is left out; got {config.batch_size}."
        )
    if state is not None and state.data_sha256 != dataset.sha256:
        raise ValueError(
            f"this training was begun on other data than those in the {dataset.source}; name the "
            "folder of the same data with --data-dir, or start anew with --force."
        )
    return dataset


def _on_device(dataset: Dataset, device: torch.device) -> Examples:
    return Examples(dataset.inputs.to(device, torch.float32), dataset.targets.to(device))


@contextmanager
def _deterministic() -> Iterator[None]:
    backend = torch.backends.cudnn
    before = (backend.deterministic, backend.benchmark)
    backend.deterministic, backend.benchmark = True, False
    try:
        yield
    finally:
        backend.deterministic, backend.benchmark = before
