"""``landscape env``: what to paste into a bug report."""

import os
import platform
import shutil
from importlib.metadata import PackageNotFoundError, version

import click

from landscape.cli.options import json_option
from landscape.cli.plain import echo
from landscape.cli.stdout import Command, print_record

_NEURONS = {"SpikingJelly": "spikingjelly", "snnTorch": "snntorch"}


@click.command(cls=Command)
@json_option()
def env(as_json: bool) -> None:
    """Print versions, devices, threads and memory."""
    import torch

    from landscape.analysis.provenance import versions
    from landscape.data.fashion_mnist import find_copy
    from landscape.memory import free_memory

    neurons = {title: _version(name) for title, name in _NEURONS.items()}
    devices = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
    copy = find_copy("train", None)
    record = {
        **versions(),
        **{title: found for title, found in neurons.items() if found},
        "platform": platform.platform(),
        "processors": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "free memory": f"{free_memory(torch.device('cpu')) / 2**30:.1f} GiB",
        "accelerators": ", ".join(devices) or "none",
        "C++ compiler": shutil.which(os.environ.get("CXX", "g++")) or "none: neurons run unfused",
        "fashion-mnist": copy.where if copy else "embedded subset",
    }
    if as_json:
        print_record(record)
        return
    for name, value in record.items():
        echo(f"{name:15}{value}")


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
