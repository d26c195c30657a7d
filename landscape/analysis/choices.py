"""Which network, examples and loss a checkpoint is analysed with: what was asked, else its own.

Names that come from a file are looked up among the built-in ones and never imported.
"""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import torch
from torch import nn

from landscape.analysis.network import Network
from landscape.analysis.target_settings import TargetSettings
from landscape.catalog.words import LAYOUTS, MOST_EXAMPLES, TIME_STEPS
from landscape.checkpoint.errors import CheckpointError, printable
from landscape.checkpoint.infer import infer_model
from landscape.checkpoint.load import Checkpoint
from landscape.checkpoint.model_folders import folder_of
from landscape.checkpoint.models import model_spec
from landscape.checkpoint.optimizer_state import OptimizerState, find_optimizer
from landscape.checkpoint.sidecar import Sidecar
from landscape.data.choice import Choice
from landscape.data.choosing import open_source, source_of
from landscape.data.dataset import Dataset
from landscape.data.fashion_mnist import EMBEDDED_NAME, NAME
from landscape.data.selection import select_examples
from landscape.data.source import Source, Told
from landscape.objective.losses import BUILTIN_LOSSES
from landscape.objective.named import named_loss, named_objective
from landscape.objective.objective import Objective
from landscape.objective.own_loss import own_loss
from landscape.objective.readout import NAMES, readout_of
from landscape.objective.timing_words import Asked
from landscape.results import TrainingInfo

_OWN_DATA = (NAME, EMBEDDED_NAME)
_MOST_STEPS = 10_000  # that a sidecar is believed
_TRIED = 4  # examples that a network's own loss is looked at on


class ChosenData(NamedTuple):
    """Examples, and what should be known of how they were chosen."""

    source: Source
    notes: tuple[str, ...]


def choice_of(settings: TargetSettings, told: Told | None) -> Choice:
    """Which examples the settings ask for; ``told`` hears how far a stream of them is read."""
    return Choice(
        split=settings.split,
        examples=settings.examples,
        seed=settings.seed,
        keep=settings.keep,
        told=told,
    )


def choose_problem(
    checkpoint: Checkpoint, network: Network, settings: TargetSettings, choice: Choice
) -> tuple[Objective, ChosenData]:
    """What is minimised, and on which examples; see ``choose_objective`` and ``choose_data``.

    Where nothing is asked for, a network by transformers is taken by the loss that it computes.

    Raises
    ------
    CheckpointError
        If nothing says which loss or which data.
    ValueError
        If loss, data or examples cannot be found, or the network computes no loss of them.
    """
    is_asked = settings.loss is not None or settings.objective is not None
    if is_asked or not network.has_own_loss:
        objective = choose_objective(checkpoint, settings.loss, settings.objective)
        return objective, choose_data(checkpoint, settings, choice)
    data = choose_data(checkpoint, settings, choice)
    source, model = data.source, network.model
    dtype = next((p.dtype for p in model.parameters()), torch.float32)
    try:
        objective, read_as = own_loss(model, source.head(_TRIED, dtype, torch.device("cpu")))
    except ValueError as error:
        raise ValueError(f"{error} ({source.name} gives {source.outline()})") from error
    return objective, ChosenData(source, (*data.notes, *read_as))


def choose_objective(checkpoint: Checkpoint, loss: str | None, objective: str | None) -> Objective:
    """The objective or loss asked for, else the sidecar's, else what the released code trains with.

    Raises
    ------
    CheckpointError
        If nothing says which.
    ValueError
        If both are asked for.
    """
    if loss is not None and objective is not None:
        raise ValueError("--loss and --objective are two ways to say what is minimised: give one.")
    if objective is not None:
        return named_objective(objective)
    spec = loss
    if spec is None and checkpoint.sidecar and checkpoint.sidecar.loss in BUILTIN_LOSSES:
        spec = checkpoint.sidecar.loss
    if spec is None and checkpoint.sidecar:
        named = printable(checkpoint.sidecar.loss)
        raise CheckpointError(
            f"{checkpoint.path}: its sidecar says that '{named}' was minimised, which is not built "
            "in; code named in a file is not imported. If you trust it, say so: --loss or "
            f"--objective '{named}'."
        )
    if spec is None and infer_model(checkpoint.state) is not None:
        spec = "mse"
    if spec is None:
        raise CheckpointError(
            f"{checkpoint.path}: nothing says which loss it was trained with. Name it: --loss "
            f"{'|'.join(BUILTIN_LOSSES)}, --loss module:function of (outputs, targets), or "
            "--objective module:function of (model, batch)."
        )
    return named_loss(spec)


