"""The command line in this process."""

from click.testing import CliRunner

from landscape.cli import cli


def invoke(*arguments, code=0):
    """Run a command, which is to end with ``code``; what it raised comes back as an exception."""
    result = CliRunner().invoke(cli, [str(a) for a in arguments])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == code, result.output
    return result
