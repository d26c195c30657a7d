"""Large networks: eigenvalues at both ends, density and trace within a budget of memory.

    python -m benchmarks.large csnn
    python -m benchmarks.large transformer

``csnn`` is the published spiking network at its published width, 13 million parameters;
``transformer`` predicts what follows 32 random tokens, with 100 million. Weights are random. Few
examples: what is measured is what the number of parameters costs.
"""

import argparse
import json
import resource
import time

import torch
from torch import Tensor, nn

from landscape.analysis.opening import make_target
from landscape.analysis.spectrum.run import memory_plan, spectrum
from landscape.analysis.spectrum.settings import SpectrumSettings
from landscape.analysis.target import Target
from landscape.analysis.target_settings import TargetSettings
from landscape.data.arrays import from_arrays
from landscape.data.opening import open_dataset
from landscape.data.selection import select_examples
from landscape.objective.pair import loss_of
from landscape.snn import CSNN, initialise

_NUM_TOKENS, _LENGTH, _WIDTH, _NUM_LAYERS = 10_000, 32, 768, 12


class Transformer(nn.Module):
    """A decoder of the size of GPT-2's smallest, with a smaller vocabulary."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(_NUM_TOKENS, _WIDTH)
        self.position = nn.Parameter(torch.zeros(_LENGTH, _WIDTH))
        layer = nn.TransformerEncoderLayer(
            _WIDTH, nhead=12, dim_feedforward=4 * _WIDTH, batch_first=True, norm_first=True
        )
        self.layers = nn.TransformerEncoder(layer, _NUM_LAYERS, enable_nested_tensor=False)
        self.head = nn.Linear(_WIDTH, _NUM_TOKENS, bias=False)

    def forward(self, tokens: Tensor) -> Tensor:
        """Tokens of shape (N, 32) to logits of the one that follows, of shape (N, 10000)."""
        mask = nn.Transformer.generate_square_subsequent_mask(_LENGTH)
        x = self.layers(self.embedding(tokens) + self.position, mask=mask, is_causal=True)
        logits: Tensor = self.head(x[:, -1])
        return logits


def csnn_target(settings: TargetSettings) -> Target:
    """The published network at its first weights, on images that it would be trained on."""
    network = CSNN(128)
    initialise(network, "ikun_v1", seed=0)
    data = open_dataset("fashion-mnist", split="train")
    return _target(network, select_examples(data, settings.examples, seed=0), "mse", settings)


def transformer_target(settings: TargetSettings) -> Target:
    """The transformer at its first weights, on random tokens."""
    torch.manual_seed(0)
    rng = torch.Generator().manual_seed(0)
    tokens = torch.randint(_NUM_TOKENS, (int(settings.examples or 1), _LENGTH + 1), generator=rng)
    x, y = tokens[:, :-1].numpy(), tokens[:, -1].numpy()
    data = from_arrays(x, y, name="x", source="random", split="train", other_targets=[])
    return _target(Transformer(), select_examples(data, None, seed=0), "cross-entropy", settings)


TARGETS = {"csnn": csnn_target, "transformer": transformer_target}


def measure(target: Target, settings: SpectrumSettings) -> dict[str, object]:
    """One Krylov run: what it found, and what it took."""
    print(memory_plan(target, settings), flush=True)
    began = time.process_time()
    found = spectrum(target, settings=settings, progress=_tell)
    values, trace = found.eigenvalues, found.trace.trace
    both = (*values.largest, *values.smallest)
    return {
        "parameters": target.risk.num_params,
        "examples": target.risk.num_examples,
        "CPU seconds": time.process_time() - began,
        "matvecs": values.num_matvecs,
        "peak GiB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20,
        "eigenvalues": [values.largest[0].value, values.largest[-1].value]
        + [e.value for e in values.smallest[:1]],
        "pairs": len(both),
        "of them converged": sum(e.converged for e in both),
        "largest residual / norm": max(e.residual for e in both) / found.eigenpairs.norm,
        "loss of orthogonality": values.orthogonality_loss,
        "trace": [trace.mean, trace.stderr],
        "negative mass": found.density.negative_mass.mean,
    }


def _target(network: nn.Module, data: object, loss: str, settings: TargetSettings) -> Target:
    return make_target(network, loss_of(loss), data, settings, label="large")


def _tell(done: int, expected: int) -> None:
    if done % 10 == 0:
        print(f"{done} of about {expected} matvecs", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("network", choices=sorted(TARGETS))
    parser.add_argument("--examples", default="32")
    parser.add_argument("--memory", type=float, default=24, help="GiB")
    parser.add_argument("--top", type=int, default=50)
    parser.add_argument("--bottom", type=int, default=50)
    parser.add_argument("--tol", type=float, default=1e-3)
    parser.add_argument("--probes", type=int, default=3)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--max-matvecs", type=int, default=1000)
    parser.add_argument("--basis-dtype", choices=["bfloat16", "float32"])
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    record = measure(
        TARGETS[chosen.network](
            TargetSettings(examples=chosen.examples, memory=int(chosen.memory * 2**30))
        ),
        SpectrumSettings(
            operator="hessian",
            num_largest=chosen.top,
            num_smallest=chosen.bottom,
            tol=chosen.tol,
            num_probes=chosen.probes,
            num_steps=chosen.steps,
            max_matvecs=chosen.max_matvecs,
            basis_dtype=chosen.basis_dtype,
        ),
    )
    print(json.dumps(record, indent=1))
