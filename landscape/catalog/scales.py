"""Scales S of S'AS: their names, what leaves them alone, and what computes them."""

from dataclasses import dataclass

from landscape.catalog.registry import Part, Registry

# Rescalings of the weights, none of which changes the function.
BATCH_NORM = "batch-norm"  # of whole filters before a batch norm
RELU = "relu"  # of whole layers between ReLUs (Dinh et al. 2017)
RELU_UNIT = "relu-unit"  # of single units between ReLUs
# And what attention, adapters and adjacent linear maps leave open: A and its inverse in a product.
PRODUCTS = "products"


@dataclass(frozen=True, kw_only=True)
class ScaleKind:
    """An S made of the weights, or of what the optimiser keeps of each.

    Attributes
    ----------
    name
        What users type: ``--scale``.
    diagonal
        ``module:function`` of (layout, θ), shape (P,); of (layout, P) where S is made of the
        diagonal of the optimiser's preconditioner P. Empty: S is not diagonal.
    linear
        In its place ``module:function`` of a risk, a ``LinearMap``, which is relative by itself.
    words
        What S holds, for readers.
    of_weights
        Whether S is made of θ; else of P.
    relative
        The same for noise, with E‖S ε‖² = ‖θ‖²; empty: the diagonal times ‖θ‖ / ‖S‖.
    invariant_under
        Rescalings that leave what is measured with S alone.
    unit
        Of eigenvalues of S'AS.
    sources
        Keys of its references, see :mod:`landscape.paper.bibliography`.
    """

    name: str
    diagonal: str = ""
    linear: str = ""
    words: str = ""
    of_weights: bool = True
    relative: str = ""
    invariant_under: tuple[str, ...] = ()
    unit: str = "loss"
    sources: tuple[str, ...] = ("kwon2021",)

    @property
    def form(self) -> str:
        """The scaled operator, as it is written."""
        return "S'AS" if self.linear else "S A S"


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
        name="symmetry",
        linear="landscape.curvature.symmetry.scale:symmetry_scale",
        words="products of weights by their factor metric, weight norms elsewhere",
        invariant_under=(BATCH_NORM, RELU, RELU_UNIT, PRODUCTS),
        sources=("dasilva2025", "kristiadi2023", "kwon2021"),
    ),
    ScaleKind(
        name="optimizer",
        diagonal="landscape.curvature.scaling:optimizer_scale",
        words="P^-1/2 of the optimiser's preconditioner P",
        of_weights=False,
        unit="1/θ",
        sources=("cohen2022",),
    ),
)

# In which order they are asked to bear a verdict: the first that the networks at hand show to be
# invariant; of networks of which nothing is known, the first that was measured.
BEARING = ("filter", "weight", "symmetry", "none")

# Those that perturbations can have: relative to the weights.
SCALES_OF_WEIGHTS = Part(SCALES, lambda kind: kind.of_weights)


def scale_called(name: str) -> ScaleKind:
    """The scale of that name; one that claims nothing where a result of elsewhere has another."""
    return SCALES[name] if name in SCALES else ScaleKind(name=name)
