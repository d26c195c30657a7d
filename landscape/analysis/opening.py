"""From a checkpoint file, or objects in memory, to a target."""

from dataclasses import replace
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
from landscape.analysis.target import IN_MEMORY, Target
from landscape.analysis.target_checks import (
    check_agreement,
    divide_probes,
    open_device,
    refuse_inference_mode,
    sha256_of_theta,
)
from landscape.analysis.target_settings import TargetSettings
from landscape.checkpoint.load import load_checkpoint
from landscape.checkpoint.match import check_range
from landscape.data.choosing import source_of
from landscape.data.source import Source, Told
from landscape.distributed import alone, check_whole
from landscape.nests import describe
from landscape.networks import copied, unwrapped
from landscape.objective.objective import Objective
from landscape.objective.readout import Function, readout_of
from landscape.objective.risk import EmpiricalRisk
from landscape.objective.timing import FEW, timed
from landscape.objective.timing_words import NOTHING_ASKED, Asked
from landscape.results import Subject, TrainingInfo
from landscape.snn.adapters import is_spiking, spiking_notes


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
    refuse_inference_mode()
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
        stored_rounding=ready.rounding,
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
