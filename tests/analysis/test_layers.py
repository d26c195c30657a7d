"""The per-layer table: its blocks against dense ones, its cost, and which layers share a row."""

from dataclasses import replace

import pytest
import torch
from drawn import drawn
from hypothesis import given
from hypothesis import strategies as st

from landscape.analysis.budget import BUDGETS
from landscape.analysis.forecast import forecast
from landscape.analysis.layers.entry import run as run_layers
from landscape.analysis.layers.rows import rows_within, usual_matvecs
from landscape.analysis.opening import make_target
from landscape.analysis.progress import quiet
from landscape.analysis.spectrum.entry import run as run_spectrum
from landscape.analysis.suite_settings import SuiteSettings
from landscape.analysis.target_settings import TargetSettings
from landscape.curvature.operators import make_operator
from landscape.objective.losses import cross_entropy
from landscape.objective.pair import Loss
from landscape.values import Estimate

# Rows with probes of their own, at limits that a deep network meets.
OWN = replace(BUDGETS["quick"], layer_probes=2, layer_steps=10)

VIT = [  # names of the layers of timm's vit_tiny_patch16_224
    "",
    "patch_embed.proj",
    *(
        f"blocks.{k}.{part}"
        for k in range(12)
        for part in ("norm1", "attn.qkv", "attn.proj", "norm2", "mlp.fc1", "mlp.fc2")
    ),
    "norm",
    "head",
]


def parameters(layers):
    return [f"{layer}.{kind}".lstrip(".") for layer in layers for kind in ("weight", "bias")]


def rows(layers, most):
    """Rows at a limit that allows ``most`` of them."""
    limit = 2 * most * usual_matvecs(2, 10)
    return rows_within(parameters(layers), num_probes=2, num_steps=10, limit=limit)


def deep_target(depth):
    """A network of ``depth`` small dense layers, near the identity so that all of them matter."""
    rng = torch.Generator().manual_seed(0)
    x, y = torch.randn(30, 3, generator=rng), torch.randint(0, 3, (30,), generator=rng)
    layers = []
    for _ in range(depth):
        linear = torch.nn.Linear(3, 3)
        with torch.no_grad():
            linear.weight.copy_(torch.eye(3) + 0.1 * torch.randn(3, 3, generator=rng))
            linear.bias.copy_(0.1 * torch.randn(3, generator=rng))
        layers += [linear, torch.nn.Tanh()]
    data = drawn(x, y, 3)
    settings = TargetSettings(batch_size=30, dtype="float64")
    model = torch.nn.Sequential(*layers[:-1])
    return make_target(model, Loss("cross-entropy", cross_entropy), data, settings, label="deep")


def suite(**changed):
    return SuiteSettings(
        **{
            "budget": OWN,
            "operator": "hessian",
            "weight_decay": 0.0,
            "num_shards": 0,
            "extent": 1.0,
        }
        | changed
    )


def test_rows_of_a_deep_network_are_blocks_of_its_hessian():
    """60 layers within a small budget: every row against the dense block of its layers."""
    target = deep_target(60)
    table = run_layers(target, suite(), {}, quiet)["layers"]
    assert table.num_matvecs <= OWN.layers_max_matvecs
    assert len(table.rows) == 20
    assert table.joined
    assert sum(row.num_layers for row in table.rows) == 60
    assert sum(row.num_params for row in table.rows) == target.risk.num_params
    A = make_operator(target.risk, "hessian")
    dense = torch.stack([A @ row for row in torch.eye(A.dim, dtype=A.dtype)])
    start, outside = 0, 0
    for row in table.rows:
        end = start + row.num_params
        block = dense[start:end, start:end]
        values = torch.linalg.eigvalsh(block)
        for found, exact in ((row.largest, values[-1]), (row.smallest, values[0])):
            # An eigenvalue lies within the residual; the extreme one, where it has converged.
            assert (values - found.value).abs().min() <= found.residual + 1e-12
            if found.converged:
                assert found.value == pytest.approx(float(exact), abs=found.residual + 1e-12)
        outside += abs(row.trace.mean - float(block.trace())) > 4 * row.trace.stderr + 1e-9
        start = end
    # Of two probes, t is beyond 4 in 16 % of rows: 7 or more of 20 in 4 % of seeds.
    assert outside <= 6


def test_all_layers_have_their_row_where_asked_or_where_there_is_room():
    target = deep_target(24)
    joined, single = (
        run_layers(target, suite(all_layers=asked), {}, quiet)["layers"] for asked in (False, True)
    )
    assert len(joined.rows) == 12
    assert [row.name for row in single.rows] == [str(2 * k) for k in range(24)]
    assert not single.joined


