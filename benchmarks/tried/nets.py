"""Networks as users write them: what ``--model benchmarks.tried.nets:…`` names."""

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

HERE = "benchmarks.tried.nets"
NUM_CLASSES = 3


def vectors(n: int = 24) -> tuple[Tensor, Tensor]:
    """Rows of 6 numbers in three classes."""
    x = torch.randn(n, 6, generator=torch.Generator().manual_seed(1))
    return x, (x[:, 0] > 0).long() + (x[:, 1] > 0).long()


def images(n: int = 6, channels: int = 1, side: int = 8) -> tuple[Tensor, Tensor]:
    """Images of noise in three classes."""
    x = torch.randn(n, channels, side, side, generator=torch.Generator().manual_seed(2))
    return x, torch.arange(n) % NUM_CLASSES


def mlp() -> nn.Module:
    return nn.Sequential(nn.Linear(6, 8), nn.Tanh(), nn.Linear(8, NUM_CLASSES))


def cnn() -> nn.Module:
    first = nn.Conv2d(1, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(), nn.Dropout(0.2)
    second = nn.Conv2d(4, 4, 3, padding=1, bias=False), nn.BatchNorm2d(4), nn.ReLU()
    last = nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(16, NUM_CLASSES)
    return nn.Sequential(*first, *second, *last)


class Recurrent(nn.Module):
    """The class of a sequence, by PyTorch's own recurrent layer."""

    def __init__(self, kind: str = "LSTM") -> None:
        super().__init__()
        self.body: nn.Module = getattr(nn, kind)(2, 5, batch_first=True)
        self.head = nn.Linear(5, NUM_CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        """Rows of 6 numbers, shape (N, 6), as three steps of two, to logits (N, 3)."""
        steps, _ = self.body(x.unflatten(1, (3, 2)))
        logits: Tensor = self.head(steps[:, -1])
        return logits


class Encoder(nn.Module):
    """A transformer over the columns of a row."""

    def __init__(self) -> None:
        super().__init__()
        self.lift, self.head = nn.Linear(1, 4), nn.Linear(4, NUM_CLASSES)
        self.layer = nn.TransformerEncoderLayer(4, 2, 4, batch_first=True)

    def forward(self, x: Tensor) -> Tensor:
        """Rows of 6 numbers, shape (N, 6), to logits (N, 3)."""
        logits: Tensor = self.head(self.layer(self.lift(x[..., None])).mean(1))
        return logits


def geometric_graph() -> object:
    """A ring of 12 nodes with some chords, as torch_geometric holds it."""
    from torch_geometric.data import Data

    nodes, edges = torch.arange(12), torch.arange(12).roll(1)
    return Data(
        x=torch.randn(12, 4, generator=torch.Generator().manual_seed(3)),
        edge_index=torch.stack([torch.cat([nodes, edges]), torch.cat([edges, nodes * 5 % 12])]),
        y=nodes % NUM_CLASSES,
    )


class Convolutions(nn.Module):
    """Two graph convolutions by torch_geometric."""

    def __init__(self) -> None:
        from torch_geometric.nn import GCNConv

        super().__init__()
        self.first, self.second = GCNConv(4, 5), GCNConv(5, NUM_CLASSES)

    def forward(self, x: Tensor, edge_index: Tensor) -> Tensor:
        """Nodes of shape (n, 4) and edges (2, m) to logits (n, 3)."""
        logits: Tensor = self.second(torch.tanh(self.first(x, edge_index)), edge_index)
        return logits


def of_nodes(model: nn.Module, graph: object) -> Tensor:
    """A loss for each node of the graph."""
    logits = model(graph.x, graph.edge_index)  # type: ignore[attr-defined]
    return cross_entropy(logits, graph.y)  # type: ignore[attr-defined]


def detector() -> nn.Module:
    """A RetinaNet by torchvision on a backbone of four channels."""
    from torchvision.models.detection import RetinaNet
    from torchvision.models.detection.anchor_utils import AnchorGenerator

    backbone = nn.Sequential(nn.Conv2d(3, 4, 3, stride=8, padding=1), nn.Tanh())
    backbone.out_channels = 4  # type: ignore[assignment]
    anchors = AnchorGenerator(sizes=((8,),), aspect_ratios=((1.0,),))
    return RetinaNet(backbone, num_classes=2, anchor_generator=anchors, min_size=32, max_size=32)


def boxes() -> list[tuple[list[Tensor], list[dict[str, Tensor]]]]:
    """Two batches of images of their own sizes, each with boxes and labels."""
    rng = torch.Generator().manual_seed(4)
    sizes, batches = ((32, 24), (24, 32), (32, 32)), []
    for _ in range(2):
        pictures = [torch.rand(3, *size, generator=rng) for size in sizes]
        box = torch.tensor([[2.0, 2.0, 12.0, 12.0], [8.0, 8.0, 20.0, 20.0]])
        targets = [{"boxes": box + k, "labels": torch.tensor([0, 1])} for k in range(len(sizes))]
        batches.append((pictures, targets))
    return batches


def of_boxes(
    model: nn.Module, batch: tuple[list[Tensor], list[dict[str, Tensor]]]
) -> tuple[Tensor, int]:
    """The losses that a detector returns in train mode, where alone it does; means over images."""
    pictures, targets = batch
    model.train()
    losses = model(pictures, targets)
    return torch.stack(list(losses.values())).sum() * len(pictures), len(pictures)
