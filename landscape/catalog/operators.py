"""Curvature operators: their names, titles, what they are, and what builds them."""

from dataclasses import dataclass

from landscape.catalog.registry import Registry


@dataclass(frozen=True, kw_only=True)
class OperatorKind:
    """An operator that can be asked for.

    Attributes
    ----------
    name
        What users type: ``--operator``.
    title, title_spiking
        What readers see; the second on spiking networks, where it is something else.
    sentence, sentence_spiking
        What it is and what it is not; empty: the other one.
    build
        ``module:function`` of (risk, *, graph_budget), the operator.
    is_definite
        Whether it has no negative eigenvalues.
    is_derivative
        Whether its products are the derivative of the gradient, on networks without spikes.
    is_genuine
        Whether that holds on spiking networks too.
    applies
        ``module:function`` of a risk, whether fidelity tests it unasked; empty: never.
    """

    name: str
    title: str
    title_spiking: str = ""
    sentence: str = ""
    sentence_spiking: str = ""
    build: str
    is_definite: bool = False
    is_derivative: bool = False
    is_genuine: bool = False
    applies: str = ""

    def titled(self, *, spiking: bool) -> str:
        """The title on a network of this kind."""
        return (self.title_spiking if spiking else "") or self.title

    def explained(self, *, spiking: bool) -> str:
        """The sentence on a network of this kind."""
        own, other = self.sentence_spiking, self.sentence
        return (own or other) if spiking else (other or own)


OPERATORS = Registry(
    "operator",
    OperatorKind(
        name="hessian",
        title="Hessian",
        title_spiking="formal Hessian",
        sentence="The Hessian holds the second derivatives of the mean loss with respect to all "
        "parameters.",
        sentence_spiking="The formal Hessian is what differentiating twice through the surrogate "
        "derivatives gives: a symmetric matrix that finds sharp directions well, but the Hessian "
        "of no loss, since the loss of a spiking network is a staircase whose true Hessian is zero "
        "almost everywhere; the fidelity check says how far its values describe the real loss.",
        build="landscape.curvature.hessian:HessianOperator",
        is_derivative=True,
        applies="landscape.curvature.hessian:HessianOperator.is_defined",
    ),
    OperatorKind(
        name="ggn",
        title="Gauss-Newton matrix",
        sentence="The Gauss-Newton matrix Jᵀ(∇²ℓ)J keeps the curvature of the loss in the outputs "
        "and leaves out that of the network: it has no negative eigenvalues, and equals the "
        "Hessian where all examples are fitted exactly.",
        sentence_spiking="The surrogate Gauss-Newton matrix Jᵀ(∇²ℓ)J uses the surrogate's first "
        "derivative only; it has no negative eigenvalues, and is not the curvature of the spiking "
        "loss either.",
        build="landscape.curvature.ggn:GGNOperator",
        is_definite=True,
        applies="landscape.curvature.ggn:GGNOperator.is_defined",
    ),
    OperatorKind(
        name="fisher",
        title="empirical Fisher matrix",
        sentence="The empirical Fisher matrix is the mean outer product of the examples' "
        "gradients; it is not the Hessian, and shrinks to zero as the examples are fitted.",
        sentence_spiking="The empirical Fisher matrix is the mean outer product of the examples' "
        "surrogate gradients; it is no Hessian, and shrinks to zero as the examples are fitted.",
        build="landscape.curvature.fisher:FisherOperator",
        is_definite=True,
    ),
    OperatorKind(
        name="smooth-hessian",
        title="smooth-forward Hessian",
        sentence_spiking="The smooth-forward Hessian is the genuine Hessian of another function: "
        "the network in which each spike is replaced by the surrogate's primitive.",
        build="landscape.curvature.smooth:smooth_hessian",
        is_genuine=True,
        applies="landscape.curvature.smooth:has_smooth_hessian",
    ),
)
