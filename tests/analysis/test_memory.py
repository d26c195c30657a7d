"""A budget of memory is divided within it, and changes no number."""

import json

import pytest
import torch
from click.testing import CliRunner

import landscape.analysis.memory as memory_module
from landscape.analysis.memory import (
    FILE,
    MEMORY,
    PINNED,
    basis_rows,
    fitting_batches,
    mapped_rows,
    place_elsewhere,
    plan_memory,
)
from landscape.analysis.opening import target_in_memory
from landscape.analysis.progress import quiet
from landscape.analysis.spectrum.settings import TraceSettings
from landscape.analysis.spectrum.trace import trace_of
from landscape.analysis.target_settings import TargetSettings
from landscape.cli import cli
from landscape.curvature.graphs import saved_storages
from landscape.curvature.hessian import HessianOperator
from landscape.data.dataset import cut
from landscape.linalg.krylov import analyse_spectrum
from landscape.linalg.restart import Basis
from landscape.objective.losses import BUILTIN_LOSSES
from landscape.objective.pair import Loss, loss_of
from landscape.objective.risk import EmpiricalRisk

MB = 1 << 20


@pytest.fixture(scope="module")
def risk():
    torch.manual_seed(0)
    model = torch.nn.Sequential(
        torch.nn.Linear(8, 64), torch.nn.Tanh(), torch.nn.Linear(64, 64), torch.nn.Tanh(),
        torch.nn.Linear(64, 2),
    )  # fmt: skip
    x = torch.randn(256, 8)
    y = torch.randint(0, 2, (256,))
    return EmpiricalRisk(
        model, Loss("cross-entropy", BUILTIN_LOSSES["cross-entropy"]), cut(x, y, 256)
    )


