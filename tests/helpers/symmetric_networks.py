"""Small networks of each kind of symmetry, with random data; all in float64."""

import torch
import torch.nn.functional as F
from torch import nn

from landscape.curvature.operators import make_operator
from landscape.curvature.symmetry.confirm import moved_risk, with_statistics
from landscape.curvature.symmetry.find import symmetries_of
from landscape.curvature.symmetry.moves import moves_of
from landscape.data.dataset import cut
from landscape.objective.losses import cross_entropy
from landscape.objective.pair import Loss
from landscape.objective.risk import EmpiricalRisk


def mlp(activation=nn.ReLU):
    return nn.Sequential(nn.Linear(5, 6), activation(), nn.Linear(6, 4), activation(),
                         nn.Linear(4, 3))  # fmt: skip


def convolutions():
    return nn.Sequential(
        nn.Conv2d(1, 3, 3, padding=1), nn.BatchNorm2d(3), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(3, 4, 3, padding=1, bias=False), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(4, 3),
    )  # fmt: skip


class Encoder(nn.Module):
    """Norm first, with biases and LayerNorm everywhere."""

    def __init__(self):
        super().__init__()
        self.layer = nn.TransformerEncoderLayer(
            4, nhead=2, dim_feedforward=5, batch_first=True, norm_first=True
        )
        self.norm, self.head = nn.LayerNorm(4), nn.Linear(4, 3)

    def forward(self, x):
        return self.head(self.norm(self.layer(x)).mean(1))


class Attention(nn.Module):
    """Four queries, two keys; rotary positions, the halves of a head as one complex number."""

    def __init__(self, width=6, n_heads=4, n_keys=2, size=2):
        super().__init__()
        self.n_heads, self.n_keys, self.size = n_heads, n_keys, size
        self.wq = nn.Linear(width, n_heads * size, bias=False)
        self.wk = nn.Linear(width, n_keys * size, bias=False)
        self.wv = nn.Linear(width, n_keys * size, bias=False)
        self.wo = nn.Linear(n_heads * size, width, bias=False)

    def forward(self, x):
        n, length, _ = x.shape
        q, k, v = (
            each(x).view(n, length, -1, self.size).transpose(1, 2)
            for each in (self.wq, self.wk, self.wv)
        )
        angle = torch.arange(length).to(x)[:, None] / 10 ** torch.arange(self.size // 2).to(x)
        cos, sin = angle.cos().repeat(1, 2), angle.sin().repeat(1, 2)

        def rotated(z):
            first, second = z.chunk(2, -1)
            return z * cos + torch.cat([-second, first], -1) * sin

        shared = self.n_heads // self.n_keys
        k, v = (z.repeat_interleave(shared, 1) for z in (rotated(k), v))
        logits = rotated(q) @ k.transpose(-1, -2) / self.size**0.5
        seen = torch.full((length, length), -torch.inf).to(x).triu(1)
        out = (logits + seen).softmax(-1) @ v
        return self.wo(out.transpose(1, 2).reshape(n, length, -1))


class Decoder(nn.Module):
    """RMSNorm, rotary positions, grouped queries, a gated unit."""

    def __init__(self):
        super().__init__()
        self.attention_norm, self.attention = nn.RMSNorm(6), Attention()
        self.ffn_norm, self.norm = nn.RMSNorm(6), nn.RMSNorm(6)
        self.gate, self.up = (nn.Linear(6, 4, bias=False) for _ in range(2))
        self.down, self.head = nn.Linear(4, 6, bias=False), nn.Linear(6, 3, bias=False)

    def forward(self, x):
        x = x + self.attention(self.attention_norm(x))
        z = self.ffn_norm(x)
        x = x + self.down(F.silu(self.gate(z)) * self.up(z))
        return self.head(self.norm(x)[:, -1])


class Adapted(nn.Module):
    """A frozen map with a LoRA pair beside it."""

    def __init__(self):
        super().__init__()
        self.base = nn.Linear(5, 4)
        self.base.requires_grad_(False)
        self.lora_A, self.lora_B = nn.Parameter(torch.zeros(2, 5)), nn.Parameter(torch.zeros(4, 2))
        self.head = nn.Linear(4, 3)

    def forward(self, x):
        return self.head(torch.tanh(self.base(x) + x @ self.lora_A.T @ self.lora_B.T))


def adjacent():
    """Two linear maps without a nonlinearity between them, behind a norm."""
    return nn.Sequential(nn.Linear(5, 4), nn.Tanh(), nn.LayerNorm(4), nn.Linear(4, 3),
                         nn.Linear(3, 6), nn.Tanh(), nn.Linear(6, 3))  # fmt: skip


NETWORKS = {
    "mlp": (mlp, (5,)),
    "convolutions": (convolutions, (1, 6, 6)),
    "encoder": (Encoder, (4, 4)),
    "decoder": (Decoder, (4, 6)),
    "lora": (Adapted, (5,)),
    "adjacent": (adjacent, (5,)),
    "gelu": (lambda: mlp(nn.GELU), (5,)),
}


def risk_of(name, dtype=torch.float64, pairs=()):
    """The risk of a network with all parameters and statistics at random, on ten examples."""
    make, shape = NETWORKS[name]
    return risk_over(make(), shape, dtype, pairs)


def risk_over(net, shape, dtype=torch.float64, pairs=()):
    """The same of a network as it is handed over."""
    rng = torch.Generator().manual_seed(0)
    net = net.double().eval()
    with torch.no_grad():
        for parameter in net.parameters():
            drawn = torch.randn(parameter.shape, generator=rng, dtype=torch.float64)
            # Those of one dimension about 1, as norms' weights are; biases too.
            parameter.copy_(1 + 0.3 * drawn if parameter.ndim == 1 else 0.6 * drawn)
        for module in net.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.running_mean.copy_(torch.randn(len(module.weight), generator=rng))
                module.running_var.copy_(torch.rand(len(module.weight), generator=rng) + 0.5)
    x = torch.randn(10, *shape, generator=rng, dtype=torch.float64).to(dtype)
    y = torch.randint(0, 3, (10,), generator=rng)
    loss = Loss("cross-entropy", cross_entropy)
    risk = EmpiricalRisk(net, loss, cut(x, y, 10), dtype=dtype)
    risk.pairs = pairs
    return risk


def moved(risk):
    """The network moved along all its symmetries, one after the other."""
    rng, values = torch.Generator().manual_seed(3), with_statistics(risk)
    for move in moves_of(symmetries_of(risk)):
        values = move.of(values, rng)
    return moved_risk(risk, values)


def kinds(risk):
    return {move.kind for move in moves_of(symmetries_of(risk))}


def spectrum(risk, scale, dense):
    matrix = dense(make_operator(risk, "hessian", scale=scale)).double()
    return torch.linalg.eigvalsh((matrix + matrix.T) / 2)


def assert_one_spectrum(risk, copy, dense):
    before, after = (spectrum(each, "symmetry", dense) for each in (risk, copy))
    # Rounding of some hundred products in float64 is far below this, a wrong term far above.
    assert float((after - before).abs().max()) <= 1e-8 * float(before.abs().max())
