"""Kill runs at random instants and compare their results with those of an unbroken run.

    python tests/helpers/kill_many.py --rounds 200

Each round starts one command, sends SIGKILL or SIGTERM to one of its processes after a random
time, starts it again until it ends, at times beside processes that outlived their parent, and
compares every number of its results, bit for bit, and the names of its files with those of the
unbroken run. Commands are run in forks of this process, which has imported everything: an instant
is then an instant of the work, not of Python's start. The state is written after every matvec.
Needs Linux.
"""

import argparse
import io
import json
import os
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack, redirect_stderr, redirect_stdout
from functools import partial
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import torch
from family import Family, family
from safetensors.torch import load_file

from landscape.cli import EXIT_BUG, main
from landscape.results import load_result
from landscape.store import states

# By name, the command line without the output; "…" stands for checkpoint, model, data and loss,
# OTHER for a second checkpoint, OWN for an objective and a stream of batches from a file.
COMMANDS = {
    "eigenvalues": "eigenvalues … --top 12 --bottom 8 --tol 1e-8 -o",
    "density": "density … --probes 6 --steps 30 --top 3 -o",
    "low-memory": "density … --low-memory --probes 12 --steps 20 -o",
    "trace": "trace … --max-matvecs 120 -o",
    "several": "eigenvalues … OTHER --top 4 --bottom 2 --vectors --overlap -o",
    "sharpness": "sharpness … --num-pairs 4 --num-steps 4 --num-restarts 2 -o",
    "fidelity": "fidelity … --num-top 2 --num-random 2 -o",
    "surface": "surface … --x -1:1:41 --y -1:1:11 -o",
    "analyze": "analyze … --budget quick -o",
    "train": "train --channels 1 --time-steps 1 --images 128 --batch-size 32 --epochs 6 --quiet -o",
    "study": "study PLAN --jobs 1 --quiet -o",
    "workers": "study PLAN --jobs 2 --quiet -o",
    "shards": "surface … --x -1:1:41 --y -1:1:11 -o",
    "torchrun": "surface … --x -1:1:41 --y -1:1:11 -o",
    "memory": "analyze OWN --objective NOISY --keep memory --budget quick -o",
    "reread": "analyze OWN --objective EXACT --keep reread --budget quick -o",
}
_OWN = """
import numpy as np, torch
from pathlib import Path

def batches():
    with np.load(Path(__file__).with_name("xy.npz")) as file:
        x, y = torch.from_numpy(file["x"]), torch.from_numpy(file["y"])
    for part in range(0, len(x), 50):
        yield {"x": x[part : part + 50], "y": y[part : part + 50]}

def exact(model, batch):
    scores = model(batch["x"])
    losses = torch.nn.functional.cross_entropy(scores, batch["y"], reduction="none")
    return losses + 0.01 * scores.square().mean(1)

def noisy(model, batch):
    return exact(model, batch | {"x": batch["x"] + 0.1 * torch.randn_like(batch["x"])})
"""
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
_NUM_SHARDS = 3

if __name__ == "__mp_main__":  # in a worker of a study
    states._INTERVAL, states._SHARE = 0.0, 1e9


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
    own = folder / "own.py"
    own.write_text(_OWN)
    stream = [*about[:3], "--data", f"{own}:batches", "--quiet"]
    put = {"…": about, "OTHER": [str(folder / "other.pth")], "PLAN": [str(folder / "plan.toml")]}
    put |= {"OWN": stream, "NOISY": [f"{own}:noisy"], "EXACT": [f"{own}:exact"]}
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


def run_shards(arguments: list[str]) -> int:
    """Run the command once for each shard, side by side, and put these together."""
    shards = range(1, _NUM_SHARDS + 1)
    children = [start(run, [*arguments, "--shard", f"{i}/{_NUM_SHARDS}"]) for i in shards]
    codes = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
    return next(filter(None, codes), 0) or run([*arguments, "--merge", str(_NUM_SHARDS)])


def run_torchrun(arguments: list[str]) -> int:
    """Run the command in two processes that torchrun starts."""
    from torch.distributed.run import main as torchrun

    program = str(Path(__file__).parents[2] / "cli.py")
    torchrun(["--standalone", "--nproc-per-node", "2", program, *arguments])
    return 0


_RUNNERS = {"shards": run_shards, "torchrun": run_torchrun}


def start(runner: Callable[[list[str]], int], arguments: list[str]) -> int:
    """Run the command line in a fork, which writes its state after every matvec."""
    child = os.fork()
    if child:
        return child
    code = 1
    try:
        silence = os.open(os.devnull, os.O_WRONLY)
        os.dup2(silence, 1)
        os.dup2(silence, 2)
        states._INTERVAL, states._SHARE = 0.0, 1e9
        code = runner(arguments)
    finally:
        os._exit(code % 256)


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


def files(out: Path) -> set[str]:
    """The names of all files in a folder."""
    return {str(path.relative_to(out)) for path in out.rglob("*") if path.is_file()}


def one_round(
    begin: Callable[[], int],
    out: Path,
    whole: tuple[dict[str, object], set[str]],
    times: list[float],
    processes: Family,
    rng: random.Random,
) -> tuple[int, str]:
    """Kill runs until one ends within its time; the number of kills, and what is wrong or ''.

    ``times`` are the seconds that whole runs took; this round's, if it was whole, is added.
    """
    shutil.rmtree(out, ignore_errors=True)
    kills = 0
    while True:
        beside = bool(processes.alive())  # of a run whose first process was killed
        child, began = begin(), time.monotonic()
        limit = rng.uniform(0, min(times)) if kills < _MOST_KILLS else float("inf")
        code = processes.ended(child, limit)
        struck = code is None
        if struck:
            processes.strike(rng)
            kills += 1
            code = processes.ended(child)
        elif kills == 0:
            times.append(time.monotonic() - began)
        if code is None or ((not struck or rng.random() < 0.5) and processes.survivors()):
            return kills, f"still there: {processes.alive()}"
        if code == EXIT_BUG or (code and not struck and not beside):
            return kills, f"exit code {code}"
        if struck or beside:
            continue
        found, names = results(out), files(out)
        wrong = [name for name in whole[0] if found.get(name) != whole[0][name]]
        lost, left = sorted(whole[1] - names), sorted(names - whole[1])
        return kills, f"differ: {wrong}; lost: {lost}; left: {left}" if wrong + lost + left else ""


def kill_many(rounds: int, names: list[str], seed: int) -> list[str]:
    """Rounds over the commands in turn; what went wrong, one line each."""
    rng, wrong = random.Random(seed), []
    kills = dict.fromkeys(names, 0)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        about = make_checkpoint(folder)
        lines, begin, unbroken, times = command_lines(folder, about), {}, {}, {}
        out = folder / "out"  # the same each time: a study's numbers name their checkpoints
        for name in names:
            line = [*lines[name], output(name, out)]
            assert run(line) == 0, name  # imports what the forks need, too
            shutil.rmtree(out)
            began = time.monotonic()
            begin[name] = partial(start, _RUNNERS.get(name, run), line)
            assert os.waitpid(begin[name](), 0)[1] == 0, name
            times[name] = [time.monotonic() - began]
            unbroken[name] = results(out), files(out)
            assert unbroken[name][0], name
            shutil.rmtree(out)
        # Now, so that what multiprocessing keeps for all of them is none of a run's.
        processes = stack.enter_context(family())
        for number in range(rounds):
            name = names[number % len(names)]
            count, trouble = one_round(
                begin[name], out, unbroken[name], times[name], processes, rng
            )
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
