"""From a checkpoint file to what an analysis works on: the risk, and whose risk it is."""

import copy
import hashlib
import math
import os
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor, nn

from landscape.analysis.choices import DEFAULT_EXAMPLES, choose_data, choose_loss, training_info
from landscape.analysis.memory import fitting_batches
from landscape.analysis.target_checks import (
    check_agreement,
    first_batch_notes,
    fitting_advice,
    sha256_of_theta,
)
from landscape.checkpoint import check_range, load_checkpoint, model_of, model_spec
from landscape.curvature.losses import Loss
from landscape.curvature.risk import Batch, EmpiricalRisk, cut, make_batches
from landscape.data.dataset import Dataset
from landscape.distributed import alone, rank, world_size
from landscape.results import Subject, TrainingInfo
from landscape.snn.adapters import is_spiking, set_eval, spiking_notes

# With fewer examples a process, a matvec's time hardly shrinks any more (docs/scaling.md).
_LEAST_SHARE = 64

DTYPES = {"float32": torch.float32, "float64": torch.float64}


@dataclass(frozen=True, kw_only=True)
class TargetSettings:
    """What decides which function of which parameters is analysed, and what it may take.

    None stands for what the checkpoint's sidecar or its tensors say.
    """

    model: str | None = None
    data: str | None = None
    data_dir: Path | None = None
    loss: str | None = None
    split: str = "train"
    examples: str | None = DEFAULT_EXAMPLES
    batch_size: int = 250
    batch_norm: str = "eval"
    dtype: str = "float32"
    device: str = "cpu"
    seed: int = 0
    command: str = ""
    use_ema: bool = False
    state_key: str | None = None
    allow_globals: tuple[str, ...] = ()
    unsafe_pickle: bool = False
    share: str = "examples"  # what processes divide: examples, probes, or auto
    memory: int | None = None  # bytes that a process may take; None: what the machine has free


@dataclass(frozen=True, kw_only=True)
class Target:
    """A network at its weights on chosen examples: everything an analysis needs."""

    subject: Subject
    risk: EmpiricalRisk
    settings: TargetSettings
    by_probes: bool = False  # every process has all examples, and probes of its own

    @property
    def model(self) -> nn.Module:
        return self.risk.model

    @property
    def device(self) -> torch.device:
        return self.risk.device

    def generator(self, purpose: str) -> torch.Generator:
        """A CPU generator for one purpose, seeded by the run's seed: the same on every device."""
        digest = hashlib.sha256(f"{purpose} {self.settings.seed}".encode()).digest()
        return torch.Generator().manual_seed(int.from_bytes(digest[:7], "big"))

    def shards(self, count: int) -> list["Target"]:
        """The target on ``count`` disjoint parts of its examples, every ``count``-th in each.

        Raises
        ------
        ValueError
            With fewer examples than shards.
        """
        if not 2 <= count <= self.risk.num_examples:
            raise ValueError(f"shards must lie in [2, {self.risk.num_examples}]; got {count}.")
        batches = self.risk.batches
        size = max((len(batch.targets) for batch in batches), default=1)
        if not batches:  # this process has no examples; the others' shards are made together
            return [replace(self, risk=self.risk.on([])) for _ in range(count)]
        inputs = torch.cat([b.inputs for b in batches])
        targets = torch.cat([b.targets for b in batches])
        # By the place in the whole data, so that any number of processes makes the same shards.
        shard = (rank() + world_size() * torch.arange(len(targets))) % count
        return [
            replace(self, risk=self.risk.on(_not_empty(cut(inputs[own], targets[own], size))))
            for own in ((shard == k).to(targets.device) for k in range(count))
        ]


