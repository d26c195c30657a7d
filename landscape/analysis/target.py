"""From a checkpoint file to what an analysis works on: the risk, and whose risk it is."""

import hashlib
from collections.abc import Collection
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from landscape.analysis.choices import (
    choice_of,
    choose_problem,
    choose_timing,
    optimizer_state_of,
    training_info,
)
from landscape.analysis.network import open_network
from landscape.analysis.prepared import prepare
from landscape.analysis.sanity import doubt
from landscape.analysis.target_checks import (
    check_agreement,
    divide_probes,
    open_device,
    sha256_of_theta,
)
from landscape.analysis.target_settings import TargetSettings
from landscape.catalog.words import DTYPES
from landscape.checkpoint.load import load_checkpoint
from landscape.checkpoint.match import check_range
from landscape.checkpoint.optimizer_state import OptimizerState
from landscape.curvature.second_derivative import SecondDerivative
from landscape.curvature.symmetry.scale import symmetry_scale
from landscape.data.choosing import source_of
from landscape.data.source import Source, Told
from landscape.distributed import alone, check_whole
from landscape.nests import describe
from landscape.networks import copied, unwrapped
from landscape.objective.additivity import Additivity
from landscape.objective.objective import Objective
from landscape.objective.readout import Function, readout_of
from landscape.objective.risk import EmpiricalRisk
from landscape.objective.timing import FEW, timed
from landscape.objective.timing_words import NOTHING_ASKED, Asked
from landscape.parameters import select_names
from landscape.results import Subject, TrainingInfo
from landscape.snn.adapters import is_spiking, spiking_notes

IN_MEMORY = "in memory"  # in the place of the path of a checkpoint