@pytest.mark.parametrize("memory", [MB // 2, MB, 4 * MB, 64 * MB])
def test_a_batch_and_its_work_take_a_quarter_of_the_budget(risk, memory):
    cut_risk = fitting_batches(risk, memory)
    with saved_storages() as storages:
        HessianOperator(cut_risk, graph_budget=0).graph(0)
    fixed = 4 * risk.num_params * 2  # θ itself is among what a graph holds, whatever the batch
    assert 2 * (sum(storages.values()) - fixed) <= memory / 4
    assert cut_risk.num_examples == 256


def test_a_basis_that_memory_does_not_hold_after_all_goes_into_a_file(tmp_path, monkeypatch):
    def refuse(*sizes, **settings):
        raise RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: 24 bytes.")

    allocate = basis_rows(torch.device("cpu"), tmp_path / "work", None)
    with monkeypatch.context() as patched:
        patched.setattr(torch, "empty", refuse)
        rows = allocate(2, 3, torch.float32)
    assert rows.shape == (2, 3)
    assert (tmp_path / "work").is_dir()


def test_memory_that_does_not_hold_four_examples_is_tried_with_one(risk):
    class Room(torch.nn.Sequential):
        def forward(self, x):
            if len(x) > 3:
                raise torch.OutOfMemoryError("CUDA out of memory.")
            return super().forward(x)

    small = EmpiricalRisk(Room(*risk.model), risk.objective, risk.batches)
    assert {len(batch.targets) for batch in fitting_batches(small, MB).batches} == {1}


@pytest.mark.parametrize("memory", [MB // 2, MB, 4 * MB, 64 * MB])
def test_the_parts_of_a_plan_fit_into_the_budget(risk, memory):
    plan = plan_memory(risk, memory, num_pairs=10, num_spare=10)
    held = plan.graphs + (plan.krylov if plan.place == MEMORY else 0)
    assert held + 8 * 4 * risk.num_params <= memory
    assert plan.max_basis >= 20


def test_a_basis_that_does_not_fit_goes_to_a_file(risk):
    room = 8 * 4 * risk.num_params
    assert plan_memory(risk, room + MB // 4, num_pairs=10, num_spare=10).place == FILE
    with pytest.raises(ValueError, match=r"--memory must be more than .* parameters"):
        plan_memory(risk, room, num_pairs=10, num_spare=10)


def test_a_mapped_basis_gives_the_same_numbers_and_leaves_no_file(risk, tmp_path):
    def run(allocate):
        return analyse_spectrum(
            HessianOperator(risk),
            num_largest=4, num_smallest=2, tol=1e-4, num_probes=2, num_steps=8, max_matvecs=300,
            basis=Basis(max_rows=20, allocate=allocate), rng=torch.Generator().manual_seed(0),
        )  # fmt: skip

    mapped, held = run(mapped_rows(tmp_path)), run(None)
    assert torch.equal(mapped.eigenpairs.values, held.eigenpairs.values)
    assert torch.equal(mapped.eigenpairs.vectors, held.eigenpairs.vectors)
    assert mapped.trace == held.trace
    assert list(tmp_path.iterdir()) == []


def test_rows_of_half_the_bits_are_twice_as_many(risk):
    memory = 8 * 4 * risk.num_params + 8 * 25 * risk.num_params  # half of which is for the basis
    plans = [
        plan_memory(risk, memory, num_pairs=10, num_spare=10, basis_dtype=dtype)
        for dtype in (None, torch.bfloat16)
    ]
    assert [plan.place for plan in plans] == [MEMORY, MEMORY]
    assert [plan.max_basis for plan in plans] == [25 - 4, 50 - 11]


@pytest.mark.parametrize(("memory", "method"), [(4 * MB, "xtrace"), (MB, "hutchinson")])
def test_a_sketch_that_the_budget_does_not_hold_is_not_made(memory, method):
    """25 of 30 products are for the trace; XTrace keeps 3 vectors a product, 300,000 bytes."""
    model, examples = torch.nn.Linear(4, 200), (torch.randn(20, 4), torch.arange(20) % 2)
    settings = TargetSettings(memory=memory)
    target = target_in_memory(model, loss_of("cross-entropy"), {"train": examples}, settings)
    found = trace_of(target, settings=TraceSettings(num_matvecs=30), progress=quiet)
    assert found.method == method


GPU = torch.device("cuda")


@pytest.fixture
def free(monkeypatch):
    """Say what is free on a GPU, and on its host."""

    def say(on_device, on_host):
        def probe(device, share=1.0):
            return int(share * (on_device if device.type == "cuda" else on_host))

        monkeypatch.setattr(memory_module, "free_memory", probe)

    return say


@pytest.mark.parametrize(
    ("num_bytes", "on_host", "place"),
    [
        (64 * MB, 81 * MB, PINNED),
        (64 * MB, 79 * MB, FILE),  # the host is short of it too
        (65 * MB, 159 * MB, FILE),  # PyTorch would pin 128 MiB
        (65 * MB, 161 * MB, PINNED),
    ],
)
def test_what_a_gpu_does_not_hold_its_host_does_if_it_can(num_bytes, on_host, place, free):
    free(0, on_host)
    assert place_elsewhere(num_bytes, GPU) == place
    assert place_elsewhere(num_bytes, torch.device("cpu")) == FILE  # the host is the device there


@pytest.mark.parametrize(
    ("place", "on_device", "on_host", "asked_for"),
    [
        (None, 8 * MB, 0, {"device": GPU}),
        (None, 7 * MB, 100 * MB, {"pin_memory": True}),
        (None, 7 * MB, 0, None),
        (MEMORY, 0, 0, {"device": GPU}),
        (PINNED, 0, 0, {"pin_memory": True}),
        (FILE, 100 * MB, 100 * MB, None),
    ],
)
def test_a_basis_is_made_where_there_is_room(
    place, on_device, on_host, asked_for, free, tmp_path, monkeypatch
):
    """No GPU is at hand: what PyTorch is asked for is what is tested."""
    free(on_device, on_host)
    asked = []
    monkeypatch.setattr(torch, "empty", lambda *shape, **how: asked.append((shape, how)))
    made = basis_rows(GPU, tmp_path, place)(1 << 10, 1 << 10, torch.float32)
    if asked_for is None:
        assert made.shape == (1 << 10, 1 << 10)
        assert not asked
    else:
        assert asked == [((1 << 10, 1 << 10), {"dtype": torch.float32, **asked_for})]


def test_the_command_states_the_plan_before_the_run_and_its_numbers_agree(tmp_path):
    torch.manual_seed(0)
    import numpy as np

    np.savez(tmp_path / "xy.npz", x=torch.randn(50, 3).numpy(), y=torch.arange(50).numpy() % 2)
    model = torch.nn.Sequential(
        torch.nn.Flatten(), torch.nn.Linear(3, 4), torch.nn.Tanh(), torch.nn.Linear(4, 2)
    )
    torch.save(model.state_dict(), tmp_path / "net.pth")
    options = ["--model", "mlp?sizes=3-4-2&activation=tanh", "--data", str(tmp_path / "xy.npz")]
    line = ["eigenvalues", str(tmp_path / "net.pth"), *options, "--loss", "cross-entropy",
            "--examples", "all", "--dtype", "float64", "--json", "--top", "3"]  # fmt: skip
    plain = CliRunner().invoke(cli, line)
    tight = CliRunner().invoke(cli, [*line, "--memory", "12K"])
    assert plain.exit_code == tight.exit_code == 0, tight.output
    said = tight.stderr.splitlines()
    assert "Krylov basis" in said[1]
    assert "batches of" in said[1]
    coarse = CliRunner().invoke(cli, [*line, "--basis-dtype", "bfloat16", "--tol", "0.02"])
    found = [json.loads(r.stdout) for r in (plain, tight, coarse)]
    values = [[e["value"] for e in r["largest"]] for r in found]
    assert values[1] == pytest.approx(values[0], rel=1e-10)
    assert values[2] == pytest.approx(values[0], rel=1e-2)
    assert [r["basis_dtype"] for r in found] == ["float64", "float64", "bfloat16"]
    assert found[0]["orthogonality_loss"] < 1e-13
    assert 1e-4 < found[2]["orthogonality_loss"] < 0.1

    refused = CliRunner().invoke(cli, [*line, "--basis-dtype", "bfloat16"])
    assert "tol must be at least 0.0039" in str(refused.exception)
    report = ["analyze", *line[1:-3], "--memory", "12K", "--only", "spectrum", "-o"]
    told = CliRunner().invoke(cli, [*report, str(tmp_path / "report"), "--budget", "quick"])
    assert "net: Krylov basis" in told.stderr


@pytest.mark.parametrize("size", ["0", "8X", "-1G", "G"])
def test_a_size_that_is_none_is_refused(size):
    result = CliRunner().invoke(cli, ["trace", "net.pth", "--memory", size])
    assert result.exit_code == 2
    assert "write it like 8G or 512M" in result.stderr
