"""Processes that work through runs side by side; one that is killed goes on in another."""

import dataclasses
import multiprocessing
import os
import signal
import sys
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from typing import NamedTuple

import torch

from landscape.allocator import keep_freed_memory
from landscape.files import OutputError
from landscape.study.folder import RunRecord, StudyFolder
from landscape.study.one_run import attempt
from landscape.study.plan import Plan
from landscape.study.plan_parts import Run
from landscape.study.settings import Machine

_PATIENCE_SECONDS = 60.0  # for a worker to write its state after Ctrl-C
_GONE = (EOFError, ConnectionError)  # what a pipe says whose other end has died
_INTERRUPTED = 130  # exit code of a worker that a signal has stopped where its state was whole


class Event(NamedTuple):
    """A run went on (``record`` is None), ended, or is in another process's hands.

    With ``num_more`` it is of no run: so many have been added to the work.
    """

    label: str
    part: float  # of the run that is done, in [0, 1]
    stage: str
    record: RunRecord | None = None
    elsewhere: bool = False
    num_more: int = 0


@dataclass
class _Worker:
    process: SpawnProcess
    pipe: Connection
    run: Run

    def tell(self, run: Run | None) -> None:
        """Give it a run; None: there is no more. That it is dead is for ``_receive`` to find."""
        with suppress(*_GONE):
            self.pipe.send(run)


def prepare_process(num_threads: int) -> None:
    """Give this process the number of threads that the study's numbers are made with."""
    torch.set_num_threads(num_threads)
    keep_freed_memory()


def work_side_by_side(
    runs: Sequence[Run], plan: Plan, folder: StudyFolder, machine: Machine, jobs: int
) -> Iterator[Event]:
    """Work through ``runs`` in ``jobs`` processes, telling what happens as it happens.

    A run whose process a signal ends is gone on with once; where it ends that too, it has failed.

    Raises
    ------
    OutputError
        If the folder cannot be written to.
    """
    context = multiprocessing.get_context("spawn")
    waiting, workers, killed = deque(runs), list[_Worker](), set[str]()

    def start(run: Run) -> None:
        ours, theirs = context.Pipe()
        process = context.Process(
            target=_serve, args=(theirs, plan, folder, machine), name=f"study-{run.label}"
        )
        process.start()
        theirs.close()
        workers.append(_Worker(process, ours, run))
        workers[-1].tell(run)

    with _environment(machine.num_threads):
        try:
            while waiting and len(workers) < jobs:
                start(waiting.popleft())
            while workers:
                ready = wait([w.pipe for w in workers])
                for worker in [w for w in workers if w.pipe in ready]:
                    event = _receive(worker)
                    if event is None:
                        event = _death(worker, folder, again=worker.run.label in killed)
                        if event.record is None:
                            killed.add(worker.run.label)
                            waiting.append(worker.run)
                        yield event
                        workers.remove(worker)
                        if waiting:
                            start(waiting.popleft())
                        continue
                    yield event
                    if event.record is None and not event.elsewhere:
                        continue
                    workers.remove(worker)
                    if waiting:
                        worker.run = waiting.popleft()
                        worker.tell(worker.run)
                        workers.append(worker)
                    else:
                        _dismiss(worker)
        finally:
            _stop(workers)


def _receive(worker: _Worker) -> Event | None:
    """What the worker says; None: it is dead."""
    try:
        message = worker.pipe.recv()
    except _GONE:
        return None
    if isinstance(message, OutputError):
        raise message
    assert isinstance(message, Event)
    return message


def _death(worker: _Worker, folder: StudyFolder, *, again: bool) -> Event:
    """What becomes of a dead worker's run: it waits once for another process, or has failed."""
    worker.process.join()
    label, code = worker.run.label, worker.process.exitcode or 0
    how = f"ended with code {code}"
    if code < 0 or code == _INTERRUPTED:
        how = f"was killed by {signal.Signals(-code).name}" if code < 0 else "was interrupted"
        if not again:
            return Event(label, 0.0, f"its process {how}; going on in another")
        how += " twice (SIGKILL: often for memory)" if code < 0 else " twice"
    record = dataclasses.replace(
        folder.record(label), state="failed", stage="the process", reason=f"its process {how}"
    )
    folder.write(record)
    return Event(label, 1.0, "failed", record)


def _serve(pipe: Connection, plan: Plan, folder: StudyFolder, machine: Machine) -> None:
    prepare_process(machine.num_threads)
    try:
        while (run := pipe.recv()) is not None:
            label = run.label

            def report(part: float, stage: str, label: str = label) -> None:
                try:
                    pipe.send(Event(label, part, stage))
                except _GONE:
                    # The parent is gone: an interruption, and no failure of the run.
                    raise KeyboardInterrupt from None

            try:
                record = attempt(run, plan, folder, machine, report)
            except OutputError as error:
                pipe.send(error)
                return
            pipe.send(Event(label, 1.0, "", record, elsewhere=record is None))
    except KeyboardInterrupt:
        # What was finished is on the disk; the parent, if it is there, has another go on.
        sys.exit(_INTERRUPTED)
    except _GONE:  # the parent
        return


def _dismiss(worker: _Worker) -> None:
    worker.tell(None)
    worker.process.join()
    worker.pipe.close()


def _stop(workers: Sequence[_Worker]) -> None:
    # Ctrl-C reaches the children too, and they write their state; others are asked to end.
    for worker in workers:
        worker.pipe.close()
    for worker in workers:
        worker.process.join(_PATIENCE_SECONDS)
        if worker.process.is_alive():
            worker.process.terminate()
            worker.process.join()


@contextmanager
def _environment(num_threads: int) -> Iterator[None]:
    """For children: OpenMP reads it when torch is imported."""
    before = os.environ.get("OMP_NUM_THREADS")
    os.environ["OMP_NUM_THREADS"] = str(num_threads)
    try:
        yield
    finally:
        if before is None:
            del os.environ["OMP_NUM_THREADS"]
        else:
            os.environ["OMP_NUM_THREADS"] = before