@dataclass(frozen=True, kw_only=True)
class Target:
    """A network at its weights on chosen examples: everything an analysis needs."""

    subject: Subject
    risk: EmpiricalRisk
    settings: TargetSettings
    by_probes: bool = False  # every process has all examples, and probes of its own
    params: str = "*"  # globs of the parameters that θ was restricted to
    doubt: str  # what speaks against the network on these data, see landscape.analysis.sanity
    second_derivative: SecondDerivative
    additivity: Additivity
    optimizer_state: OptimizerState | None = None  # at these weights, where the checkpoint has it

    @property
    def model(self) -> nn.Module:
        return self.risk.model

    @property
    def is_trusted(self) -> bool:
        """Whether the Hessian is not known to be another matrix than it claims to be."""
        return not self.second_derivative.is_wrong

    @property
    def device(self) -> torch.device:
        return self.risk.device

    def generator(self, purpose: str) -> torch.Generator:
        """A CPU generator for one purpose, seeded by the run's seed: the same on every device."""
        digest = hashlib.sha256(f"{purpose} {self.settings.seed}".encode()).digest()
        return torch.Generator().manual_seed(int.from_bytes(digest[:7], "big"))

    def restricted(self, params: str) -> "Target":
        """The target with θ the parameters whose names match these globs, and a note of it."""
        if params == "*":
            return self
        risk = self.risk.select(select_names(self.risk.layout.names, params))
        note = (
            f"θ is {params}: {risk.num_params:,} of {self.risk.num_params:,} parameters; the "
            "others are held fixed"
        )
        subject = replace(self.subject, notes=(*self.subject.notes, note))
        return replace(self, risk=risk, subject=subject, params=params)

    def with_note_on(self, scales: Collection[str]) -> "Target":
        """The target with a note where ``symmetry`` is among ``scales``, and is but ``weight``."""
        if "symmetry" not in scales or not symmetry_scale(self.risk).is_weight:
            return self
        note = (
            "no products of weights were found: the scale symmetry is the same as weight here; "
            "name them with --pairs"
        )
        return replace(self, subject=replace(self.subject, notes=(*self.subject.notes, note)))

    def shards(self, count: int) -> list["Target"]:
        """The target on ``count`` disjoint parts of its examples, every ``count``-th in each.

        Raises
        ------
        ValueError
            With fewer examples than shards.
        """
        if not 2 <= count <= self.risk.num_examples:
            raise ValueError(f"shards must lie in [2, {self.risk.num_examples}]; got {count}.")
        return [replace(self, risk=self.risk.on(part)) for part in self.risk.parts(count)]

    def stride(self, least: int | None) -> int:
        """The largest k whose every k-th example leaves ``least``; 1: all, as of whole batches."""
        cuttable = self.risk.is_cut_by_rows and self.risk.coupled_by is None
        return max(1, self.risk.num_examples // least) if least and cuttable else 1

    def part(self, least: int | None) -> "Target":
        """The target on every k-th of its examples, as few as leave ``least``; see ``stride``.

        Its subject is that of these examples; the fingerprint stays that of all.
        """
        every = self.stride(least)
        if every == 1:
            return self
        with alone(self.by_probes):
            risk = self.risk.on(self.risk.parts(every)[0])
            evaluation, gradient = risk.evaluate(), risk.gradient()
        whole = self.subject
        subject = replace(
            whole,
            taken="; ".join(
                t for t in (whole.taken, f"of these 1 in {every}") if t not in ("", "all")
            ),
            num_examples=risk.num_examples,
            examples_sha256=hashlib.sha256(f"{whole.examples_sha256} {every}".encode()).hexdigest(),
            loss=evaluation.loss,
            accuracy=evaluation.accuracy,
            grad_norm=float(gradient.double().norm()),
        )
        return replace(self, risk=risk, subject=subject)


def open_target(
    path: Path, settings: TargetSettings, *, label: str | None = None, told: Told | None = None
) -> Target:
    """Load a checkpoint into its network and evaluate it on the chosen examples.

    ``told`` hears how far the reading of a stream of examples is.

    Raises
    ------
    CheckpointError
        If the file cannot be used, or does not fit the model.
    ValueError
        If the model, data or loss cannot be found, or do not fit one another.
    """
    checkpoint = load_checkpoint(
        path,
        use_ema=settings.use_ema,
        state_key=settings.state_key,
        allow_globals=settings.allow_globals,
        unsafe_pickle=settings.unsafe_pickle,
    )
    network = open_network(checkpoint, settings)
    choice = choice_of(settings, told)
    objective, data = choose_problem(checkpoint, network, settings, choice)
    timing, otherwise = choose_timing(checkpoint, settings)
    state, unused = optimizer_state_of(checkpoint, network.model, settings)
    target = make_target(
        network.model,
        objective,
        data.source,
        settings,
        label=label or path.stem,
        checkpoint=str(path),
        checkpoint_sha256=network.sha256,
        model_name=network.name,
        notes=(*checkpoint.notes, *network.notes, *data.notes, *otherwise, *unused),
        sidecar_info=training_info(checkpoint.sidecar),
        timing=timing,
    )
    if state is not None:
        target.risk.preconditioner = state.preconditioner
    return replace(target, optimizer_state=state)


def target_in_memory(
    model: nn.Module,
    objective: Objective,
    data: Any,
    settings: TargetSettings,
    *,
    label: str | None = None,
    params: str = "*",
    copy: bool = False,
    readout: Function | None = None,
    told: Told | None = None,
) -> Target:
    """Make a target of a network, an objective and data as a Python session holds them.

    Parameters
    ----------
    params
        Globs of the names of the parameters that make up θ.
    copy
        Work on a copy of the network.
    readout
        A function, in place of that which the settings name.
    told
        Hears how far the reading of a stream of examples is.

    Raises
    ------
    ValueError
        If one of them is of another kind, or they do not fit one another.
    """
    if not isinstance(model, nn.Module):
        raise ValueError(f"model must be a torch.nn.Module; got {describe(model)}.")
    check_whole(model)
    network = unwrapped(model)
    target = make_target(
        copied(network) if copy else network,
        objective,
        source_of(data, choice_of(settings, told)),
        settings,
        label=label or type(network).__name__,
        timing=Asked(settings.layout, settings.time_steps, readout_of(readout or settings.readout)),
    )
    return target.restricted(params)


def make_target(
    model: nn.Module,
    objective: Objective,
    data: Source,
    settings: TargetSettings,
    *,
    label: str,
    checkpoint: str = IN_MEMORY,
    checkpoint_sha256: str = "",
    model_name: str = "",
    notes: tuple[str, ...] = (),
    sidecar_info: TrainingInfo | None = None,
    timing: Asked = NOTHING_ASKED,
) -> Target:
    """Make a target of objects in memory; ``model`` is as it was after each evaluation.

    Raises
    ------
    ValueError
        If they do not fit one another, or the loss of a batch is not that of its examples.
    """
    if settings.dtype not in DTYPES:
        raise ValueError(f"dtype must be one of {', '.join(DTYPES)}; got {settings.dtype!r}.")
    if torch.is_inference_mode_enabled():
        raise ValueError(
            "torch.inference_mode is on, in which nothing can be differentiated; call this outside "
            "of it (torch.no_grad does no harm)."
        )
    by_probes = divide_probes(settings.share, len(data))
    dtype, device = getattr(torch, settings.dtype), open_device(settings.device)
    if dtype == torch.float32 and any(p.dtype == torch.float64 for p in model.parameters()):
        notes = (*notes, "weights rounded from float64 to float32; dtype float64 keeps them whole")
    check_range(label, model, dtype)
    with alone(by_probes):
        few = data.head(FEW, dtype, device)
        objective, of_time = timed(objective, model, few, timing, dtype=dtype, device=device)
        batches = data.batches(settings.batch_size, dtype, device)
        norm = settings.batch_norm
        risk = EmpiricalRisk(model, objective, batches, batch_norm=norm, dtype=dtype, device=device)
        ready = prepare(risk, data, label=label, seed=settings.seed, memory=settings.memory)
        doubtful = doubt(ready.risk, ready.evaluation, sidecar_info, data.split)
    risk = ready.risk
    risk.pairs = settings.pairs
    check_agreement(risk.theta, data)
    subject = Subject(
        label=label,
        checkpoint=checkpoint,
        checkpoint_sha256=checkpoint_sha256 or sha256_of_theta(risk.theta),
        model=model_name or type(model).__name__,
        spiking=is_spiking(model),
        surrogate="; ".join(spiking_notes(model)) or None,
        num_params=risk.num_params,
        num_frozen=risk.num_frozen,
        data=data.name,
        data_source=data.source,
        taken=data.taken,
        split=data.split,
        num_examples=len(data),
        num_available=data.num_available,
        examples_sha256=data.digest,
        loss_name=objective.name,
        loss=ready.evaluation.loss,
        accuracy=ready.evaluation.accuracy,
        grad_norm=ready.fingerprint.gradient_norm,
        training=sidecar_info,
        notes=(*notes, *of_time, *([doubtful] if doubtful else []), *ready.notes),
        fingerprint=ready.fingerprint,
    )
    return Target(
        subject=subject,
        risk=risk,
        settings=settings,
        by_probes=by_probes,
        doubt=doubtful,
        additivity=ready.additivity,
        second_derivative=ready.second_derivative,
    )
