import numpy as np
import pytest
import torch
from click.testing import CliRunner

from landscape.cli import cli


@pytest.fixture
def invoke():
    """Run the command line in this process; errors that users see come back as exceptions."""

    def run(*arguments: object, code: int = 0):
        result = CliRunner().invoke(cli, [str(a) for a in arguments], catch_exceptions=True)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        assert result.exit_code == code, result.output
        return result

    return run


@pytest.fixture(scope="session")
def smooth_checkpoint(tmp_path_factory):
    """A small smooth network, its data, and the arguments that name both."""
    folder = tmp_path_factory.mktemp("smooth")
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(40, 3, generator=generator)
    y = (x[:, 0] + 0.3 * torch.randn(40, generator=generator) > 0).long()
    np.savez(folder / "xy.npz", x=x.numpy(), y=y.numpy())
    torch.manual_seed(1)
    model = torch.nn.Sequential(
        torch.nn.Flatten(), torch.nn.Linear(3, 4), torch.nn.Tanh(), torch.nn.Linear(4, 2)
    )
    optimizer = torch.optim.Adam(model.parameters(), lr=0.05)
    for _ in range(60):
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(model(x), y).backward()
        optimizer.step()
    path = folder / "net.pth"
    torch.save(model.state_dict(), path)
    arguments = ["--model", "mlp?sizes=3-4-2&activation=tanh", "--data", folder / "xy.npz"]
    return path, [*arguments, "--loss", "cross-entropy", "--examples", "all"]
