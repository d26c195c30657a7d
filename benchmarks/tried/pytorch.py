"""Networks of PyTorch alone, of torchvision, timm and torch_geometric."""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from benchmarks.tried import nets
from benchmarks.tried.case import Case, Tried, trained
from benchmarks.tried.nets import HERE


def classified(
    model: nn.Module,
    data: tuple[Tensor, Tensor],
    named: str,
    *,
    params: Sequence[str] = (),
    save: Callable[[nn.Module], str] | None = None,
    steps: int = 20,
) -> Tried:
    """``model`` after some steps, in a file, on ``data`` in another, by cross entropy."""
    x, y = data
    trained(model, lambda net: cross_entropy(net(x), y), steps)
    checkpoint = (save or _state_dict)(model)
    np.savez("xy.npz", x=x.numpy(), y=y.numpy())
    words = [checkpoint, "--model", named, "--data", "xy.npz", "--loss", "cross-entropy"]
    model.eval().double()
    theta = [p for n, p in model.named_parameters() if not params or n in params]
    return Tried(words, lambda: cross_entropy(model(x.double()), y), theta, params)


def _state_dict(model: nn.Module) -> str:
    torch.save(model.state_dict(), "net.pth")
    return "net.pth"


def _plain(name: str, data: Callable[[], tuple[Tensor, Tensor]], **arguments: str) -> Tried:
    query = "&".join(f"{k}={v}" for k, v in arguments.items())
    named = f"{HERE}:{name}" + (f"?{query}" if query else "")
    return classified(getattr(nets, name)(**arguments), data(), named)


def _whole_model() -> Tried:
    torch.save(nets.mlp(), "model.pt")
    np.savez("xy.npz", **dict(zip("xy", (t.numpy() for t in nets.vectors()), strict=True)))
    words = ["model.pt", "--model", f"{HERE}:mlp", "--data", "xy.npz", "--loss", "cross-entropy"]
    return Tried(words)


def _torchvision() -> Tried:
    import torchvision

    name, params = "resnet18", ["bn1.bias", "fc.bias"]
    model = torchvision.models.get_model(name, num_classes=3)
    model.eval()  # so many images leave no running statistics worth having
    data = nets.images(3, channels=3, side=16)
    return classified(model, data, f"torchvision:{name}?num_classes=3", params=params, steps=3)


def _timm() -> Tried:
    import timm

    sizes = {"img_size": 8, "patch_size": 4, "embed_dim": 4, "depth": 1, "num_heads": 2}
    sizes |= {"num_classes": 3, "in_chans": 1, "mlp_ratio": 1}
    query = "&".join(f"{k}={v}" for k, v in sizes.items())
    model = timm.create_model("vit_tiny_patch16_224", **sizes)
    return classified(model, nets.images(), f"timm:vit_tiny_patch16_224?{query}")


def _detector() -> Tried:
    model, batches = nets.detector(), nets.boxes()
    trained(model, lambda net: nets.of_boxes(net, batches[0])[0], 5)
    words = [_state_dict(model), "--model", f"{HERE}:detector", "--data", f"{HERE}:boxes"]
    words += ["--objective", f"{HERE}:of_boxes"]
    model.double()
    cast = [
        ([x.double() for x in pictures], [t | {"boxes": t["boxes"].double()} for t in targets])
        for pictures, targets in batches
    ]

    def loss() -> Tensor:
        totals, numbers = zip(*(nets.of_boxes(model, batch) for batch in cast), strict=True)
        return torch.stack(totals).sum() / sum(numbers)

    return Tried(words, loss, list(model.parameters()))


def _graph() -> Tried:
    model, graph = nets.Convolutions(), nets.geometric_graph()
    trained(model, lambda net: nets.of_nodes(net, graph))
    words = [_state_dict(model), "--model", f"{HERE}:Convolutions"]
    words += ["--data", f"{HERE}:geometric_graph", "--objective", f"{HERE}:of_nodes"]
    model.double()
    graph.x = graph.x.double()  # type: ignore[attr-defined]
    return Tried(words, lambda: nets.of_nodes(model, graph), list(model.parameters()))


CASES = (
    Case((), "perceptron with tanh", lambda: _plain("mlp", nets.vectors)),
    Case((), "CNN with batch norm and dropout", lambda: _plain("cnn", nets.images)),
    Case((), "nn.LSTM", lambda: _plain("Recurrent", nets.vectors, kind="LSTM")),
    Case((), "nn.GRU", lambda: _plain("Recurrent", nets.vectors, kind="GRU")),
    Case((), "nn.TransformerEncoderLayer", lambda: _plain("Encoder", nets.vectors)),
    Case((), "a whole model, torch.save(model)", _whole_model),
    Case(("torchvision",), "ResNet-18: first shifts, last bias", _torchvision),
    Case(("torchvision",), "RetinaNet on a small backbone", _detector),
    Case(("timm",), "ViT-Tiny, of one layer", _timm),
    Case(("torch_geometric",), "two GCNConv", _graph),
)
