"""A probe of curvature in any training loop.

::

    probe = landscape.Probe("cross-entropy", (x, y))
    for step in range(steps):
        ...
        optimizer.step()
        if values := probe(model, step, optimizer):
            wandb.log(values.scalars("probe/"), step=step)
"""

import math
import time
import warnings
from collections.abc import Callable, Collection
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.optim import Optimizer

from landscape.analysis.opening import target_in_memory
from landscape.analysis.provenance import start_clock
from landscape.analysis.target import Target
from landscape.analysis.target_settings import TargetSettings
from landscape.data.choice import Choice
from landscape.data.choosing import source_of
from landscape.distributed import alone, is_main, world_size
from landscape.networks import unwrapped
from landscape.objective.losses import BUILTIN_LOSSES
from landscape.objective.named import objective_of
from landscape.objective.objective import Objective
from landscape.objective.own_loss import own_loss
from landscape.probe.alarms import Watch
from landscape.probe.lines import Lines
from landscape.probe.measure import Call, Memory, matrix_of, reason_of, unmeasured
from landscape.probe.optimizer import live_state
from landscape.probe.pace import Clock, Pace
from landscape.probe.settings import ProbeSettings
from landscape.probe.undisturbed import undisturbed, wait_for
from landscape.results.probe import FILE, MEASURES, ProbeCurves, ProbeValues, probe_curves
from landscape.snn.adapters import batch_norms

NUM_EXAMPLES = 256  # as many as a few batches have: a call then costs tens of their steps


