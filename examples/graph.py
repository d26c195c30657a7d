"""A graph network: a class for each node, on graphs of unequal size.

::

    landscape train --model graph.py:make --data graph.py:load --objective graph.py:objective \
        -o graph.safetensors
    landscape analyze graph.safetensors --model graph.py:make --data graph.py:load \
        --objective graph.py:objective -o reports/graph
"""

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy


def make() -> nn.Module:
    return nn.ModuleList([nn.Linear(8, 8), nn.Linear(16, 2)])  # node and neighbours, side by side


def objective(net: nn.ModuleList, graph: dict[str, Tensor]) -> tuple[Tensor, int]:
    """The sum over nodes, and their number, so that the mean is over those of all graphs."""
    first, second = net
    x, mean = graph["nodes"], graph["edges"] / graph["edges"].sum(1, keepdim=True)
    x = torch.tanh(first(torch.cat([x, mean @ x], 1)))
    logits = second(torch.cat([x, mean @ x], 1))
    return cross_entropy(logits, graph["labels"], reduction="sum"), len(x)


def load() -> list[dict[str, Tensor]]:
    """Rings with chords; a node's class is the sign of the sum of its neighbours' first numbers."""
    torch.manual_seed(0)
    graphs = []
    for n in range(5, 35):
        nodes, edges = torch.randn(n, 4), (torch.rand(n, n) < 0.1).float()
        edges = (edges + edges.T + torch.eye(n).roll(1, 0) + torch.eye(n).roll(-1, 0)).clamp(max=1)
        labels = ((edges @ nodes)[:, 0] > 0).long()
        graphs.append({"nodes": nodes, "edges": edges, "labels": labels})
    return graphs
