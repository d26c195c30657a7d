"""A look's numbers: weights against dense singular values, errors against single examples."""

import json
import math

import pytest
import torch
from torch import nn

from landscape.analysis.look.run import fit_on
from landscape.analysis.look.weights import of_weights, weight_rows
from landscape.analysis.opening import target_in_memory
from landscape.analysis.target_settings import TargetSettings
from landscape.objective.pair import loss_of
from landscape.results.look import MEANINGS, Look
from landscape.statistics.tail import fit_tail


@pytest.fixture(scope="module")
def data():
    rng = torch.Generator().manual_seed(0)
    x = torch.randn(12, 3, generator=rng, dtype=torch.float64)
    return x, (x[:, 0] > 0).long()


@pytest.fixture(scope="module")
def target(data):
    torch.manual_seed(1)
    model = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2)).double()
    settings = TargetSettings(dtype="float64", batch_size=5)
    return target_in_memory(model, loss_of("cross-entropy"), data, settings)


def test_norms_ranks_and_tails_are_those_of_the_singular_values(rng):
    state = {
        "fc.weight": torch.randn(70, 60, generator=rng) ** 3,
        "conv.weight": torch.randn(4, 3, 2, 2, generator=rng),
        "fc.bias": torch.randn(70, generator=rng),
        "bn.running_mean": torch.randn(4, generator=rng),
        "step": torch.tensor(3),
    }
    rows = {row.name: row for row in weight_rows(state)}
    assert list(rows) == ["fc.weight", "conv.weight", "fc.bias"]
    for name in ("fc.weight", "conv.weight"):
        matrix = state[name].double().flatten(1)
        s = torch.linalg.svdvals(matrix)
        assert rows[name].spectral_norm == pytest.approx(float(s[0]), rel=1e-12)
        assert rows[name].frobenius_norm == pytest.approx(float(matrix.norm()), rel=1e-12)
        ratio = float((s**2).sum() / s[0] ** 2)
        assert rows[name].stable_rank == pytest.approx(ratio, rel=1e-12)
    squares = torch.linalg.svdvals(state["fc.weight"].double()).square()
    tail = fit_tail(squares.numpy())
    assert rows["fc.weight"].tail_exponent == pytest.approx(tail.alpha, rel=1e-6)
    assert rows["fc.weight"].tail_exponent_stderr == pytest.approx(tail.stderr, rel=1e-6)
    assert rows["conv.weight"].tail_exponent is None  # four singular values
    assert rows["fc.bias"].spectral_norm is None
    found = of_weights(state)
    squared = sum(float(state[name].double().square().sum()) for name in rows)
    assert found["weights_norm"] == pytest.approx(math.sqrt(squared), rel=1e-12)
    assert found["spectral_norm_max_layer"] == "fc.weight"


def test_a_matrix_of_low_rank_has_a_tail_of_what_is_not_zero(rng):
    low = torch.randn(80, 51, generator=rng) @ torch.randn(51, 90, generator=rng)
    (row,) = weight_rows({"w": low.double()})
    s = torch.linalg.svdvals(low.double())[:51]
    assert row.tail_exponent == pytest.approx(fit_tail(s.square().numpy()).alpha, rel=1e-6)


def test_zeros_nan_and_infinity_are_counted():
    w = torch.tensor([[0.0, 1.0], [0.0, 2.0]])
    bad = torch.tensor([[math.nan, 1.0], [math.inf, 0.0]])
    found = of_weights({"w": w, "bad": bad, "b.running_var": torch.tensor([math.nan])})
    good_row, bad_row = found["weights"]
    assert (good_row.zeros, good_row.num_nonfinite) == (0.5, 0)
    assert (bad_row.num_nonfinite, bad_row.spectral_norm, bad_row.frobenius_norm) == (2, None, None)
    assert found["num_nonfinite"] == 3
    assert found["weights_norm"] is None
    assert found["zeros"] == 3 / 8


def test_weights_of_zeros_and_without_numbers():
    zero, empty = weight_rows({"zero": torch.zeros(3, 3), "empty": torch.zeros(0, 3)})
    assert (zero.spectral_norm, zero.stable_rank, zero.zeros) == (0.0, None, 1.0)
    assert empty.frobenius_norm is None


def test_complex_weights_have_the_spectra_of_their_matrices(rng):
    w = torch.randn(3, 5, generator=rng, dtype=torch.complex128)
    (row,) = weight_rows({"w": w})
    assert row.spectral_norm == pytest.approx(float(torch.linalg.svdvals(w)[0]), rel=1e-12)


def test_errors_of_loss_and_accuracy_are_those_of_means_over_examples(target, data):
    x, y = data
    with torch.no_grad():
        outputs = target.model(x)
    losses = nn.functional.cross_entropy(outputs, y, reduction="none").numpy()
    right = (outputs.argmax(1) == y).double().numpy()
    fit = fit_on(target.risk)
    assert fit.num_examples == 12
    assert fit.loss.mean == pytest.approx(losses.mean(), rel=1e-12)
    assert fit.loss.stderr == pytest.approx(losses.std(ddof=1) / math.sqrt(12), rel=1e-12)
    assert fit.accuracy.mean == right.mean()
    assert fit.accuracy.stderr == pytest.approx(right.std(ddof=1) / math.sqrt(12), rel=1e-12)


def test_a_row_is_flat_and_json():
    row = Look(path="net.pth", train_loss=math.nan, notes=("a", "b")).record()
    assert json.loads(json.dumps(row, allow_nan=False)) == row
    assert set(MEANINGS) == set(row)
    assert (row["train_loss"], row["notes"]) == (None, "a; b")