@pytest.mark.parametrize("depth", [5, 60])
def test_the_forecast_counts_the_rows_of_the_table(depth):
    target = deep_target(depth)
    for settings in (suite(), suite(all_layers=True)):
        (line,) = forecast(target, settings, ["layers"])
        table = run_layers(target, settings, {}, quiet)["layers"]
        assert line.num_matvecs == len(table.rows) * usual_matvecs(2, 10)
        assert table.num_matvecs <= 1.2 * line.num_matvecs


def dense_traces(target, rows):
    A = make_operator(target.risk, "ggn")
    diagonal = torch.stack([(A @ e) @ e for e in torch.eye(A.dim, dtype=A.dtype)])
    sizes = [row.num_params for row in rows]
    return [float(part.sum()) for part in diagonal.split(sizes)]


def test_shared_probes_give_traces_within_their_error():
    target, settings = deep_target(10), suite(budget=BUDGETS["quick"], operator="ggn")
    spectrum = run_spectrum(target, settings, {}, quiet)
    table = run_layers(target, settings, spectrum, quiet)["layers"]
    assert table.num_matvecs == 0
    assert len(table.rows) == 10
    for row, exact in zip(table.rows, dense_traces(target, table.rows), strict=True):
        assert row.largest is row.smallest is None
        assert abs(row.trace.mean - exact) <= 4 * row.trace.stderr


@pytest.mark.parametrize(("share", "is_shown"), [(0.29, True), (0.31, False)])
def test_a_trace_that_shared_probes_do_not_tell_is_left_out(share, is_shown):
    """Variances of a layer's tensors add up: here 0.6² + 0.8² of what decides."""
    target, settings = deep_target(5), suite(budget=BUDGETS["quick"])
    found = run_spectrum(target, settings, {}, quiet)
    sizes = {"0.weight": 0.6 * share, "0.bias": 0.8 * share}
    tensors = [
        replace(part, trace=Estimate(0.5, sizes[part.name])) if part.name in sizes else part
        for part in found["trace"].tensors
    ]
    trace = replace(found["trace"], tensors=tuple(tensors))
    row = run_layers(target, settings, found | {"trace": trace}, quiet)["layers"].rows[0]
    assert row.trace == (Estimate(1.0, pytest.approx(share)) if is_shown else None)


def test_shared_probes_are_run_where_no_spectrum_gave_them():
    target, settings = deep_target(5), suite(budget=BUDGETS["quick"])
    spectrum = run_spectrum(target, settings, {}, quiet)
    given, alone = (run_layers(target, settings, e, quiet)["layers"] for e in (spectrum, {}))
    assert alone.rows == given.rows
    (beside,) = [
        line for line in forecast(target, settings, ["spectrum", "layers"]) if line.name == "layers"
    ]
    (by_itself,) = forecast(target, settings, ["layers"])
    assert beside.num_matvecs == 0 < by_itself.num_matvecs


def test_blocks_of_a_transformer_are_its_rows():
    found = rows(VIT, 20)
    blocks = [(f"blocks.{k}", 6) for k in range(12)]
    ends = [("norm", 1), ("head", 1)]
    expected = [("(top level)", 1), ("patch_embed.proj", 1), *blocks, *ends]
    assert [(row.name, row.num_layers) for row in found] == expected
    assert [row.name for row in rows(VIT, 76)] == ["(top level)", *VIT[1:]]


def test_neighbours_share_a_row_where_modules_would_leave_too_few():
    layers = [f"features.{k}" for k in range(40)] + ["classifier.1", "classifier.4"]
    names = [row.name for row in rows(layers, 20)]
    assert names[:2] == ["features.0 to features.2", "features.3 to features.5"]
    assert names[-2:] == ["features.39", "classifier.1 to classifier.4"]


@given(
    st.lists(
        st.lists(st.sampled_from("abc012"), min_size=1, max_size=4).map(".".join),
        min_size=1,
        max_size=60,
        unique=True,
    ),
    st.integers(1, 30),
)
def test_rows_hold_every_parameter_once_and_are_no_more_than_allowed(layers, most):
    found = rows(layers, most)
    assert len(found) <= max(most, 1)
    held = [name for row in found for name in row.parameters]
    assert sorted(held) == sorted(parameters(layers))
    assert len({row.name for row in found}) == len(found)
    assert sum(row.num_layers for row in found) == len(layers)
    if len(layers) <= most:
        assert [row.name for row in found] == layers
