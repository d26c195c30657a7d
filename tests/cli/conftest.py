import command_line
import pytest
from drawn import small_checkpoint


@pytest.fixture
def invoke():
    """Run the command line in this process; errors that users see come back as exceptions."""
    return command_line.invoke


@pytest.fixture(scope="session")
def smooth_checkpoint(tmp_path_factory):
    """A small smooth network, its data, and the arguments that name both."""
    folder = tmp_path_factory.mktemp("smooth")
    path, arguments = small_checkpoint(folder, 40, num_steps=60)
    return path, [*arguments, "--examples", "all"]
