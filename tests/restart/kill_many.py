"""Kill runs at random instants and compare their results with those of an unbroken run.

    python tests/restart/kill_many.py --rounds 200

Each round starts one command, kills it with SIGKILL after a random time, starts it again until
it ends, and compares every number of its results, bit for bit, with those of the unbroken run.
Commands are run in forks of this process, which has imported everything: an instant is then
an instant of the work, not of Python's start. The state is written after every matvec.
"""

import argparse
import io
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import torch
from safetensors.torch import load_file

from landscape.analysis import state_file
from landscape.cli import main
from landscape.results import load_result

# By name, the command line without the output; "…" stands for checkpoint, model, data and loss,
# OTHER for a second checkpoint.
COMMANDS = {
    "eigenvalues": "eigenvalues … --top 12 --bottom 8 --tol 1e-8 -o",
    "density": "density … --probes 6 --steps 30 --top 3 -o",
    "low-memory": "density … --low-memory --probes 12 --steps 20 -o",
    "trace": "trace … --matvecs 120 -o",
    "several": "eigenvalues … OTHER --top 4 --bottom 2 --vectors --overlap -o",
    "sharpness": "sharpness … --num-pairs 4 --num-steps 4 --num-restarts 2 -o",
    "fidelity": "fidelity … --num-top 2 --num-random 2 -o",
    "surface": "surface … --x -1:1:41 --y -1:1:11 -o",
    "analyze": "analyze … --budget quick -o",
    "train": "train --channels 1 --time-steps 1 --images 128 --batch-size 32 --epochs 6 --quiet -o",
    "study": "study PLAN --jobs 1 --quiet -o",
}
_PLAN = """
title = "tiny"
seeds = 1
grid = { init = ["ikun_v1", "kaiming"], optimizer = ["adam"] }
comparison = { contrasts = [["ikun_v1-{optimizer}", "kaiming-{optimizer}"]] }

[training]
data = "fashion-mnist-embedded"
channels = 1
num_time_steps = 1
images = 64
epochs = 2
batch_size = 32

[analysis]
only = ["scaled", "sharpness", "fidelity"]
examples = 64
measures = ["expected_rise"]
scales = ["filter"]
radii = [0.03]
num_pairs = 4
num_largest = 2
num_smallest = 1
num_probes = 2
num_steps = 5
"""
_ABOUT_THE_RUN = {"provenance"}
_MOST_KILLS = 3  # of one run


def make_checkpoint(folder: Path) -> list[str]:
    """Two small networks and their data; the arguments that name the first, and the data."""
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(200, 6, generator=generator)
    y = (x[:, 0] * x[:, 1] > 0).long()
    np.savez(folder / "xy.npz", x=x.numpy(), y=y.numpy())
    for seed, name in enumerate(("net", "other"), 1):
        torch.manual_seed(seed)
        model = torch.nn.Sequential(
            torch.nn.Flatten(), torch.nn.Linear(6, 20), torch.nn.Tanh(), torch.nn.Linear(20, 2)
        )
        torch.save(model.state_dict(), folder / f"{name}.pth")
    arguments = ["--model", "mlp?sizes=6-20-2&activation=tanh", "--data", folder / "xy.npz"]
    about = [folder / "net.pth", *arguments, "--loss", "cross-entropy", "--examples", "all"]
    return [str(a) for a in (*about, "--batch-size", 50, "--quiet")]


def command_lines(folder: Path, about: list[str]) -> dict[str, list[str]]:
    """Every command, ready for the name of its output."""
    (folder / "plan.toml").write_text(_PLAN)
    put = {"…": about, "OTHER": [str(folder / "other.pth")], "PLAN": [str(folder / "plan.toml")]}
    return {
        name: [word for part in text.split() for word in put.get(part, [part])]
        for name, text in COMMANDS.items()
    }


def output(name: str, out: Path) -> str:
    """What ``-o`` of a command names: a folder, or a training's file."""
    return str(out / "net.safetensors" if name == "train" else out)


