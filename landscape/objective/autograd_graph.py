"""What the graph behind tensors tells: its leaves, and functions that end it."""

from collections.abc import Iterable, Iterator

from torch import Tensor
from torch.autograd.graph import Node


def leaves_behind(tensors: Iterable[Tensor]) -> dict[int, Tensor]:
    """All leaves that need a gradient in the graph of ``tensors``, themselves among them, by id."""
    tensors = list(tensors)
    found = {id(t): t for t in tensors if t.is_leaf and t.requires_grad}
    for node in _nodes_behind(tensors):
        if isinstance(leaf := getattr(node, "variable", None), Tensor):
            found[id(leaf)] = leaf
    return found


def check_differentiable_again(gradients: Iterable[Tensor]) -> None:
    """Refuse gradients that a function marked ``once_differentiable`` has a part in.

    PyTorch raises where a backward pass comes upon its node; one towards given tensors leaves it
    out, since no way from it leads to them, and the derivative lacks its part without a word.

    Raises
    ------
    ValueError
        Saying so.
    """
    if any(node.name() == "torch::autograd::Error" for node in _nodes_behind(gradients)):
        raise ValueError(
            "this network cannot be differentiated twice: an autograd function in it has a "
            "backward pass that is marked once_differentiable, as those of compiled kernels are. "
            "Use a form of it in plain operations, or write its backward pass in them and take "
            "the mark away."
        )


def _nodes_behind(tensors: Iterable[Tensor]) -> Iterator[Node]:
    waiting: list[Node | None] = [t.grad_fn for t in tensors]
    seen: set[Node] = set()
    while waiting:
        node = waiting.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        yield node
        waiting += [following for following, _ in node.next_functions]
