"""A detector: it takes images with a dict of targets each, and returns a dict of losses.

::

    landscape train --model detection.py:Detector --data detection.py:load \
        --objective detection.py:objective -o detection.safetensors
    landscape analyze detection.safetensors --model detection.py:Detector \
        --data detection.py:load --objective detection.py:objective -o reports/detection
"""

import torch
from torch import Tensor, nn
from torch.nn.functional import adaptive_max_pool2d, cross_entropy, mse_loss


class Detector(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.body, self.head = nn.Conv2d(1, 4, 3), nn.Linear(4 * 16, 2 + 1)

    def forward(self, images: list[Tensor], targets: list[dict[str, Tensor]]) -> dict[str, Tensor]:
        seen = [adaptive_max_pool2d(self.body(x).tanh(), 4).flatten() for x in images]
        found = self.head(torch.stack(seen))
        labels, rows = (torch.stack([t[name] for t in targets]) for name in ("label", "row"))
        return {"class": cross_entropy(found[:, :2], labels), "row": mse_loss(found[:, 2], rows)}


def objective(model: Detector, batch: tuple[list[Tensor], list[dict[str, Tensor]]]):
    """The losses are means over the images: their sum, times the number of these."""
    return sum(model(*batch).values()) * len(batch[0]), len(batch[0])


def load():
    """Noise with a line across, dark or bright, in some row; each batch of images is wider."""
    torch.manual_seed(0)
    for images in (torch.rand(8, 1, 12, width) for width in range(12, 24)):
        label, row = torch.randint(2, (8,)), torch.randint(12, (8,))
        images[torch.arange(8), 0, row] += 4 * label[:, None] - 2
        yield list(images), [{"label": k, "row": r / 12} for k, r in zip(label, row, strict=True)]
