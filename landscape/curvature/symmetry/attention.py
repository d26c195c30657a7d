"""Attention, recognised by the names of its maps: PyTorch's, Hugging Face's, timm's, and alike.

A name is a guess; what is guessed is confirmed by moving the weights. Where maps for query, key and
value are one, their rows are taken in either order that is in use; where nothing tells the size of
a head, all are tried that fit.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from torch import Tensor, nn

from landscape.curvature.symmetry.parts import Block, Factor, Output, Product
from landscape.curvature.symmetry.record import is_linear, is_transposed

# Query, key, value and output map, from the module that holds them.
_FOUR = (
    ("q_proj", "k_proj", "v_proj", "o_proj"),  # Llama, Mistral, Qwen, Gemma, Phi
    ("q_proj", "k_proj", "v_proj", "out_proj"),  # OPT, BART, CLIP, Whisper
    ("self.query", "self.key", "self.value", "output.dense"),  # BERT, RoBERTa
    ("attention.query", "attention.key", "attention.value", "output.dense"),  # ViT
    ("q_lin", "k_lin", "v_lin", "out_lin"),  # DistilBERT
    ("q", "k", "v", "o"),  # T5
    ("wq", "wk", "wv", "wo"),  # Llama as released
    ("to_q", "to_k", "to_v", "to_out.0"),  # diffusers
    ("query", "key", "value", "out"),
    ("query", "key", "value", "proj"),
)
# All three in one, and the output map.
_FUSED = (
    ("qkv", "proj"),  # timm
    ("c_attn", "c_proj"),  # GPT-2, nanoGPT
    ("qkv_proj", "o_proj"),  # Phi-3
    ("Wqkv", "out_proj"),
    ("query_key_value", "dense"),  # GPT-NeoX, BLOOM
)
_NUM_HEADS = ("num_heads", "num_attention_heads", "n_heads", "n_head", "nhead", "heads")
_HEAD_SIZE = ("head_dim", "attention_head_size", "head_size", "key_value_proj_dim")


@dataclass(frozen=True)
class Attention:
    """What one guess says: its products, and where biases of values go."""

    name: str
    queries: tuple[Product, ...]  # a key, and the queries that share it
    values: tuple[Product, ...]
    output: Output | None


@dataclass(frozen=True)
class _Rows:
    """The outputs of a map that make up queries, keys or values, from ``start`` on."""

    weight: str
    bias: str | None
    transposed: bool = False
    start: int = 0
    bias_start: int = 0

    def head(self, number: int, size: int, stride: int) -> Factor:
        out, skip = (1 if self.transposed else 0), number * stride
        first, of_bias = self.start + skip, self.bias_start + skip
        bias = None
        if self.bias is not None:
            bias = Block(self.bias, start=of_bias, stop=of_bias + size)
        return Factor(Block(self.weight, out, out, first, first + size), bias)


def attentions(model: nn.Module) -> list[tuple[Attention, ...]]:
    """For each attention in ``model`` the guesses, of which the first that holds is right."""
    found = []
    for name, module in model.named_modules():
        if guesses := tuple(_guesses(name, module)):
            found.append(guesses)
    return found


def _guesses(name: str, module: nn.Module) -> Iterator[Attention]:
    at = f"{name}." if name else ""
    if isinstance(module, nn.MultiheadAttention):
        yield _of_pytorch(name, at, module)
        return
    for names in _FOUR:
        maps = [m for m in (_linear(module, each) for each in names) if m is not None]
        if len(maps) == len(names):
            q, k, v, o = (_rows(at, each, m) for each, m in zip(names, maps, strict=True))
            outputs = [_num_outputs(each) for each in maps[:3]]
            if outputs[1] == outputs[2]:
                for sizes in _head_sizes(module, *outputs[:2]):
                    yield _attention(name, (q, k, v), o, *sizes)
            return
    for one, last in _FUSED:
        whole, out = _linear(module, one), _linear(module, last)
        if whole is not None and out is not None:
            packed, output = _rows(at, one, whole), _rows(at, last, out)
            rows, inner = _num_outputs(whole), _num_inputs(out)
            yield from _of_one_map(name, module, packed, output, rows, inner)
            return


def _of_pytorch(name: str, at: str, module: nn.MultiheadAttention) -> Attention:
    E, H = module.embed_dim, module.num_heads
    bias = None if module.in_proj_bias is None else f"{at}in_proj_bias"
    weights = [f"{at}{letter}_proj_weight" for letter in "qkv"]
    if module.in_proj_weight is not None:
        weights = [f"{at}in_proj_weight"] * 3
    # Where weights are three, the bias is one all the same.
    parts = [
        _Rows(weight, bias, start=0 if module.in_proj_weight is None else E * k, bias_start=E * k)
        for k, weight in enumerate(weights)
    ]
    return _attention(name, parts, _rows(at, "out_proj", module.out_proj), E // H, H, H)


def _linear(module: nn.Module, path: str) -> nn.Module | None:
    try:
        found = module.get_submodule(path)
    except AttributeError:
        return None
    return found if is_linear(found) else None


def _num_outputs(module: nn.Module) -> int:
    return _weight(module).shape[1 if is_transposed(module) else 0]


def _num_inputs(module: nn.Module) -> int:
    return _weight(module).shape[0 if is_transposed(module) else 1]


def _weight(module: nn.Module) -> Tensor:
    weight = module.weight
    assert isinstance(weight, Tensor)
    return weight


def _rows(at: str, path: str, module: nn.Module) -> _Rows:
    bias = None if getattr(module, "bias", None) is None else f"{at}{path}.bias"
    return _Rows(f"{at}{path}.weight", bias, is_transposed(module))


def _told(module: nn.Module, names: Sequence[str]) -> int | None:
    """The first of these numbers that the module, a child of it, or their settings tell."""
    for holder in (module, *module.children()):
        for of in (holder, getattr(holder, "config", None)):
            for name in names:
                value = getattr(of, name, None)
                if isinstance(value, int) and not isinstance(value, bool) and value > 0:
                    return value
    return None


def _head_sizes(module: nn.Module, q: int, k: int) -> Iterator[tuple[int, int, int]]:
    """Size of a head, number of queries, number of keys, of maps with ``q`` and ``k`` outputs.

    Where the module does not tell, all that fit, the largest heads first: A that mixes heads
    changes the outputs, and one of parts of heads would be less than the whole group.
    """
    heads, told = _told(module, _NUM_HEADS), _told(module, _HEAD_SIZE)
    if heads is not None and q % heads == 0:
        told = q // heads
    for size in range(math.gcd(q, k), 0, -1) if told is None else [told]:
        if q % size == 0 and k % size == 0 and k >= size and (q // size) % (k // size) == 0:
            yield size, q // size, k // size


def _attention(
    name: str,
    parts: Sequence[_Rows],
    out: _Rows,
    size: int,
    num_queries: int,
    num_keys: int,
    stride: int | None = None,
) -> Attention:
    stride = stride or size
    q, k, v = parts
    shared = num_queries // num_keys
    inputs = 0 if out.transposed else 1

    def output(head: int) -> Block:
        return Block(out.weight, inputs, inputs, head * size, (head + 1) * size)

    queries, values, terms = [], [], []
    for key in range(num_keys):
        heads = range(key * shared, (key + 1) * shared)
        value = v.head(key, size, stride)
        asking = tuple(q.head(head, size, stride) for head in heads)
        queries.append(Product("attention", asking, (k.head(key, size, stride),)))
        reading = tuple(Factor(output(head)) for head in heads)
        values.append(Product("attention", reading, (value,)))
        terms += [(output(head), value) for head in heads]
    bias = None if out.bias is None else Output(Block(out.bias), tuple(terms))
    return Attention(name, tuple(queries), tuple(values), bias)


def _of_one_map(
    name: str, module: nn.Module, packed: _Rows, output: _Rows, rows: int, inner: int
) -> Iterator[Attention]:
    """One map of ``rows`` outputs for query, key and value; ``inner``: those of all queries."""
    if (rows - inner) % 2:
        return

    def parts(*starts: int) -> list[_Rows]:
        return [replace(packed, start=start, bias_start=start) for start in starts]

    keyed = (rows - inner) // 2
    for sizes in _head_sizes(module, inner, keyed):
        size, num_queries, num_keys = sizes
        yield _attention(name, parts(0, inner, inner + keyed), output, *sizes)
        if num_queries == num_keys:  # head by head, query, key and value of each together
            yield _attention(name, parts(0, size, 2 * size), output, *sizes, stride=3 * size)
