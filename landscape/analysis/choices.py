"""Which network, examples and loss a checkpoint is analysed with: what was asked, else its own.

Names that come from a file are looked up among the built-in ones and never imported.
"""

from typing import NamedTuple

import torch
from torch import nn

from landscape.analysis.network import Network
from landscape.analysis.target_settings import TargetSettings
from landscape.catalog.words import MOST_EXAMPLES
from landscape.checkpoint.errors import CheckpointError
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
from landscape.data.opening import open_dataset
from landscape.data.selection import select_examples
from landscape.data.source import Source
from landscape.factories import LOSSES, OBJECTIVES, load_object
from landscape.objective.losses import BUILTIN_LOSSES
from landscape.objective.objective import Objective
from landscape.objective.own_loss import own_loss
from landscape.objective.pair import loss_of
from landscape.results import TrainingInfo

_OWN_DATA = (NAME, EMBEDDED_NAME)
_TRIED = 4  # examples that a network's own loss is looked at on


class ChosenData(NamedTuple):
    """Examples, and what should be known of how they were chosen."""

    source: Source
    notes: tuple[str, ...]


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
    if spec is None and infer_model(checkpoint.state) is not None:
        spec = "mse"
    if spec is None:
        raise CheckpointError(
            f"{checkpoint.path}: nothing says which loss it was trained with. Name it: --loss "
            f"{'|'.join(BUILTIN_LOSSES)}, --loss module:function of (outputs, targets), or "
            "--objective module:function of (model, batch)."
        )
    return named_loss(spec)


def named_loss(spec: str) -> Objective:
    """A built-in loss, or what ``module:function`` names.

    That is itself the function of (outputs, targets), or a loss module, not a factory of it.
    """
    if spec in BUILTIN_LOSSES:
        return loss_of(spec)
    found = load_object(spec, group=LOSSES, builtin=BUILTIN_LOSSES)
    return found if isinstance(found, Objective) else loss_of(found, spec)


def named_objective(spec: str) -> Objective:
    """The ``Objective``, or function of (model, batch), that ``module:name`` names."""
    found = load_object(spec, group=OBJECTIVES, builtin={})
    return found if isinstance(found, Objective) else Objective(found, name=spec)


def objective_of(loss: object, objective: object) -> Objective:
    """What a Python call means by its loss and its ``objective=``, of which it gives one.

    A bare function is one of (outputs, targets) as a loss, and of (model, batch) as an objective.

    Raises
    ------
    ValueError
        If both are given, or neither, or they are of another kind.
    """
    if (loss is None) == (objective is None):
        raise ValueError("give either a loss or objective=…, what is minimised; one of the two.")
    for given in (loss, objective):
        if isinstance(given, Objective):
            return given
    if isinstance(objective, str):
        return named_objective(objective)
    if objective is not None:
        return Objective(objective)  # type: ignore[arg-type]  # which checks that it is a function
    return named_loss(loss) if isinstance(loss, str) else loss_of(loss)  # type: ignore[arg-type]


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
    if choice.split == "train" and sidecar is not None and sidecar.data.name == name:
        whole = open_dataset(name, split=choice.split, data_dir=data_dir)
        whole, notes = _trained_on(whole, sidecar)
        source = source_of(whole, choice)
    else:
        folder = folder_of(settings.model or model_spec(checkpoint))
        source = open_source(name, choice, data_dir=data_dir, tokenizer=folder)
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


def _trained_on(dataset: Dataset, sidecar: Sidecar) -> tuple[Dataset, tuple[str, ...]]:
    """The examples that the network was trained on, where ``dataset`` holds them."""
    spec = sidecar.data
    if spec.num_examples is None or spec.seed is None or spec.num_examples > len(dataset):
        return dataset, ()
    subset = select_examples(dataset, spec.num_examples, seed=spec.seed)
    if spec.sha256 and subset.indices_sha256 != spec.sha256:
        return dataset, ("its training examples could not be told: drawn from the whole split",)
    return subset, ()
