"""Losses whose numbers would depend on the batches are named before anything is measured."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

import landscape
from landscape.analysis.opening import target_in_memory
from landscape.analysis.target_settings import TargetSettings
from landscape.objective.named import objective_of


class _Towers(nn.Module):
    """Two towers and a learned scale, as CLIP has them."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.a, self.b = nn.Linear(4, 3), nn.Linear(5, 3)
        self.scale = nn.Parameter(torch.tensor(1.5))
        self.double()

    def forward(self, a, b):
        return F.normalize(self.a(a), dim=1), F.normalize(self.b(b), dim=1)


def _contrastive(model, batch):
    u, v = model(*batch)
    scores, own = model.scale * u @ v.T, torch.arange(len(u))
    return (F.cross_entropy(scores, own) + F.cross_entropy(scores.T, own)) / 2


def _views():
    torch.manual_seed(1)
    return torch.randn(16, 4).double(), torch.randn(16, 5).double()


def test_a_loss_that_couples_its_examples_needs_them_in_one_batch(agrees):
    model, views = _Towers(), _views()
    agrees(model, views, lambda: _contrastive(model, views), objective=_contrastive)
    with pytest.raises(ValueError, match=r"couples the examples.*--batch-size 16.*split=False"):
        landscape.hessian(model, data=views, objective=_contrastive, dtype="float64", batch_size=4)


def test_batches_of_training_may_be_the_definition(agrees):
    model, views = _Towers(), _views()
    batches = [tuple(t[k : k + 4] for t in views) for k in range(0, 16, 4)]
    agrees(
        model,
        batches,
        lambda: sum(_contrastive(model, batch) for batch in batches) / 4,
        objective=landscape.Objective(_contrastive, split=False),
    )


