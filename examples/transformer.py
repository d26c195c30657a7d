"""A small transformer with attention, which tells of which of two tokens a text holds more.

PyTorch's fused attention has no second derivative; the analysis runs the plain formula instead.

::

    python transformer.py
    landscape analyze transformer.pth --model transformer.py:Transformer --data transformer.npz \
        --loss cross-entropy -o reports/transformer
"""

import numpy as np
import torch
from torch import Tensor, nn


class Transformer(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embedding, self.position = nn.Embedding(4, 8), nn.Parameter(torch.zeros(12, 8))
        self.encoder = nn.TransformerEncoderLayer(8, 2, dim_feedforward=16, batch_first=True)
        self.head = nn.Linear(8, 2)

    def forward(self, tokens: Tensor) -> Tensor:
        return self.head(self.encoder(self.embedding(tokens) + self.position).mean(1))


if __name__ == "__main__":
    torch.manual_seed(0)
    x = torch.randint(4, (1000, 12))
    y, net = ((x == 0).sum(1) > (x == 1).sum(1)).long(), Transformer()
    optimiser = torch.optim.AdamW(net.parameters(), lr=1e-2)
    for _ in range(8):
        for part in torch.randperm(1000).split(100):
            optimiser.zero_grad()
            nn.functional.cross_entropy(net(x[part]), y[part]).backward()
            optimiser.step()
    torch.save(net.state_dict(), "transformer.pth")
    np.savez("transformer.npz", x=x, y=y)
