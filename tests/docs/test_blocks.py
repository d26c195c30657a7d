"""What the pages tell a reader to type does what they say."""

import re
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner
from matplotlib.figure import Figure
from pages import PAGES, blocks, expanded

from landscape.cli import cli

# Analyses that take seconds even on the smallest network are tried with less of everything.
_LESS = {
    "analyze": "--budget quick --only spectrum --examples 40",
    "compare": "--resamples 200",
    "density": "--probes 2 --steps 10 --examples 40",
    "fidelity": "--examples 40",
    "surface": "--examples 40 --x=-1:1:5",
}
_SHELL = [b for p in PAGES for b in blocks(p) if b.language == "sh"]
_ALONE = [b for b in _SHELL if b.commands and b.why is None and not b.launched]
_RUN = list({b.text: b for b in _ALONE}.values())  # what two pages say is run once
_PYTHON = {p.name: [b for b in blocks(p) if b.language == "python"] for p in PAGES}
# A number that a line of code prints, beside it.
_PRINTS = re.compile(r"^ *print\(.*\)  # (-?\d+\.\d+)$", re.MULTILINE)
_WITH_PYTHON = [page for page, found in _PYTHON.items() if found]


def _name(block):
    return f"{block.page}:{block.line}"


def test_every_block_says_what_it_is():
    """A fence without a language would escape the tests below."""
    assert [
        _name(b) for p in PAGES for b in blocks(p) if b.language not in ("sh", "python", "text")
    ] == []
    assert len(_RUN) >= 8
    assert len(_WITH_PYTHON) > 3


@pytest.mark.parametrize("block", _SHELL, ids=_name)
def test_the_commands_of_a_page_exist_with_their_options(block, monkeypatch):
    """Arguments complete, options known, choices valid: as click reads them, without running."""
    # The files that a page names are not there: what is tested is the line.
    monkeypatch.setattr(click.Path, "convert", lambda _, value, *__: Path(value))
    for words in block.commands:
        _parsed(words[1:])


def _parsed(words):
    context = click.Context(cli, info_name="landscape")
    command = cli
    while isinstance(command, click.Group):
        command = command.get_command(context, words[0])
        assert command is not None, words
        words = words[1:]
    command.make_context(command.name, list(words))


@pytest.mark.parametrize("block", _RUN, ids=_name)
def test_the_commands_of_a_page_run(block, readers_folder, monkeypatch):
    monkeypatch.setattr(sys, "path", [*sys.path])  # the factory's folder goes on it
    for _, *words in block.commands:
        less = _LESS.get(words[0], "").split()
        done = CliRunner().invoke(cli, [*expanded(words), *less], catch_exceptions=False)
        assert done.exit_code == 0, done.output


@pytest.mark.parametrize("page", _WITH_PYTHON)
def test_the_code_of_a_page_runs(page, own, monkeypatch, capsys):
    """From top to bottom in one namespace, which begins with the reader's own network and data."""
    namespace = own | {"ax": Figure().subplots(), "__name__": page}
    for block in _PYTHON[page]:
        if block.why is None:
            exec(compile(block.text, _name(block), "exec"), namespace)
            printed = capsys.readouterr().out.split()
            for said in _PRINTS.findall(block.text):
                # As it would be rounded, with room for another machine's sums.
                unit = 10.0 ** -len(said.partition(".")[2])
                assert float(printed.pop(0)) == pytest.approx(float(said), abs=unit), _name(block)


def test_options_named_in_the_text_exist():
    known = {name for c in _commands(cli) for p in c.params for name in p.opts} | {"--help"}
    known |= {"--nproc-per-node", "--signal"}  # of torchrun and of a scheduler
    for page in PAGES:
        for span in re.findall(r"`([^`\n]+)`", page.read_text(encoding="utf-8")):
            if span.startswith(("--", "landscape ")):
                named = set(re.findall(r"(?<!\S)--[a-z][a-z-]+", span))
                assert named <= known, f"{page.name}: {span}"


def test_commands_named_in_the_text_exist():
    context = click.Context(cli)
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        for name in re.findall(r"`landscape ([a-z]+)", text):
            assert cli.get_command(context, name) is not None, f"{page.name}: landscape {name}"


def _commands(command):
    if not isinstance(command, click.Group):
        return [command]
    context = click.Context(command)
    inner = (command.get_command(context, name) for name in command.list_commands(context))
    return [c for one in inner for c in _commands(one)]
