"""A reader's folder: the files that the pages name, tiny ones."""

import contextlib
import re
import runpy
import shutil

import numpy as np
import pytest
import torch
from pages import ROOT, blocks

from landscape.cli import cli

_TINY = "--channels 1 --time-steps 1 --epochs 1 --images 40 --batch-size 20 --snapshots 0 --quiet"


@pytest.fixture(scope="session")
def readers_files(tmp_path_factory):
    """Spiking checkpoints of two recipes, and a network with its data, by the pages' names.

    The network is the one that the page on own models prints. Files that it prints whole are there
    too, and what they leave when they are run.
    """
    folder = tmp_path_factory.mktemp("reader")
    for recipe in ("ikun_v1", "kaiming"):
        path = folder / "checkpoints" / f"{recipe}-adam-s0.safetensors"
        arguments = [*_TINY.split(), "--data", "fashion-mnist-embedded", "--init", recipe]
        cli.main(["train", *arguments, "-o", str(path)], standalone_mode=False)
    others = _files(ROOT / "docs" / "your-model.md")
    code = others.pop("my_nets.py")
    namespace = {}
    exec(code, namespace)
    torch.manual_seed(0)
    model = namespace["make"]()
    x, y = own_examples()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    for _ in range(100):
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(model(x), y).backward()
        optimizer.step()
    for network, data, factory in (
        ("net.pth", "xy.npz", "my_nets.py"),
        ("big.pth", "images.npz", "nets.py"),
    ):
        torch.save(model.state_dict(), folder / network)
        np.savez(folder / data, x=x.numpy(), y=y.numpy())
        (folder / factory).write_text(code, encoding="utf-8")
    for name, text in others.items():
        (folder / name).write_text(text, encoding="utf-8")
        with contextlib.chdir(folder):
            runpy.run_path(name, run_name="__main__")
    return folder


def _files(page):
    """Blocks of ``page`` that begin with the name of the file that they are, and can be run."""
    runnable = [b.text for b in blocks(page) if b.why is None]
    named = ((re.match(r"# (\w+\.py)\n", text), text) for text in runnable)
    return {match[1]: text for match, text in named if match}


@pytest.fixture
def readers_folder(readers_files, tmp_path, monkeypatch):
    """A copy of the reader's files as the working directory."""
    folder = tmp_path / "reader"
    shutil.copytree(readers_files, folder)
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def own(readers_folder):
    """What the pages take for granted in Python: the reader's network and examples."""
    namespace = {}
    exec((readers_folder / "my_nets.py").read_text(encoding="utf-8"), namespace)
    x, y = own_examples()
    return {"model": namespace["make"](), "x": x, "y": y}


def own_examples():
    """Examples of six numbers in ten classes."""
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(60, 6, generator=generator)
    return x, x[:, 0].argsort().argsort() // 6