def open_target(path: Path, settings: TargetSettings, *, label: str | None = None) -> Target:
    """Load a checkpoint into its network and evaluate it on the chosen examples.

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
    model, fitted = model_of(checkpoint, settings.model)
    data = choose_data(
        checkpoint,
        settings.data,
        split=settings.split,
        examples=settings.examples,
        data_dir=settings.data_dir,
        seed=settings.seed,
    )
    loss = choose_loss(checkpoint, settings.loss)
    return make_target(
        model,
        loss,
        data.dataset,
        settings,
        label=label or path.stem,
        checkpoint=str(path),
        checkpoint_sha256=checkpoint.sha256,
        model_name=settings.model or model_spec(checkpoint) or "",
        notes=(*checkpoint.notes, *fitted, *data.notes),
        sidecar_info=training_info(checkpoint.sidecar),
    )


def make_target(
    model: nn.Module,
    loss: Loss,
    data: Dataset,
    settings: TargetSettings,
    *,
    label: str,
    checkpoint: str = "in memory",
    checkpoint_sha256: str = "",
    model_name: str = "",
    notes: tuple[str, ...] = (),
    sidecar_info: TrainingInfo | None = None,
) -> Target:
    """Make a target of objects in memory; ``model`` is copied, and stays as it was."""
    if settings.dtype not in DTYPES:
        raise ValueError(f"dtype must be one of {', '.join(DTYPES)}; got {settings.dtype!r}.")
    by_probes = _by_probes(settings.share, len(data))
    dtype, device = DTYPES[settings.dtype], open_device(settings.device)
    if dtype == torch.float32 and any(p.dtype == torch.float64 for p in model.parameters()):
        notes = (*notes, "weights rounded from float64 to float32; dtype float64 keeps them whole")
    check_range(label, model, dtype)
    model = copy.deepcopy(model).to(device=device, dtype=dtype)
    notes = (*notes, *set_eval(model))
    inputs, targets = _cast(data.inputs, dtype, device), _cast(data.targets, dtype, device)
    with alone(by_probes):
        risk = EmpiricalRisk(
            model,
            loss,
            _not_empty(make_batches(inputs, targets, settings.batch_size)),
            batch_norm=settings.batch_norm,
        )
        if risk.coupled_by and world_size() > 1:
            raise ValueError(
                f"{risk.coupled_by} uses the statistics of each batch, and how examples fall into "
                "batches depends on the number of processes. Use --bn eval and layers that keep "
                "running statistics, or one process."
            )
        if settings.memory is not None:
            risk = fitting_batches(risk, settings.memory)
        with fitting_advice(label, risk, data):
            evaluation = risk.evaluate()
        notes = (*notes, *first_batch_notes(risk))
        gradient_norm = float(risk.gradient().double().norm())
    check_agreement(risk.theta, data)
    if not (math.isfinite(evaluation.loss) and math.isfinite(gradient_norm)):
        raise ValueError(
            f"{label}: its loss is {evaluation.loss} and its gradient norm {gradient_norm} on "
            f"these examples, so it has no curvature to speak of. Check weights, inputs "
            "(pixel/255?) and loss; for overflow, try --dtype float64."
        )
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
        split=data.split,
        num_examples=len(data),
        examples_sha256=hashlib.sha256(f"{data.sha256} {data.indices_sha256}".encode()).hexdigest(),
        loss_name=loss.name,
        loss=evaluation.loss,
        accuracy=evaluation.accuracy,
        grad_norm=gradient_norm,
        training=sidecar_info,
        notes=notes,
    )
    return Target(subject=subject, risk=risk, settings=settings, by_probes=by_probes)


def _by_probes(share: str, num_examples: int) -> bool:
    """Whether processes take probes of their own on all examples, rather than a part of these."""
    few = num_examples < _LEAST_SHARE * world_size()
    return world_size() > 1 and (share == "probes" or (share == "auto" and few))


def _not_empty(batches: list[Batch]) -> list[Batch]:
    """Without the empty batch that stands for no examples: not every layer takes one."""
    return [batch for batch in batches if len(batch.targets)]


def open_device(name: str) -> torch.device:
    """The device called ``name``, once it has held a float64 and given it back.

    Raises
    ------
    ValueError
        If it is unknown, or cannot be used here.
    """
    if name == "cuda" and "LOCAL_RANK" in os.environ:  # under torchrun, a GPU each
        name = f"cuda:{os.environ['LOCAL_RANK']}"
    try:
        device = torch.device(name)
        torch.zeros((), dtype=torch.float64, device=device).item()
    except (RuntimeError, AssertionError, TypeError) as error:
        reason = str(error).splitlines()[0]
        raise ValueError(f"device {name!r} cannot be used: {reason}. Try --device cpu.") from error
    return device


def _cast(tensor: Tensor, dtype: torch.dtype, device: torch.device) -> Tensor:
    return tensor.to(device=device, dtype=dtype if tensor.is_floating_point() else None)
