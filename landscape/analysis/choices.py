"""Which network, examples and loss a checkpoint is analysed with: what was asked, else its own.

Names that come from a file are looked up among the built-in ones and never imported.
"""

from pathlib import Path
from typing import NamedTuple

from landscape.checkpoint import Checkpoint, CheckpointError, Sidecar, infer_model
from landscape.curvature.losses import BUILTIN_LOSSES, Loss
from landscape.data.dataset import Dataset
from landscape.data.fashion_mnist import EMBEDDED_NAME, NAME
from landscape.data.opening import open_dataset
from landscape.data.selection import select_examples
from landscape.factories import LOSSES, load_factory
from landscape.results import TrainingInfo

DEFAULT_EXAMPLES = "1000"  # at most: a smaller data set is taken whole
_OWN_DATA = (NAME, EMBEDDED_NAME)


class ChosenData(NamedTuple):
    """Examples, and what should be known of how they were chosen."""

    dataset: Dataset
    notes: tuple[str, ...]


def choose_loss(checkpoint: Checkpoint, asked: str | None) -> Loss:
    """The loss asked for, else the sidecar's, else what the released code trains with.

    Raises
    ------
    CheckpointError
        If nothing says which.
    """
    spec = asked
    if spec is None and checkpoint.sidecar and checkpoint.sidecar.loss in BUILTIN_LOSSES:
        spec = checkpoint.sidecar.loss
    if spec is None and infer_model(checkpoint.state) is not None:
        spec = "mse"
    if spec is None:
        raise CheckpointError(
            f"{checkpoint.path}: nothing says which loss it was trained with. Name it: --loss "
            f"{'|'.join(BUILTIN_LOSSES)}, or --loss module:function."
        )
    return named_loss(spec)


def named_loss(spec: str) -> Loss:
    """A built-in loss, or the function that ``module:function`` names.

    ``module:function`` is itself ``function(outputs, targets)``, not a factory of it.
    """
    found = load_factory(spec, group=LOSSES, builtin=BUILTIN_LOSSES)
    if not found.arguments:
        return Loss(spec, found.function)
    arguments = dict(found.arguments)
    return Loss(spec, lambda outputs, targets: found.function(outputs, targets, **arguments))


def choose_data(
    checkpoint: Checkpoint,
    asked: str | None,
    *,
    split: str,
    examples: str | None,
    data_dir: Path | None,
    seed: int,
) -> ChosenData:
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
    name = asked
    if name is None and sidecar and sidecar.data.name in _OWN_DATA:
        name = sidecar.data.name
    if name is None and infer_model(checkpoint.state) is not None:
        name = NAME
    if name is None:
        raise CheckpointError(
            f"{checkpoint.path}: nothing says which data to evaluate it on. Name them: --data "
            "examples.npz (arrays x and y), --data module:factory, or --data fashion-mnist."
        )
    dataset = open_dataset(name, split=split, data_dir=data_dir)
    notes: tuple[str, ...] = ()
    if split == "train" and sidecar is not None and sidecar.data.name == name:
        dataset, notes = _trained_on(dataset, sidecar)
    if examples == DEFAULT_EXAMPLES and int(examples) > len(dataset):
        # The default bounds the work; a number of the user's own is what must be there.
        notes = (*notes, f"the data hold {len(dataset)} examples: all used")
        examples = None
    return ChosenData(select_examples(dataset, examples, seed=seed), notes)


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


def _trained_on(dataset: Dataset, sidecar: Sidecar) -> tuple[Dataset, tuple[str, ...]]:
    """The examples that the network was trained on, where ``dataset`` holds them."""
    spec = sidecar.data
    if spec.num_examples is None or spec.seed is None or spec.num_examples > len(dataset):
        return dataset, ()
    subset = select_examples(dataset, spec.num_examples, seed=spec.seed)
    if spec.sha256 and subset.indices_sha256 != spec.sha256:
        return dataset, ("its training examples could not be told: drawn from the whole split",)
    return subset, ()
