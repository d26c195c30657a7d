"""What grows with a study: many checkpoints in one report, many points in one surface.

    python -m benchmarks.load report --checkpoints 200
    python -m benchmarks.load grid --points 201
    python -m benchmarks.load few
    python -m benchmarks.load rows

CPU time, peak memory and file sizes, on invented results (those of the report's tests) and on a
network of 26 parameters: what is measured is the toolkit's own share, not a network's. ``few``
shows down to how many examples a matvec's time shrinks with them, ``rows`` what a Krylov basis in
bfloat16 costs.
"""

import argparse
import json
import resource
import statistics
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

import torch

from benchmarks.measure import alternate
from benchmarks.problem import load_problem, unit_vector
from landscape.analysis.opening import make_target
from landscape.analysis.progress import quiet
from landscape.analysis.surface.course import random_course
from landscape.analysis.surface.run import loss_plane
from landscape.analysis.surface.settings import SurfaceSettings
from landscape.analysis.target_settings import TargetSettings
from landscape.curvature.hessian import HessianOperator
from landscape.data.arrays import from_arrays
from landscape.linalg.rows import project_out
from landscape.objective.pair import loss_of
from landscape.report import write_report
from landscape.results import save_result
from landscape.surface.grid import parse_axis


def report(num_checkpoints: int, folder: Path) -> dict[str, float]:
    """One report of so many checkpoints, each with every analysis."""
    sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "report"))
    from synthetic_measures import all_results  # noqa: PLC0415  (the tests are no package)

    schemes = ("ikun_v1", "ikun_v2", "kaiming", "xavier")
    labels = tuple(f"{schemes[k % 4]}-s{k // 4}" for k in range(num_checkpoints))
    results = all_results(labels)
    before = _peak()
    began = time.process_time()
    page = write_report(folder, results, title="Load", baseline=labels[0])
    seconds = time.process_time() - began
    return {
        "results": len(results),
        "CPU seconds": seconds,
        "peak MiB": _peak(),
        "of it before MiB": before,
        "page MiB": page.stat().st_size / 2**20,
        "folder MiB": sum(p.stat().st_size for p in folder.rglob("*") if p.is_file()) / 2**20,
    }


def grid(num_points: int, folder: Path) -> dict[str, float]:
    """A plane of so many points an axis, kept in a file point by point."""
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(40, 3, generator=generator).numpy()
    data = from_arrays(x, x[:, 0] > 0, name="x", source="invented", split="train", other_targets=[])
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Tanh(), torch.nn.Linear(4, 2))
    loss = loss_of("cross-entropy")
    target = make_target(model, loss, data, TargetSettings(), label="load")
    axis = parse_axis(f"-1:1:{num_points}")
    settings = SurfaceSettings(store=folder / "plane.points")
    course = random_course(target, dimensions=2, normalisation="filter")

    def measure() -> float:
        began = time.process_time()
        result = loss_plane(
            target, course=course, x_axis=axis, y_axis=axis, settings=settings, progress=quiet
        )
        save_result(result, folder / "plane.json")
        return time.process_time() - began

    seconds, again = measure(), measure()
    return {
        "points": num_points**2,
        "CPU seconds": seconds,
        "CPU seconds when resumed with all points there": again,
        "peak MiB": _peak(),
        "file of points MiB": (folder / "plane.points").stat().st_size / 2**20,
        "result MiB": sum(p.stat().st_size for p in folder.glob("plane.*")) / 2**20
        - (folder / "plane.points").stat().st_size / 2**20,
    }


def few(_: Path) -> dict[str, float]:
    """Milliseconds of a matvec on so many images, of the shipped checkpoint's network."""
    problem = load_problem(64)
    operators = {n: HessianOperator(problem.first(n).risk) for n in (1, 2, 4, 8, 16, 32, 64)}
    v = unit_vector(problem.risk.num_params)
    seconds = alternate({str(n): partial(A.__matmul__, v) for n, A in operators.items()}, rounds=9)
    return {n: 1000 * statistics.median(s) for n, s in seconds.items()}


def rows(_: Path) -> dict[str, float]:
    """Seconds to orthogonalise a vector of 4 million numbers against 48, by the dtype of these."""
    r = torch.randn(4_000_000)
    kept = torch.nn.functional.normalize(torch.randn(48, len(r)), dim=1)
    bases = {"float32": kept, "bfloat16": kept.to(torch.bfloat16)}
    seconds = alternate({n: partial(project_out, r, Q) for n, Q in bases.items()}, rounds=5)
    return {n: statistics.median(s) for n, s in seconds.items()}


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=["report", "grid", "few", "rows"])
    parser.add_argument("--checkpoints", type=int, default=200)
    parser.add_argument("--points", type=int, default=201)
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as place:
        measures = {
            "report": partial(report, chosen.checkpoints),
            "grid": partial(grid, chosen.points),
            "few": few,
            "rows": rows,
        }
        found = measures[chosen.what](Path(place))
    print(json.dumps({name: round(value, 2) for name, value in found.items()}, indent=1))