class Probe:
    """Measures a network's curvature while it trains, now and then, and leaves no trace in it.

    Weights, gradients, optimiser, modes, hooks, buffers, the state of neurons and random numbers
    are as they were after each call, bit for bit. The network is evaluated without dropout, at its
    weights of the moment, always on the same examples.

    Parameters
    ----------
    objective
        What is minimised: ``cross-entropy``, ``mse``, ``nll`` or a loss module; an ``Objective``,
        or a function of (model, batch); None: the network's own loss, as transformers' networks
        compute it.
    data
        Examples in any form that :func:`landscape.analyze` takes; read once.
    what
        Some of ``lambda_max``, ``trace``, ``critical_sharpness`` and ``preconditioned_lambda_max``.
    every
        Steps between two calls, at least.
    budget
        The share of all time that calls may take: they are spaced further apart than ``every``
        where they would take more. The first two are made in any case: the first one is longer than
        others, and what a call takes is known by the second. 1: no limit.
    path
        Of a file of JSON Lines, one a call; None: none is written. A training that goes on where
        it was interrupted goes on with its file.
    examples
        N (a random subset; all where there are fewer), ``START:STOP`` or ``all``: full batches have
        their edge of stability on all that they are of.
    split, params, layout, time_steps, readout, batch_size
        As of :func:`landscape.analyze`.
    batch_norm
        ``train``: with the statistics of each batch, as the optimiser sees the loss, in even
        batches of ``batch_size`` or more; ``eval``: with
        running ones, as :func:`landscape.analyze` does. There weights before a norm have curvature
        that the optimiser never saw, and above its edge.
    dtype
        ``float32`` or ``float64``; None: that of the weights, float32 for those of fewer bits.
    patience
        Calls in a row after which an alarm is raised as a ``RuntimeWarning``, once until it has
        passed.
    seed
        Of the subset of examples and of random directions.
    clock
        Gives seconds.

    Raises
    ------
    ValueError
        If an argument is out of range; at the first call, if network, objective and data do not fit
        one another.
    """

    def __init__(
        self,
        objective: Any,
        data: Any,
        what: Collection[str] = MEASURES,
        *,
        every: int = ProbeSettings.every,
        budget: float = ProbeSettings.budget,
        path: str | Path | None = FILE,
        examples: int | str = NUM_EXAMPLES,
        split: str = TargetSettings.split,
        params: str = "*",
        layout: str | None = TargetSettings.layout,
        time_steps: int | None = TargetSettings.time_steps,
        readout: str | Callable[..., Any] | None = TargetSettings.readout,
        batch_size: int = TargetSettings.batch_size,
        batch_norm: str = "train",
        dtype: str | None = None,
        patience: int = 3,
        seed: int = TargetSettings.seed,
        clock: Clock = time.perf_counter,
    ) -> None:
        if isinstance(what, str) or not what or not set(what) <= set(MEASURES):
            raise ValueError(f"what must list some of {', '.join(MEASURES)}; got {what!r}.")
        self.what, self.path = tuple(what), None if path is None else Path(path)
        self._objective = None if objective is None else _as_objective(objective)
        self._data, self._examples, self._params = data, examples, params
        self._is_as_weights = dtype is None
        self._readout = None if isinstance(readout, str) else readout
        self._settings = TargetSettings(
            layout=layout,
            time_steps=time_steps,
            readout=readout if isinstance(readout, str) else None,
            examples="all",  # of those that are chosen
            split=split,
            batch_size=batch_size,
            batch_norm=batch_norm,
            dtype=TargetSettings.dtype if dtype is None else dtype,
            seed=seed,
            command="landscape.Probe",
        )
        self._pace = Pace(ProbeSettings(every=every, budget=budget), clock)
        self._watch = Watch(patience)
        self._memory = Memory()
        self._target: Target | None = None
        self._lines: Lines | None = None

    def __call__(
        self, model: nn.Module, step: int, optimizer: Optimizer | None = None
    ) -> ProbeValues | None:
        """Measure after ``step`` of the optimiser, if that is due; else None.

        Under several processes all of them call it, with the same data: they share the examples, or
        where batch norm takes the statistics of each batch measure all of them each.

        Raises
        ------
        ValueError
            At the first call, if network, objective and data do not fit one another. Later what
            cannot be measured, for whatever reason, is told in ``absent``, and the training goes
            on; but where processes share the examples, one that fails would leave the others
            waiting, and raises.
        OSError
            At the first call, if the file cannot be written. Later a ``RuntimeWarning`` says so.
        """
        if not self._pace.is_due(step):
            return None
        network = unwrapped(model)
        device = next(network.parameters(), torch.empty(0)).device
        # Parts of a batch have other statistics than it has.
        is_whole = self._settings.batch_norm == "train" and bool(batch_norms(network))
        goes_on = self._lines is not None and (is_whole or world_size() == 1)
        with self._pace.call(step, wait_for(device)):
            try:
                with undisturbed(device, self._settings.seed), alone(is_whole):
                    forgiven = Exception if goes_on else ValueError
                    values = self._measured(network, step, optimizer, forgiven)
            except Exception as error:
                if self._target is None or not goes_on:
                    raise
                values = unmeasured(step, self._target, self.what, reason_of(error))
        values = replace(values, seconds=self._pace.seconds, share=self._pace.share)
        values = replace(values, warnings=self._watch.told(values))
        lines = self._lines or Lines(self.path if is_main() else None)
        unwritten = lines.add(values.record())
        self._lines = lines
        for words in filter(None, (*values.warnings, unwritten)) if is_main() else ():
            warnings.warn(f"step {step}: {words}", RuntimeWarning, stacklevel=2)
        return values

    def curves(self) -> ProbeCurves:
        """The training so far, call by call: for figures (``landscape.plotting.plot_probe``).

        Raises
        ------
        ValueError
            If it was not called yet.
        """
        if self._target is None or self._lines is None:
            raise ValueError("the probe was not called yet: call it after a step of the training.")
        found = probe_curves(
            self._lines.text(),
            subject=self._target.subject,
            provenance=start_clock().provenance_of(self._target),
        )
        assert found is not None
        return found

    def in_folder(self, folder: str | Path) -> None:
        """Have the file there, where its path is not absolute and nothing is written yet."""
        if self.path is not None and self._lines is None:
            self.path = Path(folder) / self.path

    def _measured(
        self,
        model: nn.Module,
        step: int,
        optimizer: Optimizer | None,
        forgiven: type[Exception],
    ) -> ProbeValues:
        is_first = self._target is None
        target = self._target or self._opened(model)
        if target.model is not model:
            raise ValueError(
                "a probe follows one network, and this is another than at its first call: make a "
                "probe for each."
            )
        self._target = target
        risk = target.risk.renewed()
        state = None if optimizer is None else live_state(optimizer, risk)
        if state is not None:
            risk.preconditioner = state.preconditioner
        call = Call(risk, state, self._memory, target.generator(f"probe at step {step}"))
        found = call.run(self.what if math.isfinite(call.loss) else (), forgiven)
        if not math.isfinite(call.loss):
            found.absent |= dict.fromkeys(self.what, "the loss is not a finite number")
        return ProbeValues(
            step=step,
            matrix=matrix_of(target),
            loss=call.loss,
            **found.values,
            turned=tuple(found.turned),
            absent=found.absent,
            notes=target.subject.notes if is_first else (),
            num_matvecs=found.num_matvecs,
            num_evaluations=found.num_evaluations,
            seconds=0.0,
            share=0.0,
        )

    def _opened(self, model: nn.Module) -> Target:
        parameters = list(model.parameters())
        wide = any(p.dtype == torch.float64 for p in parameters)
        device = str(next(iter(parameters), torch.empty(0)).device)
        dtype = "float64" if wide and self._is_as_weights else self._settings.dtype
        # Where nothing couples examples, batches are cut where memory is short.
        norm = self._settings.batch_norm if batch_norms(model) else "eval"
        settings = replace(self._settings, device=device, dtype=dtype, batch_norm=norm)
        choice = Choice(
            split=settings.split, examples=self._examples, seed=settings.seed, at_most=True
        )
        data = source_of(self._data, choice)
        if norm == "train":
            settings = replace(settings, batch_size=even_size(len(data), settings.batch_size))
        objective, notes = self._objective, tuple[str, ...]()
        if objective is None:
            first = data.head(2, getattr(torch, dtype), torch.device(device))
            objective, notes = own_loss(model, first)
        target = target_in_memory(
            model, objective, data, settings, params=self._params, readout=self._readout
        )
        subject = replace(target.subject, notes=(*notes, *target.subject.notes))
        return replace(target, subject=subject)


def even_size(num_examples: int, least: int) -> int:
    """Of batches of ``least`` or more, so that none is much smaller, with other statistics."""
    for count in range(max(1, num_examples // least), 0, -1):
        size = -(-num_examples // count)
        last = num_examples - size * (count - 1)
        if 2 * last > size:
            return size
    raise AssertionError("one batch holds all")


def _as_objective(given: Any) -> Objective:
    """By what it is: a name or a module is a loss, another function one of (model, batch)."""
    is_loss = isinstance(given, nn.Module) or given in BUILTIN_LOSSES
    return objective_of(given, None) if is_loss else objective_of(None, given)