class _Tagger(nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.embed, self.out = nn.Embedding(7, 4), nn.Linear(4, 3)
        self.double()

    def forward(self, ids, mask):
        h = self.embed(ids)
        context = (h * mask[..., None]).sum(1, keepdim=True) / mask.sum(1)[:, None, None]
        return self.out(torch.tanh(h + context))


def _tagged(n, length, seed):
    rng = torch.Generator().manual_seed(seed)
    ids = torch.randint(0, 7, (n, length), generator=rng)
    known = torch.arange(length) < torch.randint(1, length + 1, (n, 1), generator=rng)
    labels = torch.randint(0, 3, (n, length), generator=rng).where(known, -100)
    return {"ids": ids, "mask": known.double(), "labels": labels}


BATCHES = [_tagged(5, 6, 1), _tagged(4, 8, 2), _tagged(3, 3, 3)]


def _sum_of_tokens(model, batch):
    scores = model(batch["ids"], batch["mask"]).flatten(0, 1)
    total = F.cross_entropy(scores, batch["labels"].flatten(), reduction="sum")
    return total, (batch["labels"] != -100).sum()


def _mean_of_tokens(model, batch):
    total, count = _sum_of_tokens(model, batch)
    return total / count


@pytest.mark.parametrize(
    "objective",
    [
        _sum_of_tokens,
        landscape.Objective(_mean_of_tokens, count=lambda b: (b["labels"] != -100).sum()),
    ],
    ids=["total and weight", "count"],
)
def test_a_mean_over_tokens_is_exact_in_padded_batches(agrees, objective):
    model = _Tagger()

    def reference():
        totals, counts = zip(*(_sum_of_tokens(model, batch) for batch in BATCHES), strict=True)
        return sum(totals) / sum(counts)

    agrees(model, BATCHES, reference, objective=objective)


def test_a_mean_over_tokens_without_their_count_is_told_what_is_missing():
    with pytest.raises(ValueError, match=r"mean over something else.*count="):
        landscape.hessian(_Tagger(), data=BATCHES, objective=_mean_of_tokens, dtype="float64")


def test_a_first_batch_without_padding_does_not_hide_the_mean():
    full = _tagged(4, 5, 4)
    full["mask"], full["labels"] = torch.ones_like(full["mask"]), full["labels"].clamp_min(0)
    with pytest.raises(ValueError, match=r"mean over something else.*count="):
        landscape.hessian(
            _Tagger(), data=[full, *BATCHES], objective=_mean_of_tokens, dtype="float64"
        )


@pytest.mark.parametrize("size", [5, 20])
def test_a_sum_over_the_batch_is_refused(pairs, size):
    def summed(outputs, targets):
        return F.cross_entropy(outputs, targets, reduction="sum")

    with pytest.raises(ValueError, match=r"is a sum over the batch.*\(total, weight\)"):
        landscape.hessian(nn.Linear(3, 2).double(), summed, pairs, dtype="float64", batch_size=size)


class _TimeFirst(nn.Module):
    """A leaky unit over the first axis."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.layer = nn.Linear(3, 2).double()

    def forward(self, x):
        h, seen = torch.zeros(()), []
        for current in self.layer(x):
            h = 0.5 * h + torch.tanh(current)
            seen.append(h)
        return torch.stack(seen)


def test_time_in_the_place_of_the_batch_is_found():
    x, y = torch.randn(12, 7, 3).double(), torch.randint(0, 2, (12,))

    def loss(outputs, targets):
        return F.cross_entropy(outputs.mean(1), targets)

    with pytest.raises(ValueError, match=r"order of the examples.*time first"):
        landscape.hessian(_TimeFirst(), loss, (x, y), dtype="float64", batch_size=4)


@pytest.mark.parametrize(
    ("loss", "targets"),
    [
        ("cross-entropy", torch.arange(4)),
        ("cross-entropy", torch.arange(28).reshape(4, 7) % 4),
        ("cross-entropy", torch.arange(16).reshape(4, 4) % 4),
        ("mse", torch.arange(4)),
        ("mse", torch.ones(4, 4)),
        ("mse", torch.ones(4, 7, 4)),
        ("mse", torch.ones(4, 4, 4)),
    ],
)
@pytest.mark.parametrize("steps", [4, 7])
def test_named_losses_name_time_where_it_comes_first(loss, targets, steps):
    """As many steps as examples, too: no shape of one batch shows that."""

    class Steps(nn.Linear):
        def forward(self, x):
            return torch.stack([super(Steps, self).forward(k * x) for k in range(steps)])

    with pytest.raises(ValueError, match=r"Is time on the first axis\?.*--layout T-first"):
        landscape.hessian(Steps(3, 4), loss, (torch.randn(4, 3), targets))


def test_as_many_outputs_as_examples_are_no_time():
    x, y = torch.randn(4, 3), torch.arange(4)
    assert landscape.hessian(nn.Linear(3, 4), "cross-entropy", (x, y)).dim == 16


def _additivity(model, objective, data, **settings):
    settings = TargetSettings(dtype="float64", **settings)
    return target_in_memory(model, objective, data, settings).additivity


def test_what_cannot_be_checked_is_not_called_checked(pairs):
    model, loss = nn.Linear(3, 2).double(), objective_of("cross-entropy", None)
    assert _additivity(model, loss, pairs).checked
    normed = nn.Sequential(model, nn.BatchNorm1d(2, dtype=torch.float64))
    for found, reason in (
        (_additivity(normed, loss, pairs, batch_norm="train"), "--bn train"),
        (
            _additivity(model, landscape.Objective(lambda m, b: m(b[0]).square().mean(1),
                                                   split=False), pairs),
            "split=False",
        ),
    ):  # fmt: skip
        assert not found.checked
        assert reason in found.reason


def test_a_split_of_ones_own_is_used(pairs):
    x, y = pairs
    batches = [{"x": x, "y": y, "pos_weight": torch.tensor(2.0).double()}]
    seen = []

    def split(batch):
        if len(batch["y"]) < 2:
            return None
        return tuple({**batch, "x": batch["x"][k::2], "y": batch["y"][k::2]} for k in (0, 1))

    def weighted(model, batch):
        seen.append(len(batch["y"]))
        return batch["pos_weight"] * F.cross_entropy(
            model(batch["x"]), batch["y"], reduction="none"
        )

    objective = landscape.Objective(weighted, split=split)
    assert _additivity(nn.Linear(3, 2).double(), objective, batches).checked
    assert set(seen) == {20, 10}


def test_noise_is_judged_within_its_spread():
    def noisy(model, batch):
        return (model(batch[0]) + 0.5 * torch.randn(len(batch[0]), 2) - 1).square().sum(1)

    data = torch.randn(20, 3).double(), torch.zeros(20)
    assert _additivity(nn.Linear(3, 2).double(), landscape.Objective(noisy), data).checked

    def summed(model, batch):
        return noisy(model, batch).sum()

    with pytest.raises(ValueError, match="is a sum over the batch"):
        _additivity(nn.Linear(3, 2).double(), landscape.Objective(summed), data)
