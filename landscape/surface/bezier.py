"""A curve of low loss between two checkpoints: a quadratic Bezier curve with a trained bend."""

from collections.abc import Callable

import torch
from torch import Generator, Tensor

from landscape.surface.evaluate import Span, bezier_weights


def train_bend(
    gradient: Callable[[Tensor], Tensor],
    start: Tensor,
    end: Tensor,
    *,
    num_steps: int,
    learning_rate: float,
    rng: Generator,
    progress: Callable[[int, int], None],
) -> Tensor:
    """Find B that lowers the mean loss on θ(t) = (1-t)² start + 2t(1-t) B + t² end.

    Minimises E L(θ(t)), t uniform on [0, 1], by Adam from the midpoint, one t a step (Garipov et
    al. 2018 [1]_, sec. 3); its learning rate falls along a half cosine to 0. All vectors have
    shape (P,).

    Parameters
    ----------
    gradient
        θ -> ∇L(θ), shape (P,), of all examples or of a batch of its choice; it must not keep θ.
    learning_rate
        Adam's first step size, in units of θ.

    References
    ----------
    .. [1] Garipov et al., Loss surfaces, mode connectivity, and fast ensembling of DNNs,
       NeurIPS 2018.
    """
    if num_steps < 1:
        raise ValueError(f"num_steps must be at least 1; got {num_steps}.")
    bend = ((start + end) / 2).clone()
    optimiser = torch.optim.Adam([bend], lr=learning_rate)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, num_steps)
    span = Span([start, bend, end])  # shares the bend's memory, so it sees each step
    for step in range(1, num_steps + 1):
        t = torch.rand((), generator=rng, dtype=torch.float64).item()
        weights = bezier_weights((t,))
        bend.grad = weights[1] * gradient(span.at(weights))
        if not bend.grad.isfinite().all():
            raise ValueError(
                f"the gradient on the curve is not finite at step {step}; use a smaller learning "
                f"rate than {learning_rate}."
            )
        optimiser.step()
        schedule.step()
        progress(step, num_steps)
    return bend
