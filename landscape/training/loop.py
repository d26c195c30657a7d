"""Train a network: from a configuration to a checkpoint, resumable at any moment.

Beside ``NAME.safetensors`` lie ``NAME.json`` (the sidecar), ``NAME.metrics.jsonl`` (a line an
epoch), ``NAME.probe.jsonl`` and ``NAME.snapshots/`` if asked for, and until the end
``NAME.resume``. Running the same command again goes on from there, to the same weights bit for bit
on the same machine.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple, Self

import torch
from torch import nn
from torch.optim import Optimizer

from landscape.checkpoint.save import save_checkpoint
from landscape.data.source import Source
from landscape.files import ensure_writable, exclusive_lock, write_atomic
from landscape.objective.objective import Objective
from landscape.objective.user_errors import told_as_users
from landscape.seeds import seeded
from landscape.training.config import TrainConfig
from landscape.training.epoch import DivergenceError, Score, evaluate, train_epoch
from landscape.training.examples import Examples, fingerprint, held_out_source, training_source
from landscape.training.network import network_of, timed_objective
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
Told = Callable[[str], None]
Watch = Callable[[nn.Module, int, Optimizer], object]  # after each step, counted over all epochs
# Of what is minimised, the training examples, and a file beside the checkpoint.
MakeWatch = Callable[[Objective, Source, Path], Watch]


def train(
    config: TrainConfig,
    out: Path,
    *,
    device: torch.device,
    data_dir: Path | None,
    force: bool,
    monitor: Monitor,
    told: Told = lambda words: None,
    watched: MakeWatch | None = None,
) -> Path:
    """Train, or go on training, and return the path of the finished checkpoint, ``out``.

    Parameters
    ----------
    data_dir
        See ``open_dataset``.
    force
        Start anew, deleting what an earlier training left under the same name.
    told
        Hears what the weights of a network of the user's own were drawn from.
    watched
        Makes what looks on after each step, and changes nothing.

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
            _train_locked(config, files, device, data_dir, force, monitor, told, watched)
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
    told: Told,
    watched: MakeWatch | None,
) -> None:
    if force:
        files.clear()
    state = files.read_state(config)
    if files.is_finished(config):
        return
    try:
        with _deterministic():
            _run(config, files, device, data_dir, state, monitor, told, watched)
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
    told: Told,
    watched: MakeWatch | None,
) -> None:
    source = _training_source(config, data_dir, state)
    model, initialisation = network_of(config)
    if config.model is not None:
        told(str(initialisation))
    dtype = next(p.dtype for p in model.parameters() if p.is_floating_point())
    examples = Examples(source, dtype, device)
    held_out = None
    if (test_source := held_out_source(config, data_dir)) is not None:
        held_out = Examples(test_source, dtype, device)
    steps = examples.num_steps(config)
    model.to(device)
    objective, of_time = timed_objective(config, model, examples)
    for note in of_time:
        told(note)
    optimizer = make_optimizer(model, config)
    records: list[EpochRecord] = []

    if state is not None:
        state.restore(model, optimizer)
        records += state.records
    look = None if watched is None else watched(objective, source, files.probe)
    saver = _Saver(files, config, source, device)
    saver.keep_snapshot(model, records)
    with saver:
        for epoch in range(len(records) + 1, config.epochs + 1):

            def tick(step: int, train: Score, epoch: int = epoch) -> None:
                monitor(Progress(epoch, step, steps, train, None))

            def watch(step: int, before: int = (epoch - 1) * steps) -> None:
                if look is not None:
                    look(model, before + step, optimizer)

            start = time.monotonic()
            # What a forward pass draws is of seed and epoch, so that a training can go on.
            with seeded(device, config.seed, epoch), told_as_users(model):
                train = train_epoch(
                    model, optimizer, objective, examples, config, epoch, tick, watch
                )
                test = evaluate(model, objective, held_out) if held_out is not None else None
            seconds = time.monotonic() - start
            records.append(epoch_record(config, epoch, train, test, seconds))
            saver.keep_snapshot(model, records)
            saver.keep(capture(model, optimizer, config, fingerprint(source), records))
            monitor(Progress(epoch, steps, steps, train, records[-1]))
    # An epoch's means are of moving weights; the finished sidecar states the loss of the final.
    with seeded(device, config.seed, config.epochs), told_as_users(model):
        final = evaluate(model, objective, examples)
    sidecar = describe(config, source, device, records, final)
    save_checkpoint(files.checkpoint, model.state_dict(), sidecar)


class _Saver:
    """Writes the state after each epoch, unless that would cost too much of the time.

    The last state is then written on leaving the block, also by an error or Ctrl-C.
    """

    def __init__(
        self, files: RunFiles, config: TrainConfig, source: Source, device: torch.device
    ) -> None:
        self.files = files
        self._about = (config, source, device)
        self._unsaved: RunState | None = None
        self._saved_at = time.monotonic()
        self._seconds = 0.0  # that the last saving took

    def keep(self, state: RunState) -> None:
        self._unsaved = state
        if (time.monotonic() - self._saved_at) * _SAVING_SHARE >= self._seconds:
            self._save(state)

    def keep_snapshot(self, model: nn.Module, records: list[EpochRecord]) -> None:
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


def _training_source(config: TrainConfig, data_dir: Path | None, state: RunState | None) -> Source:
    source = training_source(config, data_dir)
    if state is not None and state.data_sha256 != fingerprint(source):
        raise ValueError(
            f"this training was begun on other data than those in the {source.source}; name the "
            "folder of the same data with --data-dir, or start anew with --force."
        )
    return source


@contextmanager
def _deterministic() -> Iterator[None]:
    backend = torch.backends.cudnn
    before = (backend.deterministic, backend.benchmark)
    backend.deterministic, backend.benchmark = True, False
    try:
        yield
    finally:
        backend.deterministic, backend.benchmark = before
