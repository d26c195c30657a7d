"""A budget of memory is divided within it, and changes no number."""

import json

import pytest
import torch
from click.testing import CliRunner

from landscape.analysis.memory import fitting_batches, mapped_rows, plan_memory
from landscape.cli import cli
from landscape.curvature.graphs import count_saved_bytes
from landscape.curvature.hessian import HessianOperator
from landscape.curvature.losses import BUILTIN_LOSSES, Loss
from landscape.curvature.risk import EmpiricalRisk, cut
from landscape.linalg.krylov import analyse_spectrum

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
    with count_saved_bytes() as counted:
        HessianOperator(cut_risk, graph_budget=0).graphs[0]
    fixed = 4 * risk.num_params * 2  # θ itself is among what a graph holds, whatever the batch
    assert 2 * (counted() - fixed) <= memory / 4
    assert cut_risk.num_examples == 256


@pytest.mark.parametrize("memory", [MB // 2, MB, 4 * MB, 64 * MB])
def test_the_parts_of_a_plan_fit_into_the_budget(risk, memory):
    plan = plan_memory(risk, memory, num_pairs=10, num_spare=10)
    held = plan.graphs + (0 if plan.on_disk else plan.krylov)
    assert held + 8 * 4 * risk.num_params <= memory
    assert plan.max_basis >= 20


def test_a_basis_that_does_not_fit_goes_to_a_file(risk):
    room = 8 * 4 * risk.num_params
    assert plan_memory(risk, room + MB // 4, num_pairs=10, num_spare=10).on_disk
    with pytest.raises(ValueError, match=r"--memory must be more than .* parameters"):
        plan_memory(risk, room, num_pairs=10, num_spare=10)


def test_a_mapped_basis_gives_the_same_numbers_and_leaves_no_file(risk, tmp_path):
    def run(allocate):
        return analyse_spectrum(
            HessianOperator(risk),
            num_largest=4, num_smallest=2, tol=1e-4, num_probes=2, num_steps=8, max_matvecs=300,
            max_basis=20, allocate=allocate, rng=torch.Generator().manual_seed(0),
        )  # fmt: skip

    mapped, held = run(mapped_rows(tmp_path)), run(None)
    assert torch.equal(mapped.eigenpairs.values, held.eigenpairs.values)
    assert torch.equal(mapped.eigenpairs.vectors, held.eigenpairs.vectors)
    assert mapped.trace == held.trace
    assert list(tmp_path.iterdir()) == []


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
    values = [[e["value"] for e in json.loads(r.stdout)["largest"]] for r in (plain, tight)]
    assert values[1] == pytest.approx(values[0], rel=1e-10)


@pytest.mark.parametrize("size", ["0", "8X", "-1G", "G"])
def test_a_size_that_is_none_is_refused(size):
    result = CliRunner().invoke(cli, ["trace", "net.pth", "--memory", size])
    assert result.exit_code == 2
    assert "write it like 8G or 512M" in result.stderr
