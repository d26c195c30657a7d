"""Which attention, norms and named pairs are found, by what names, and which guesses are not."""

import pytest
import torch
import torch.nn.functional as F
from symmetric_networks import assert_one_spectrum, kinds, moved, risk_over, spectrum
from torch import nn

import landscape
from landscape.curvature.symmetry.find import symmetries_of


class Fused(nn.Module):
    """One map for query, key and value: in that order, or head by head; bare, or as in GPT-2."""

    def __init__(self, names=("qkv", "proj"), by_head=False, make=nn.Linear):
        super().__init__()
        self.num_heads, self.by_head, self.names = 2, by_head, names
        self.add_module(names[0], make(4, 12))
        self.add_module(names[1], make(4, 4))
        self.head = nn.Linear(4, 3)

    def forward(self, x):
        n, length, _ = x.shape
        whole = getattr(self, self.names[0])(x)
        if self.by_head:
            q, k, v = whole.view(n, length, 2, 3, 2).permute(3, 0, 2, 1, 4)
        else:
            q, k, v = whole.view(n, length, 3, 2, 2).permute(2, 0, 3, 1, 4)
        out = F.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(n, length, 4)
        return self.head(x + getattr(self, self.names[1])(out)).mean(1)


class Offset(nn.Module):
    """RMSNorm with 1 + w for its weights, as in Gemma, before a map."""

    def __init__(self):
        super().__init__()
        self.norm, self.out = OffsetNorm(4), nn.Linear(4, 3)

    def forward(self, x):
        return self.out(self.norm(x))


class OffsetNorm(nn.RMSNorm):
    def forward(self, x):
        return F.rms_norm(x, self.normalized_shape, 1 + self.weight)


def test_a_norm_whose_weights_have_an_offset(dense):
    risk = risk_over(Offset(), (4,))
    assert kinds(risk) == {"norms' weights"}
    assert_one_spectrum(risk, moved(risk), dense)


class Conv1D(nn.Module):
    """A linear map with the inputs first, by the name that Hugging Face gives it."""

    def __init__(self, inputs, outputs):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(inputs, outputs))
        self.bias = nn.Parameter(torch.zeros(outputs))

    def forward(self, x):
        return x @ self.weight + self.bias


@pytest.mark.parametrize(
    "net",
    [
        Fused(),
        Fused(("query_key_value", "dense"), by_head=True),
        Fused(("c_attn", "c_proj"), make=Conv1D),
    ],
    ids=["timm", "neox", "gpt2"],
)
def test_one_map_for_query_key_and_value_is_recognised(net, dense):
    risk = risk_over(net, (4, 4))
    assert {"GL(r) of attention", "keys' biases", "values' biases"} <= kinds(risk)
    assert_one_spectrum(risk, moved(risk), dense)


class Bare(nn.Module):
    """Attention of two heads whose matrices are parameters of its own, under names of its own."""

    def __init__(self):
        super().__init__()
        self.ask, self.tell = (nn.Parameter(torch.zeros(4, 4)) for _ in range(2))
        self.say, self.out = nn.Linear(4, 4, bias=False), nn.Linear(4, 3)

    def forward(self, x):
        n, length, _ = x.shape
        q, k, v = (
            z.view(n, length, 2, 2).transpose(1, 2)
            for z in (x @ self.ask, x @ self.tell, self.say(x))
        )
        mixed = F.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(n, length, 4)
        return self.out(mixed).mean(1)


def test_pairs_can_be_named(dense):
    pairs = ("dot:ask.T,tell.T:2", "chain:say,out:2")
    risk = risk_over(Bare(), (4, 4), pairs=pairs)
    assert kinds(risk) == {"GL(r) of named pairs"}
    copy = moved(risk)
    assert_one_spectrum(risk, copy, dense)
    tops = [float(spectrum(each, "weight", dense)[-1]) for each in (risk, copy)]
    assert tops[1] != pytest.approx(tops[0], rel=0.05)


@pytest.mark.parametrize(
    ("pair", "words"),
    [
        ("ask,tell", "must be like dot:"),
        ("dot:ask.T,tell.T:2/3", "multiple of keys"),
        ("dot:asks,tell", "match no weights of two dimensions; the names are: ask, tell"),
        ("dot:ask,tell:2", "ask, tell are no pair.*heads missing"),
    ],
)
def test_pairs_that_are_none_are_refused_in_words(pair, words):
    with pytest.raises(ValueError, match=words):
        symmetries_of(risk_over(Bare(), (4, 4), pairs=(pair,)))


def test_pairs_reach_the_operator_that_is_asked_for():
    x, y = torch.randn(6, 4, 4), torch.arange(6) % 3
    wrong = {"scale": "symmetry", "pairs": ("dot:asks,tells",)}
    with pytest.raises(ValueError, match="asks and tells match no weights"):
        landscape.hessian(Bare(), "cross-entropy", (x, y), **wrong)


class Plain(nn.Module):
    """Attention of two heads, which no attribute tells, behind a norm; maps by any names."""

    def __init__(self, names, squashed=False):
        super().__init__()
        self.names, self.squashed = names, squashed
        self.norm = Scaled(4)
        for name in names:
            self.add_module(name, nn.Linear(4, 4))

    def forward(self, x):
        q, k, v, out = (getattr(self, name) for name in self.names)
        z = self.norm(x)
        q, k, v = (each(z).unflatten(-1, (2, 2)).transpose(1, 2) for each in (q, k, v))
        if self.squashed:
            q = q.tanh()
        mixed = F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2)
        return out(mixed).mean(1)[:, :3]


class Scaled(nn.Module):
    """RMSNorm by another name."""

    def __init__(self, width):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))

    def forward(self, x):
        return self.weight * x / x.square().mean(-1, keepdim=True).sqrt()


OF_ATTENTION = {"norms' weights", "keys' biases", "values' biases", "GL(r) of attention"}


def test_heads_that_nothing_tells_are_tried(dense):
    risk = risk_over(Plain(("q_proj", "k_proj", "v_proj", "out_proj")), (4, 4))
    assert kinds(risk) == OF_ATTENTION
    sizes = {len(p.left[0].weight.of(risk.values)) for p in symmetries_of(risk).products}
    assert sizes == {2}  # whole heads, not parts of them
    assert_one_spectrum(risk, moved(risk), dense)


def test_heads_of_one_map_that_nothing_tells_are_tried(dense):
    net = Fused()
    del net.num_heads
    risk = risk_over(net, (4, 4))
    assert {"GL(r) of attention", "keys' biases", "values' biases"} <= kinds(risk)
    assert_one_spectrum(risk, moved(risk), dense)


def test_queries_that_are_squashed_are_refuted():
    risk = risk_over(Plain(("q_proj", "k_proj", "v_proj", "out_proj"), squashed=True), (4, 4))
    found = symmetries_of(risk)
    assert "attention's products of query and key" in found.refuted
    assert {p.left[0].weight.name for p in found.products} == {"out_proj.weight"}


def test_biases_go_along_with_named_pairs(dense):
    """That of keys has no effect, that of values goes into the output's: as of what is guessed."""
    pairs = ("dot:ask,tell:2", "chain:say,out:2")
    risk = risk_over(Plain(("ask", "tell", "say", "out")), (4, 4), pairs=pairs)
    assert kinds(risk) == OF_ATTENTION - {"GL(r) of attention"} | {"GL(r) of named pairs"}
    assert_one_spectrum(risk, moved(risk), dense)
