"""``python -m benchmarks.share``: a trace on two processes that share examples, or probes.

Wall seconds of ``landscape trace`` on the shipped checkpoint, one thread a process, as its own
record says; contenders take turns. Two idle cores are needed.
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from statistics import median

import click

_ROOT = Path(__file__).parents[1]
_CHECKPOINT = _ROOT / "checkpoints" / "ikun_v1-adam-s0.safetensors"


def run_trace(num_processes: int, num_examples: int, share: str) -> float:
    """Seconds of one run, its start left out."""
    launcher = ["-m", "torch.distributed.run", "--nproc-per-node", str(num_processes)]
    options = (
        f"--examples {num_examples} --max-matvecs 48 --method xtrace --share {share} --json -q"
    )
    command = [
        sys.executable,
        *(launcher if num_processes > 1 else []),
        *(str(_ROOT / "cli.py"), "trace", str(_CHECKPOINT), *options.split()),
    ]
    told = subprocess.run(
        command,
        check=True,
        capture_output=True,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    return float(json.loads(told.stdout)["provenance"]["seconds"])


@click.command()
@click.option("--rounds", type=click.IntRange(min=1), default=5, show_default=True)
@click.option("--examples", default="16,32,64,256", show_default=True)
def main(rounds: int, examples: str) -> None:
    """Print the median seconds of one process, and of two that share one or the other."""
    contenders = {
        "1 process": (1, "auto"),
        "2, examples": (2, "examples"),
        "2, probes": (2, "probes"),
    }
    for count in map(int, examples.split(",")):
        found: dict[str, list[float]] = {name: [] for name in contenders}
        for _ in range(rounds):
            for name, (n, share) in contenders.items():
                found[name].append(run_trace(n, count, share))
        told = ", ".join(f"{name}: {median(t):.2f} s" for name, t in found.items())
        click.echo(f"{count:5,} examples: {told}")


if __name__ == "__main__":
    main()
