"""A small transformer with attention, from training to a flatness report.

It learns to say which of two tokens a sequence holds more of. PyTorch's fused attention has no
second derivative; the analysis runs the plain formula, which gives the same numbers.

::

    python transformer.py
    landscape analyze transformer.pth --model transformer.py:make \
        --data transformer.npz --loss cross-entropy -o reports/transformer
"""

import numpy as np
import torch
from torch import Tensor, nn

NUM_TOKENS, LENGTH, WIDTH = 4, 12, 8


class Transformer(nn.Module):
    """Embedding, one encoder layer, and a classifier of the mean over positions."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(NUM_TOKENS, WIDTH)
        self.position = nn.Parameter(torch.zeros(LENGTH, WIDTH))
        self.encoder = nn.TransformerEncoderLayer(
            WIDTH, nhead=2, dim_feedforward=16, batch_first=True
        )
        self.head = nn.Linear(WIDTH, 2)

    def forward(self, tokens: Tensor) -> Tensor:
        """Tokens of shape (N, 12) to logits of shape (N, 2)."""
        logits: Tensor = self.head(self.encoder(self.embedding(tokens) + self.position).mean(1))
        return logits


def make() -> nn.Module:
    """What ``--model transformer.py:make`` calls; weights come from the checkpoint."""
    return Transformer()


def main() -> None:
    """Train for a few passes over 1,000 sequences, and save weights and data."""
    torch.manual_seed(0)
    x = torch.randint(NUM_TOKENS, (1000, LENGTH))
    y = ((x == 0).sum(1) > (x == 1).sum(1)).long()
    net = make()
    optimiser = torch.optim.AdamW(net.parameters(), lr=1e-2)
    for _ in range(8):
        for part in torch.randperm(len(x)).split(100):
            loss = nn.functional.cross_entropy(net(x[part]), y[part])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
    torch.save({"state_dict": net.state_dict()}, "transformer.pth")
    np.savez("transformer.npz", x=x, y=y)


if __name__ == "__main__":
    main()