def choose_timing(
    checkpoint: Checkpoint, settings: TargetSettings
) -> tuple[Asked, tuple[str, ...]]:
    """How the network is led through time: as asked for, else as in its training.

    Returns
    -------
    Asked, and what was asked for otherwise than it was trained with

    Raises
    ------
    CheckpointError
        If the sidecar names a readout that is not built in.
    ValueError
        If there is no such readout.
    """
    of_training = checkpoint.sidecar.config if checkpoint.sidecar else {}
    if is_known := of_training.get("model") is not None:
        steps = of_training.get("num_time_steps") or TIME_STEPS
    else:
        of_training, steps = {}, None  # the published network, which makes its own steps
    layout, readout = of_training.get("layout"), of_training.get("readout")
    if settings.readout is None and readout is not None and readout not in NAMES:
        named = printable(str(readout))
        raise CheckpointError(
            f"{checkpoint.path}: its sidecar says that outputs were read out by '{named}', which "
            "is not built in; code named in a file is not imported. If you trust it, say so: "
            f"--readout '{named}'."
        )
    is_number = isinstance(steps, int) and 1 <= steps <= _MOST_STEPS
    asked = Asked(
        settings.layout or (layout if layout in LAYOUTS else None),
        settings.time_steps or (steps if is_number else None),
        readout_of(settings.readout or readout),
        is_assumed=settings.time_steps is None,
        is_binding=settings.time_steps is not None,
    )
    options = {
        "--layout": (layout, settings.layout),
        "--time-steps": (of_training.get("num_time_steps"), settings.time_steps),
        "--readout": (readout, settings.readout),
    }
    notes = [
        f"{option} {now} is not that of its training, "
        + ("which had none" if then is None else printable(f"{option} {then}"))
        for option, (then, now) in options.items()
        if is_known and now is not None and now != then
    ]
    return asked, tuple(notes)


def choose_data(checkpoint: Checkpoint, settings: TargetSettings, choice: Choice) -> ChosenData:
    """The examples: of what was asked for, else of what the checkpoint was trained on.

    A random subset of training examples is drawn from those that the network was trained on,
    where its sidecar tells and that copy of the data is at hand. Where the data hold fewer than
    the default number, all are taken, and a note says so.

    Raises
    ------
    CheckpointError
        If nothing says which data.
    ValueError
        If the examples that were asked for reach beyond the data.
    """
    sidecar = checkpoint.sidecar
    name, data_dir = settings.data, settings.data_dir
    if name is None and sidecar and sidecar.data.name in _OWN_DATA:
        name = sidecar.data.name
    if name is None and infer_model(checkpoint.state) is not None:
        name = NAME
    if name is None:
        raise CheckpointError(
            f"{checkpoint.path}: nothing says which data to evaluate it on. Name them: --data "
            "examples.npz (arrays x and y, or the arguments of a Hugging Face network), --data "
            "module:factory, or --data fashion-mnist."
        )
    notes: tuple[str, ...] = ()
    folder = folder_of(settings.model or model_spec(checkpoint))
    read = partial(open_source, name, data_dir=data_dir, tokenizer=folder)
    source = None
    if choice.split == "train" and sidecar is not None and sidecar.data.name == name:
        source, notes = _among_trained_on(sidecar, read, choice)
    if source is None:
        source = read(choice)
    if choice.examples is None and len(source) < MOST_EXAMPLES:
        # The default bounds the work; a number of the user's own is what must be there.
        notes = (*notes, f"the data hold {len(source)} examples: all used")
    return ChosenData(source, notes)


def training_info(sidecar: Sidecar | None) -> TrainingInfo | None:
    """What a sidecar says of the training, in the form that results store."""
    if sidecar is None:
        return None
    training, metrics = sidecar.training, sidecar.metrics
    beta = sidecar.config.get("beta")
    return TrainingInfo(
        init=training.init,
        gain=training.gain,
        beta=beta if isinstance(beta, str) else None,
        optimizer=training.optimizer,
        learning_rate=training.learning_rate,
        last_learning_rate=training.last_learning_rate,
        momentum=training.momentum,
        weight_decay=training.weight_decay,
        batch_size=training.batch_size,
        seed=training.seed,
        epoch=training.epoch,
        num_epochs=training.epochs,
        train_loss=metrics.train_loss,
        train_accuracy=metrics.train_accuracy,
        test_loss=metrics.test_loss,
        test_accuracy=metrics.test_accuracy,
    )


def optimizer_state_of(
    checkpoint: Checkpoint, model: nn.Module, settings: TargetSettings
) -> tuple[OptimizerState | None, tuple[str, ...]]:
    """The optimiser's state that the checkpoint holds, and why, if it holds one that is no use."""
    if settings.use_ema or settings.unsafe_pickle:
        return None, ()  # averaged weights are not those that it steps; no pickle is run twice
    try:
        return find_optimizer(checkpoint, model, settings.allow_globals), ()
    except CheckpointError as error:
        return None, (f"the optimiser's state was not used: {error}",)


def _among_trained_on(
    sidecar: Sidecar, read: Callable[[Choice], Source], choice: Choice
) -> tuple[Source | None, tuple[str, ...]]:
    """Some of the random subset that the network was trained on; None: it was no subset."""
    spec = sidecar.data
    if spec.num_examples is None or spec.seed is None:
        return None, ()
    whole = read(Choice(split=choice.split, examples="all", seed=choice.seed))
    if isinstance(whole, Dataset) and spec.num_examples <= len(whole):
        subset = select_examples(whole, spec.num_examples, seed=spec.seed)
        if not spec.sha256 or subset.indices_sha256 == spec.sha256:
            return source_of(subset, choice), ()
    elif isinstance(whole, Dataset):
        return None, ()  # a smaller copy of the data, such as the embedded one
    return None, ("its training examples could not be told: drawn from the whole split",)
