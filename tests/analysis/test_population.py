"""What eigenvalues, traces and norms of examples say of the set that these stand for."""

from dataclasses import replace

import pytest
import torch
from torch import nn

from landscape.analysis.opening import target_in_memory
from landscape.analysis.progress import quiet
from landscape.analysis.spectrum.population import grouped_operator, stated
from landscape.analysis.spectrum.run import spectrum
from landscape.analysis.spectrum.settings import OperatorSettings, SpectrumSettings, TraceSettings
from landscape.analysis.spectrum.trace import trace_of
from landscape.analysis.target_settings import TargetSettings
from landscape.curvature.operators import make_operator
from landscape.objective.objective import Objective
from landscape.objective.pair import loss_of
from landscape.results import load_result, save_result
from landscape.statistics.population import NUM_GROUPS

SETTINGS = SpectrumSettings(
    num_largest=10, num_smallest=2, num_probes=3, num_steps=4, tol=1e-6, max_matvecs=300
)


def data(n, seed=0):
    rng = torch.Generator().manual_seed(seed)
    x = torch.randn(n, 4, generator=rng, dtype=torch.float64)
    y = (x[:, 0] + 0.5 * torch.randn(n, generator=rng) > 0).long()
    return x, y


def target_of(examples=None, n=410, split="train", objective=None, **changes):
    torch.manual_seed(1)
    model = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 2)).double()
    settings = TargetSettings(
        dtype="float64", batch_size=50, examples=examples, split=split, **changes
    )
    whole = {"train": data(n), "test": data(n, seed=1)}
    return target_in_memory(model, objective or loss_of("cross-entropy"), whole, settings)


@pytest.mark.parametrize(
    "settings",
    [
        OperatorSettings(),
        OperatorSettings(scale="filter", weight_decay=0.01),
        OperatorSettings(operator="ggn"),
        OperatorSettings(operator="fisher", params="2.*"),
    ],
    ids=["hessian", "scaled", "ggn", "fisher of a layer"],
)
def test_groups_add_up_to_the_operator(settings, rng):
    target = target_of("165")  # 16 groups of 10, and 5 left over
    A = grouped_operator(target, settings)
    sizes = [part.risk.num_examples for part in map(_innermost, A.parts)]
    assert sizes == [10] * NUM_GROUPS + [5]
    risk = _innermost(A.parts[0]).risk
    whole = make_operator(
        target.risk.select(risk.layout.names),
        settings.operator,
        scale=settings.scale,
        weight_decay=settings.weight_decay,
    )
    v = torch.randn(A.dim, generator=rng, dtype=torch.float64)
    torch.testing.assert_close(A @ v, whole @ v)


def _innermost(operator):
    while operator.parts:
        operator = operator.parts[0]
    return operator


def test_the_same_seed_deals_the_same_groups_and_another_one_others():
    first, again, other = (
        _innermost(grouped_operator(target_of("160", seed=seed), SETTINGS).parts[3]).risk
        for seed in (0, 0, 1)
    )
    assert torch.equal(first.batches[0][0], again.batches[0][0])
    assert not torch.equal(first.batches[0][0], other.batches[0][0])


def test_a_subset_speaks_for_the_training_split_and_no_product_is_added():
    target = target_of("205")
    found = spectrum(target, settings=SETTINGS, progress=quiet)
    plain = spectrum(target_of(n=205), settings=SETTINGS, progress=quiet)  # all: not split
    assert found.eigenvalues.num_matvecs == plain.eigenvalues.num_matvecs
    top, total = found.eigenvalues.largest, found.eigenvalues.largest_sum
    known = top[0].population
    assert known.of == "the training split of 410"
    assert known.low < known.estimate < top[0].value < known.high
    assert total.number == 5
    assert total.value == pytest.approx(sum(e.value for e in top[:5]))
    assert total.population.low < total.value < total.population.high
    assert all(e.population is None for e in (*top[1:], *found.eigenvalues.smallest))
    norm = found.trace.frobenius_norm.mean
    assert found.trace.population.low < found.trace.trace.mean < found.trace.population.high
    assert found.trace.frobenius_population.estimate < norm


def test_all_of_a_split_leaves_nothing_to_estimate():
    found = spectrum(target_of(n=120), settings=SETTINGS, progress=quiet)
    top, total = found.eigenvalues.largest[0], found.eigenvalues.largest_sum
    assert top.population.low == top.population.high == top.value
    assert top.population.stderr == 0
    assert total.population.low == total.population.high == total.value
    assert found.trace.population is None
    assert found.trace.no_population == "the examples are the training split of 120"


def test_held_out_examples_speak_for_a_population_and_the_first_of_a_stream_for_an_order():
    of_test = stated(target_of("200", split="test"))
    assert (of_test.of, of_test.fraction) == ("the population of the test split", 0.0)
    in_order = stated(target_of("0:200"))
    assert in_order.of == "the training split, if its examples are in random order"
    assert in_order.is_sampled


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"examples": "99"}, "99 examples are too few: take 100 or more"),
        ({"batch_norm": "train"}, "coupled by --bn train"),
        ({"objective": Objective(lambda m, b: (_each(m, b), 1.0 + b[1]))}, "weigh differently"),
        (
            {"objective": Objective(lambda m, b: _each(m, b).mean(), split=lambda b: None)},
            "cannot be cut by rows",
        ),
    ],
    ids=["few", "coupled", "weights", "whole batches"],
)
def test_where_groups_would_say_nothing_the_reason_is_given(changes, words):
    target = target_of(**{"examples": "200", **changes})
    assert words in stated(target).refused
    found = spectrum(target, settings=SETTINGS, progress=quiet)
    assert found.eigenvalues.largest[0].population is None
    assert found.eigenvalues.largest_sum is None
    assert words in found.eigenvalues.no_population
    assert words in found.trace.no_population


def _each(model, batch):
    return nn.functional.cross_entropy(model(batch[0]), batch[1], reduction="none")


def test_few_pairs_leave_out_the_sum_and_one_alone_the_largest_too():
    target = target_of("200")
    three, one = (
        spectrum(target, settings=replace(SETTINGS, num_largest=k), progress=quiet).eigenvalues
        for k in (3, 1)
    )
    assert three.largest[0].population.high > three.largest[0].value
    assert three.largest_sum is None
    assert one.largest[0].population is None
    assert "at least one eigenvalue beyond the largest" in one.no_population


def test_a_definite_operator_has_zero_for_a_lower_end(monkeypatch):
    found = spectrum(
        target_of("100", n=2000), settings=replace(SETTINGS, operator="ggn"), progress=quiet
    )
    assert found.eigenvalues.largest[0].population.low >= 0


def test_the_trace_by_itself_says_it_too_without_further_products():
    settings = TraceSettings(num_matvecs=60)
    target = target_of("205")
    found = trace_of(target, settings=settings, progress=quiet)
    assert found.num_matvecs <= 60
    assert found.population.low < found.trace.mean < found.population.high
    assert found.frobenius_population.of == "the training split of 410"


def test_results_keep_what_they_say(tmp_path):
    found = spectrum(target_of("205"), settings=SETTINGS, progress=quiet)
    for name in ("eigenvalues", "trace"):
        result = getattr(found, name)
        save_result(result, tmp_path / f"{name}.json")
        assert load_result(tmp_path / f"{name}.json").record() == result.record()
    record = found.eigenvalues.record()
    assert record["largest"][0]["population"]["low"] > 0
    assert record["largest_sum"]["population"]["high"] > 0
