"""Edges of stability: the largest λ_max at which an optimiser's steps do not leave a quadratic.

At the edge the slowest mode of the steps along the sharpest eigenvector has multiplier -1. In full
batches λ_max rises to the edge of the learning rate in use and stays near it (Cohen et al. 2021,
arXiv 2103.00065, appendix B; of preconditioned ones Cohen et al. 2022, arXiv 2207.14484); noise of
small batches keeps it below.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from landscape.catalog.registry import Registry


@dataclass(frozen=True, kw_only=True)
class Optimizer:
    """An optimiser at a checkpoint, as ``torch.optim`` steps it.

    Attributes
    ----------
    kind
        Of ``OPTIMIZERS``, or another name, of which no edge is known.
    learning_rate, rate_of
        Of the steps around the checkpoint as far as is known, and which one it is, in words.
    momentum
        m; of Adam β1.
    weight_decay
        w; of the kind it depends whether it is a part of the gradient.
    """

    kind: str
    learning_rate: float
    rate_of: str
    momentum: float = 0.0
    dampening: float = 0.0
    nesterov: bool = False
    weight_decay: float = 0.0

    def __str__(self) -> str:
        title = OPTIMIZERS[self.kind].title if self.kind in OPTIMIZERS else self.kind
        symbol = "Nesterov's momentum" if self.nesterov else "momentum"
        symbol = "β1" if self.kind in ("adam", "adamw") else symbol
        told = [title, f"{symbol} {self.momentum:g}"] if self.momentum else [title]
        told += [f"dampening {self.dampening:g}"] if self.dampening else []
        told += [f"weight decay {self.weight_decay:g}"] if self.weight_decay else []
        return ", ".join([*told, f"learning rate {self.learning_rate:g} ({self.rate_of})"])


@dataclass(frozen=True, kw_only=True)
class OptimizerKind:
    """An optimiser whose edge is known.

    Attributes
    ----------
    scale
        Whose λ_max the edge is of: that of S (H + w I) S at this scale, w the gradient's decay.
    edge
        The edge, in the unit of that scale.
    is_decoupled
        Whether weight decay shrinks the weights beside the step; else it is in the gradient.
    """

    name: str
    title: str
    scale: str
    edge: Callable[[Optimizer], float]
    is_decoupled: bool = False


class Edge(NamedTuple):
    """Where an optimiser leaves a quadratic, and what that holds for; or why it is not known."""

    value: float | None
    words: str


def heavy_ball_edge(optimizer: Optimizer) -> float:
    """(2 + 2m) / ((1 - d) lr), Nesterov's (2 + 2m) / ((1 + 2m) lr); 2 / lr without momentum."""
    m, lr = optimizer.momentum, optimizer.learning_rate
    dampening = optimizer.dampening if m else 0.0  # torch.optim.SGD dampens what it keeps
    factor = 1 + 2 * m if optimizer.nesterov else 1 - dampening
    return (2 + 2 * m) / (factor * lr)


def adam_edge(optimizer: Optimizer) -> float:
    """(2 + 2 β1) / ((1 - β1) lr)."""
    return (2 + 2 * optimizer.momentum) / ((1 - optimizer.momentum) * optimizer.learning_rate)


def adamw_edge(optimizer: Optimizer) -> float:
    """(1 + β1) (2 - lr w) / ((1 - β1) lr): each step shrinks the weights by lr w beforehand."""
    return adam_edge(optimizer) * (1 - optimizer.learning_rate * optimizer.weight_decay / 2)


OPTIMIZERS = Registry(
    "optimizer",
    OptimizerKind(name="sgd", title="SGD", scale="none", edge=heavy_ball_edge),
    OptimizerKind(name="adam", title="Adam", scale="optimizer", edge=adam_edge),
    OptimizerKind(
        name="adamw", title="AdamW", scale="optimizer", edge=adamw_edge, is_decoupled=True
    ),
    OptimizerKind(name="rmsprop", title="RMSprop", scale="optimizer", edge=heavy_ball_edge),
)


def edge_of(optimizer: Optimizer, *, scale: str, weight_decay: float = 0.0) -> Edge:
    """The edge for λ_max of S (H + wd I) S at ``scale``, or why there is none."""
    if optimizer.kind.startswith("sam-"):
        return Edge(
            None,
            "sharpness-aware minimisation leaves a minimum below the edge of its optimiser, by as "
            "much as the gradient of each batch decides",
        )
    if optimizer.kind not in OPTIMIZERS:
        return Edge(None, f"no edge of stability is known of {optimizer.kind}")
    kind = OPTIMIZERS[optimizer.kind]
    if not optimizer.learning_rate > 0:
        return Edge(None, f"there is no edge at a learning rate of 0 ({optimizer.rate_of})")
    if scale != kind.scale:
        needs = "" if kind.scale == "none" else ", which needs the optimiser's state"
        return Edge(
            None, f"the edge of {kind.title} is one of λ_max at --scale {kind.scale}{needs}"
        )
    own = 0.0 if kind.is_decoupled else optimizer.weight_decay
    edge = kind.edge(optimizer)
    if scale == "none":
        edge += weight_decay - own
    elif own != weight_decay:
        return Edge(
            None,
            f"the edge of {kind.title} is one of λ_max with its weight decay, which is part of the "
            f"gradient: --weight-decay {own:g}",
        )
    return Edge(edge, str(optimizer))