def run(arguments: list[str]) -> int:
    """Run the command line in this process: its exit code."""
    before, sys.argv = sys.argv, ["landscape", *arguments]
    try:
        with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
            main()
    except SystemExit as stop:
        return stop.code or 0
    finally:
        sys.argv = before
    return 0


def start(arguments: list[str]) -> int:
    """Run the command line in a fork, which writes its state after every matvec."""
    child = os.fork()
    if child:
        return child
    code = 1
    try:
        state_file._INTERVAL, state_file._SHARE = 0.0, 1e9
        code = run(arguments)
    finally:
        os._exit(code)


def results(out: Path) -> dict[str, object]:
    """Every number that a folder's results hold, by file; of a training, its weights."""
    weights = {
        str(path.relative_to(out)): {name: t.tolist() for name, t in load_file(path).items()}
        for path in sorted(out.rglob("*.safetensors"))
    }
    return weights | {
        str(path.relative_to(out)): {
            name: value.tolist() if isinstance(value, np.ndarray) else repr(value)
            for name, value in vars(load_result(path)).items()
            if name not in _ABOUT_THE_RUN
        }
        for path in sorted(out.glob("results/*/*.json"))
        if path.name != "settings.json"
    }


def one_round(
    line: list[str], out: Path, whole: dict[str, object], times: list[float], rng: random.Random
) -> tuple[int, str]:
    """Kill runs until one ends within its time; the number of kills, and what is wrong or ''.

    ``times`` are the seconds that whole runs took; this round's, if it was whole, is added.
    """
    shutil.rmtree(out, ignore_errors=True)
    kills = 0
    while True:
        child, began = start(line), time.monotonic()
        limit = rng.uniform(0, min(times)) if kills < _MOST_KILLS else float("inf")
        status = None
        while status is None and time.monotonic() - began < limit:
            found, code = os.waitpid(child, os.WNOHANG)
            status = code if found else None
            time.sleep(0.001)
        if status is None:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            kills += 1
            continue
        if kills == 0:
            times.append(time.monotonic() - began)
        if status:
            return kills, f"exit code {os.waitstatus_to_exitcode(status)}"
        found_now = results(out)
        wrong = [name for name in whole if found_now.get(name) != whole[name]]
        left = [str(p) for end in (".*.tmp", "*.state", "*.resume") for p in out.rglob(end)]
        return kills, f"differ: {wrong}; left: {left}" if wrong or left else ""


def kill_many(rounds: int, names: list[str], seed: int) -> list[str]:
    """Rounds over the commands in turn; what went wrong, one line each."""
    rng, wrong = random.Random(seed), []
    kills = dict.fromkeys(names, 0)
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        about = make_checkpoint(folder)
        lines, unbroken, times = command_lines(folder, about), {}, {}
        out = folder / "out"  # the same each time: a study's numbers name their checkpoints
        for name in names:
            line = [*lines[name], output(name, out)]
            assert run(line) == 0, name  # imports what the forks need, too
            shutil.rmtree(out)
            began = time.monotonic()
            assert os.waitpid(start(line), 0)[1] == 0, name
            times[name] = [time.monotonic() - began]
            unbroken[name] = results(out)
            assert unbroken[name], name
            shutil.rmtree(out)
        for number in range(rounds):
            name = names[number % len(names)]
            line = [*lines[name], output(name, out)]
            count, trouble = one_round(line, out, unbroken[name], times[name], rng)
            kills[name] += count
            print(f"round {number}: {name}, {count} kills {trouble}".rstrip(), flush=True)
            if trouble:
                wrong.append(f"round {number}, {name}, {count} kills: {trouble}")
    print(json.dumps({"rounds": rounds, "kills": kills, "wrong": len(wrong)}))
    return wrong


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", default=",".join(COMMANDS), help="Commands, comma-separated.")
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    sys.exit(bool(kill_many(chosen.rounds, chosen.only.split(","), chosen.seed)))
