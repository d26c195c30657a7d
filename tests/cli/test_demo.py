"""The demonstration starts from files that come with the package."""

from landscape.checkpoint.inspection import inspect_checkpoint
from landscape.cli.commands.demo import SHIPPED, shipped_checkpoints


def test_its_checkpoints_are_found_and_can_be_analysed():
    paths = shipped_checkpoints()
    assert [path.stem for path in paths] == list(SHIPPED)
    assert all(inspect_checkpoint(path).command is not None for path in paths)
