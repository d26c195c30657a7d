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

from landscape.analysis import state_file
from landscape.cli import main
from landscape.results import load_result

COMMANDS = {
    "eigenvalues": ["--top", "12", "--bottom", "8", "--tol", "1e-8"],
    "density": ["--probes", "6", "--steps", "30", "--top", "3"],
    "trace": ["--matvecs", "60"],
    "sharpness": ["--num-pairs", "2", "--num-steps", "4", "--num-restarts", "1"],
    "analyze": ["--budget", "quick", "--skip", "fidelity,sharpness"],
}
_ABOUT_THE_RUN = {"provenance"}
_MOST_KILLS = 3  # of one run


def make_checkpoint(folder: Path) -> list[str]:
    """A small network and its data; the arguments that name both."""
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(200, 6, generator=generator)
    y = (x[:, 0] * x[:, 1] > 0).long()
    np.savez(folder / "xy.npz", x=x.numpy(), y=y.numpy())
    torch.manual_seed(1)
    model = torch.nn.Sequential(
        torch.nn.Flatten(), torch.nn.Linear(6, 20), torch.nn.Tanh(), torch.nn.Linear(20, 2)
    )
    torch.save(model.state_dict(), folder / "net.pth")
    arguments = ["--model", "mlp?sizes=6-20-2&activation=tanh", "--data", folder / "xy.npz"]
    about = [folder / "net.pth", *arguments, "--loss", "cross-entropy", "--examples", "all"]
    return [str(a) for a in (*about, "--batch-size", 50, "--quiet")]


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


def results(folder: Path) -> dict[str, object]:
    """Every number that a folder's results hold, by file."""
    return {
        str(path.relative_to(folder)): {
            name: value.tolist() if isinstance(value, np.ndarray) else repr(value)
            for name, value in vars(load_result(path)).items()
            if name not in _ABOUT_THE_RUN
        }
        for path in sorted(folder.glob("results/*/*.json"))
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
        left = [str(path) for path in out.rglob(".*.tmp")]
        return kills, f"differ: {wrong}; left: {left}" if wrong or left else ""


def kill_many(rounds: int, names: list[str], seed: int) -> list[str]:
    """Rounds over the commands in turn; what went wrong, one line each."""
    rng, wrong = random.Random(seed), []
    kills = dict.fromkeys(names, 0)
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        about = make_checkpoint(folder)
        lines, unbroken, times = {}, {}, {}
        for name in names:
            out = folder / f"whole-{name}"
            lines[name] = [name, *about, *COMMANDS[name], "-o"]
            assert run([*lines[name], str(out)]) == 0, name  # imports what the forks need, too
            shutil.rmtree(out)
            began = time.monotonic()
            assert os.waitpid(start([*lines[name], str(out)]), 0)[1] == 0, name
            times[name] = [time.monotonic() - began]
            unbroken[name] = results(out)
            assert unbroken[name], name
        for number in range(rounds):
            name, out = names[number % len(names)], folder / "out"
            line = [*lines[name], str(out)]
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
