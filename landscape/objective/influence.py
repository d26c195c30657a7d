"""Whether the examples of a batch influence each other in a network that is run in some way.

They do if the outputs of an example, or their derivatives by θ, are others beside other examples:
to the last bit, since batches of one shape are summed in one order. That shows state that is
detached, however weak, and by surrogate derivatives what is silent. Where examples do influence
each other, as in a network that centres its batch, it is told whether their order matters.
"""

from collections.abc import Callable, Sequence
from typing import Literal, NamedTuple

import torch
from torch import Tensor

from landscape.nests import Nest, cast, map_tensors, num_rows, take_rows, tensors_in
from landscape.objective.at_theta import AtTheta, leaves
from landscape.seeds import seeded
from landscape.snn.adapters import reset_state

# Of the examples on each other. Symmetric: their order does not matter to it.
Influence = Literal["none", "symmetric", "ordered"]
Run = Callable[[Nest], Nest]

_SEED = 0  # of what a forward pass may draw, and of the factors of outputs
_NOISE = 10  # times what two evaluations of the same differ by, where a device has no fixed order
_ORDER = 1e-6  # of the norm, in float64, of which some libraries compute parts in float32
_ORDERS = ((2, 1, 0), (1, 2, 0))


class _Seen(NamedTuple):
    """Outputs, and the derivatives of a sum of them, by factors without a pattern."""

    outputs: list[Tensor]
    by_inputs: list[Tensor]
    by_theta: list[Tensor]

    @property
    def values(self) -> list[Tensor]:
        """What is the same whatever the other examples are, where these have no influence."""
        return [*self.outputs, *self.by_theta]


def influence(network: AtTheta, batch: Nest, run: Run, axis: int) -> Influence | None:
    """That of the three examples of ``batch``, which lie on ``axis`` of what ``run`` returns.

    None: it failed.
    """
    try:
        if not any(_depends_on_others(network, batch, run, axis, e) for e in (2, 0)):
            return "none"
    except ValueError:  # what the user's code raises
        return None
    return "ordered" if _depends_on_order(network, batch, run, axis) else "symmetric"


def keeps_state(network: AtTheta, batch: Nest, run: Run) -> bool:
    """Whether a second call with the same inputs, after one from rest, gives something else."""
    try:
        tensors = leaves(network.layout.split(network.theta))
        with network.swapped(tensors), seeded(network.device, _SEED):
            reset_state(network.model)
            first, second = (_floats(run(map_tensors(torch.clone, batch))) for _ in range(2))
            slopes = [_derivatives(_drawn_sum(outputs), tensors) for outputs in (first, second)]
    except ValueError:
        return False
    return _gap([*first, *slopes[0]], [*second, *slopes[1]]) > 0


def _depends_on_others(network: AtTheta, batch: Nest, run: Run, axis: int, example: int) -> bool:
    rows = [torch.arange(3), torch.full((3,), example)]
    beside, among_copies = (_of(network, take_rows(batch, r), run, axis, example) for r in rows)
    others = torch.arange(3) != example
    if any(bool((slope[others.to(slope.device)] != 0).any()) for slope in beside.by_inputs):
        return True
    gap = _gap(beside.values, among_copies.values)
    if gap == 0:
        return False
    again = _of(network, batch, run, axis, example)
    return gap > _NOISE * _gap(beside.values, again.values)


def _depends_on_order(network: AtTheta, batch: Nest, run: Run, axis: int) -> bool:
    try:
        if network.device.type != "mps":  # which has no float64
            network = AtTheta(
                network.model, network.objective, dtype=torch.float64, device=network.device
            )
            batch = cast(batch, torch.float64, network.device)
        for order in map(torch.tensor, _ORDERS):
            as_it_is = _of(network, batch, run, axis, None)
            moved = _of(network, take_rows(batch, order), run, axis, None, order)
            outputs = [t.index_select(axis, order.to(t.device)) for t in as_it_is.outputs]
            pairs = [*zip(outputs, moved.outputs, strict=True)]
            pairs += zip(as_it_is.by_theta, moved.by_theta, strict=True)
            if any(bool((a - b).norm() > _ORDER * a.norm()) for a, b in pairs):
                return True
    except ValueError:  # a network that is of float32 alone
        pass
    return False


def _of(
    network: AtTheta,
    batch: Nest,
    run: Run,
    axis: int,
    example: int | None,
    order: Tensor | None = None,
) -> _Seen:
    """Of one example, or of all, whose factors come in ``order``."""
    inputs, tensors = map_tensors(_leaf, batch), leaves(network.layout.split(network.theta))
    with network.swapped(tensors), seeded(network.device, _SEED):
        reset_state(network.model)
        found = [t for t in _floats(run(map_tensors(torch.clone, inputs))) if _has(t, axis)]
        if example is not None:
            found = [t.select(axis, example) for t in found]
        total = _drawn_sum(found, None if order is None else (axis, order))
        free = [t for t in tensors_in(inputs) if t.requires_grad and num_rows(t) == 3]
        slopes = _derivatives(total, [*free, *tensors])
    return _Seen([t.detach() for t in found], slopes[: len(free)], slopes[len(free) :])


def _drawn_sum(outputs: Sequence[Tensor], moved: tuple[int, Tensor] | None = None) -> Tensor:
    """Of outputs times factors without a pattern, lest outputs that sum to a constant hide."""
    factors = torch.Generator().manual_seed(_SEED)
    total = torch.zeros(())
    for t in outputs:
        drawn = torch.randn(t.shape, generator=factors, dtype=torch.float64)
        if moved is not None:
            drawn = drawn.index_select(*moved)
        total = total.to(t) + (t * drawn.to(t)).sum()
    return total


def _derivatives(total: Tensor, of: Sequence[Tensor]) -> list[Tensor]:
    if not total.requires_grad:
        return [torch.zeros_like(t) for t in of]
    return list(torch.autograd.grad(total, of, retain_graph=True, materialize_grads=True))


def _gap(first: Sequence[Tensor], second: Sequence[Tensor]) -> float:
    """The largest difference of an entry."""
    pairs = zip(first, second, strict=True)
    gaps = [(a - b).detach().abs().nan_to_num(0).amax() for a, b in pairs if a.numel()]
    return max(map(float, gaps), default=0.0)


def _floats(outputs: Nest) -> list[Tensor]:
    return [t for t in tensors_in(outputs) if t.is_floating_point()]


def _leaf(tensor: Tensor) -> Tensor:
    return tensor.detach().clone().requires_grad_(tensor.is_floating_point())


def _has(tensor: Tensor, axis: int) -> bool:
    return tensor.ndim > axis and tensor.shape[axis] == 3
