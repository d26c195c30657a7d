"""Whose numbers a result holds, and how they were made: the header of every result."""

from dataclasses import dataclass, field

from landscape.results.fingerprint import Fingerprint, StoredRounding


@dataclass(frozen=True, kw_only=True)
class TrainingInfo:
    """How the checkpoint was trained, as its sidecar says; None where it does not."""

    init: str
    gain: float = 1.0
    beta: str | None = None
    optimizer: str
    learning_rate: float  # of the first epoch
    last_learning_rate: float | None = None  # of the last finished epoch, where it is known
    momentum: float | None = None
    weight_decay: float = 0.0
    batch_size: int | None = None
    seed: int
    epoch: int
    num_epochs: int
    train_loss: float | None = None
    train_accuracy: float | None = None
    test_loss: float | None = None
    test_accuracy: float | None = None


@dataclass(frozen=True, kw_only=True)
class Subject:
    """A checkpoint, its network, the examples and the loss: what a number is a number of."""

    label: str  # in figures and tables; from the file's name
    checkpoint: str  # the path as it was given
    checkpoint_sha256: str
    model: str  # e.g. csnn?channels=16
    spiking: bool
    surrogate: str | None = None  # its neurons with their surrogate, in words
    num_params: int  # P of the whole network, frozen ones left out
    num_frozen: int = 0
    data: str  # e.g. fashion-mnist
    data_source: str  # which copy of it
    taken: str = ""  # which of its examples, in words: all, a random subset, the first N
    split: str
    num_examples: int  # N
    # Of how many these are all, or a random subset; None: not known, or chosen by their places.
    num_available: int | None = None
    examples_sha256: str  # of the examples' indices and contents
    loss_name: str
    loss: float  # mean over the N examples
    accuracy: float | None = None  # fraction; None where the targets are not classes
    grad_norm: float  # ‖∇L‖₂ of the mean loss
    training: TrainingInfo | None = None
    notes: tuple[str, ...] = ()  # what loading stripped, converted or ignored
    fingerprint: Fingerprint | None = None  # what network, loss and data compute at θ
    # What rounding weights to their bits does, where these are few; None: many, or not measured.
    stored_rounding: StoredRounding | None = None


@dataclass(frozen=True, kw_only=True)
class OperatorSpec:
    """Which linear operator, and every setting that changes its spectrum."""

    name: str  # hessian | ggn | fisher | smooth-hessian
    params: str = "*"  # glob over parameter names
    num_params: int  # P of the operator: the selected parameters
    scale: str = "none"  # none | filter | weight | symmetry | optimizer: the spectrum of S'AS
    weight_decay: float = 0.0  # A + wd I
    batch_norm: str = "eval"  # eval | train
    dtype: str = "float32"


@dataclass(frozen=True, kw_only=True)
class Provenance:
    """What it takes to make the same numbers again."""

    command: str
    seed: int
    device: str
    num_threads: int
    num_processes: int = 1
    seconds: float
    num_matvecs: int = 0
    versions: dict[str, str] = field(default_factory=dict)
