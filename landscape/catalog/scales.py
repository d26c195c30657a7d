"""Scales S of S A S: their names, what leaves them alone, and what computes their diagonals."""

from dataclasses import dataclass

from landscape.catalog.registry import Part, Registry

# Rescalings of the weights, none of which changes the function.
BATCH_NORM = "batch-norm"  # of whole filters before a batch norm
RELU = "relu"  # of whole layers between ReLUs (Dinh et al. 2017)
RELU_UNIT = "relu-unit"  # of single units between ReLUs


@dataclass(frozen=True, kw_only=True)
class ScaleKind:
    """A diagonal S made of the weights, or of what the optimiser keeps of each.

    Attributes
    ----------
    name
        What users type: ``--scale``.
    diagonal
        ``module:function`` of (layout, θ), shape (P,); of (layout, P) where S is made of the
        diagonal of the optimiser's preconditioner P.
    words
        What S holds, for readers.
    of_weights
        Whether S is made of θ; else of P.
    relative
        The same for noise, with E‖S ε‖² = ‖θ‖²; empty: the diagonal times ‖θ‖ / ‖S‖.
    invariant_under
        Rescalings that leave what is measured with S alone.
    unit
        Of eigenvalues of S A S.
    """

    name: str
    diagonal: str
    words: str = ""
    of_weights: bool = True
    relative: str = ""
    invariant_under: tuple[str, ...] = ()
    unit: str = "loss"


SCALES = Registry(
    "scale",
    ScaleKind(name="none", diagonal="landscape.curvature.scaling:no_scale", unit="loss/θ²"),
    ScaleKind(
        name="filter",
        diagonal="landscape.curvature.scaling:filter_scale",
        words="filter norms",
        relative="landscape.curvature.scaling:filter_noise",
        invariant_under=(BATCH_NORM, RELU),
    ),
    ScaleKind(
        name="weight",
        diagonal="landscape.curvature.scaling:weight_scale",
        words="weight norms",
        invariant_under=(BATCH_NORM, RELU, RELU_UNIT),
    ),
    ScaleKind(
        name="optimizer",
        diagonal="landscape.curvature.scaling:optimizer_scale",
        words="P^-1/2 of the optimiser's preconditioner P",
        of_weights=False,
        unit="1/θ",
    ),
)

# Those that perturbations can have: relative to the weights.
SCALES_OF_WEIGHTS = Part(SCALES, lambda kind: kind.of_weights)


def scale_called(name: str) -> ScaleKind:
    """The scale of that name; one that claims nothing where a result of elsewhere has another."""
    return SCALES[name] if name in SCALES else ScaleKind(name=name, diagonal="")
