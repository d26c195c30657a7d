"""One plain sentence on each operator: what it is and what it is not."""

# Keyed by the operator's name and whether the network spikes.
OPERATOR_SENTENCES: dict[tuple[str, bool], str] = {
    ("hessian", False): (
        "The Hessian holds the second derivatives of the mean loss with respect to all parameters."
    ),
    ("hessian", True): (
        "The formal Hessian is what differentiating twice through the surrogate derivatives gives: "
        "a symmetric matrix that finds sharp directions well, but the Hessian of no loss, since "
        "the loss of a spiking network is a staircase whose true Hessian is zero almost "
        "everywhere; the fidelity check says how far its values describe the real loss."
    ),
    ("ggn", False): (
        "The Gauss-Newton matrix Jᵀ(∇²ℓ)J keeps the curvature of the loss in the outputs and "
        "leaves out that of the network: it has no negative eigenvalues, and equals the Hessian "
        "where all examples are fitted exactly."
    ),
    ("ggn", True): (
        "The surrogate Gauss-Newton matrix Jᵀ(∇²ℓ)J uses the surrogate's first derivative only; it "
        "has no negative eigenvalues, and is not the curvature of the spiking loss either."
    ),
    ("fisher", False): (
        "The empirical Fisher matrix is the mean outer product of the examples' gradients; it is "
        "not the Hessian, and shrinks to zero as the examples are fitted."
    ),
    ("fisher", True): (
        "The empirical Fisher matrix is the mean outer product of the examples' surrogate "
        "gradients; it is no Hessian, and shrinks to zero as the examples are fitted."
    ),
    ("smooth-hessian", True): (
        "The smooth-forward Hessian is the genuine Hessian of another function: the network in "
        "which each spike is replaced by the surrogate's primitive."
    ),
}
