"""The published protocol as one frozen record: each default of training has its home here.

A network, data and a loss of the user's own take the place of the published ones in it.

Chang, Wang & Xiao (arXiv 2411.18250) and the code they released: CSNN with C = 128 and T = 4 on
20,000 Fashion-MNIST images, mean squared error of the mean firing rate against the one-hot label,
Adam at 1e-3 or SGD at 0.1 with momentum 0.9, cosine annealing over 64 epochs, batches of 128.
"""

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Self, get_args

from landscape.catalog.words import LAYOUTS, TIME_STEPS
from landscape.settings import setting

Beta = Literal["released", "surrogate"]
Optimizer = Literal["adam", "sgd"]

PUBLISHED_LEARNING_RATES: Mapping[Optimizer, float] = {"adam": 1e-3, "sgd": 0.1}
_LEARNING_RATES = ", ".join(f"{rate} ({name})" for name, rate in PUBLISHED_LEARNING_RATES.items())

# What Foret et al. (ICLR 2021, section 3.1) chose for CIFAR-10.
DEFAULT_SAM_RHO = 0.05


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """All that decides the final weights, apart from the machine.

    Attributes
    ----------
    model
        A network of the user's own, as ``--model`` takes it; None: the published one.
    init, gain, beta, leave
        Initialisation scheme, a factor on all its weights, β of the IKUN schemes, and parameters
        that are left as the network was built with.
    optimizer
        ``adam`` (β = 0.9, 0.999) or ``sgd`` (with ``momentum``).
    lr
        Learning rate of the first epoch; None is the published one of the optimiser.
    sam_rho
        Radius of sharpness-aware minimisation (Foret et al. 2021); 0 is plain training.
    seed
        Of the weights' base draws and, apart from them, of the order of the examples and of what
        the forward pass draws.
    images, data_seed
        Size and seed of the random subset of the training split; None is the whole split. Data of a
        network of the user's own may hold fewer: then all are taken.
    loss, objective
        What is minimised, as ``--loss`` or, in its place, ``--objective`` takes it.
    num_time_steps
        T of the published network. Of another: None is that of its data or, where neither they nor
        the network have one, 4, as schemes assume it then.
    layout, readout
        Where a network of the user's own has time, and what the loss gets of its outputs.
    drop_last
        Leave out the last partial batch of an epoch.
    snapshots
        Number of copies of the weights kept along the way, at even distances in epochs, the
        initial and final ones among them; 0 keeps none.
    """

    model: str | None = setting(
        None,
        help="A network of yours, file.py:factory[?k=v].  [default: the published one]",
    )
    init: str = setting("ikun_v1", help="Weight initialisation.")
    gain: float = setting(1.0, help="Multiplies all weights.")
    beta: Beta = setting(
        "released",
        help="β of the IKUN schemes: as released, or from the surrogate's derivative.",
    )
    leave: str | None = setting(
        None,
        metavar="GLOBS",
        help="Parameters to leave as the network was built with, such as embeddings.",
    )
    optimizer: Optimizer = "adam"
    lr: float | None = setting(
        None, help=f"Learning rate at the start.  [default: {_LEARNING_RATES}]"
    )
    momentum: float = setting(0.9, help="Of sgd.")
    weight_decay: float = setting(0.0)
    sam_rho: float = 0.0
    seed: int = setting(0, help="Of weights and order.")
    channels: int = setting(128, help="C of the CSNN.")
    num_time_steps: int | None = setting(
        None,
        "--time-steps",
        help="T of the CSNN; of other networks what schemes assume, and how often one whose call "
        "is one step is called, where the data have no frames.  "
        f"[default: {TIME_STEPS}]",
    )
    epochs: int = setting(64)
    batch_size: int = setting(128)
    drop_last: bool = True
    data: str = setting("fashion-mnist", help="Data set to train on, as analyze takes it.")
    images: int | None = setting(
        20_000, none=0, help="Random subset of the training images; 0 takes them all."
    )
    data_seed: int = setting(42, help="Of the subset.")
    loss: str = setting(
        "mse", help="mse, cross-entropy, nll or file.py:function(outputs, targets)."
    )
    objective: str | None = setting(
        None, help="In place of --loss: file.py:name of a function(model, batch) or an Objective."
    )
    layout: str | None = setting(
        None, choices=LAYOUTS, help="Where the network has time: (T, N, …) or (N, T, …)."
    )
    readout: str | None = setting(
        None,
        help="What the loss gets of outputs over time: rate, mem_mean, mem_max, last or "
        "file.py:function.",
    )
    snapshots: int = setting(
        0, help="Copies of the weights to keep along the way, for trajectories."
    )

    def __post_init__(self) -> None:
        if self.optimizer not in PUBLISHED_LEARNING_RATES:
            names = ", ".join(PUBLISHED_LEARNING_RATES)
            raise ValueError(f"optimizer must be one of {names}; got {self.optimizer!r}.")
        _require(self.beta in get_args(Beta), "beta", " or ".join(get_args(Beta)), repr(self.beta))
        if self.num_time_steps is None and self.model is None:
            object.__setattr__(self, "num_time_steps", TIME_STEPS)
        for name in ("channels", "num_time_steps", "epochs", "batch_size"):
            value = getattr(self, name)
            _require(value is None or value >= 1, name, "at least 1", value)
        for name in ("seed", "data_seed"):
            _require(getattr(self, name) >= 0, name, "0 or more", getattr(self, name))
        for name in ("gain", "learning_rate"):
            value = getattr(self, name)
            _require(math.isfinite(value) and value > 0, name, "a positive number", value)
        for name in ("weight_decay", "sam_rho"):
            value = getattr(self, name)
            _require(math.isfinite(value) and value >= 0, name, "0 or more", value)
        _require(0 <= self.momentum < 1, "momentum", "in [0, 1)", self.momentum)
        if self.images is not None:
            _require(self.images >= 1, "images", "at least 1", self.images)
        _require(
            self.snapshots == 0 or 2 <= self.snapshots <= self.epochs + 1,
            "snapshots",
            f"0, or from 2 to epochs + 1 = {self.epochs + 1}",
            self.snapshots,
        )

    @property
    def optimizer_name(self) -> str:
        """What users choose it by: ``sam-…`` is sharpness-aware minimisation around it."""
        return f"sam-{self.optimizer}" if self.sam_rho > 0 else self.optimizer

    @property
    def learning_rate(self) -> float:
        """Learning rate of the first epoch."""
        return PUBLISHED_LEARNING_RATES[self.optimizer] if self.lr is None else self.lr

    def learning_rate_at(self, epoch: int) -> float:
        """Learning rate of ``epoch``, counted from 1: cosine annealing to 0 after the last."""
        phase = math.pi * (epoch - 1) / self.epochs
        return self.learning_rate * (1 + math.cos(phase)) / 2

    @property
    def network(self) -> str:
        """The network, as ``--model`` takes it."""
        published = f"csnn?channels={self.channels}&num_time_steps={self.num_time_steps}"
        return self.model or published

    @property
    def minimised(self) -> str:
        """What is minimised, as ``--objective`` or ``--loss`` takes it."""
        return self.objective or self.loss

    @property
    def snapshot_epochs(self) -> tuple[int, ...]:
        """Epochs after which the weights are kept; 0 is the initialisation."""
        last = self.snapshots - 1  # rounded to whole epochs
        return tuple((2 * i * self.epochs + last) // (2 * last) for i in range(self.snapshots))

    def to_dict(self) -> dict[str, Any]:
        """All settings, as JSON can hold them."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, settings: Mapping[str, Any]) -> Self:
        """Read ``to_dict``'s result; a setting that it lacks takes its default.

        Raises
        ------
        ValueError
            It has a setting that this version does not know.
        """
        unknown = settings.keys() - {field.name for field in dataclasses.fields(cls)}
        if unknown:
            raise ValueError(f"unknown settings of training: {', '.join(sorted(unknown))}.")
        return cls(**settings)


def differences(old: TrainConfig, new: TrainConfig) -> str:
    """Say which settings differ, as ``name: old -> new; …``; empty if none."""
    before, after = old.to_dict(), new.to_dict()
    return "; ".join(
        f"{name}: {before[name]} -> {after[name]}" for name in after if before[name] != after[name]
    )


def _require(holds: bool, name: str, what: str, value: object) -> None:
    if not holds:
        raise ValueError(f"{name} must be {what}; got {value}.")
