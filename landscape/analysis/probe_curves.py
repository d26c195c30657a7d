"""The curvature that a probe measured while a checkpoint was trained, in a report."""

from pathlib import Path

from landscape.analysis.progress import Progress
from landscape.analysis.provenance import start_clock
from landscape.analysis.suite_settings import SuiteSettings
from landscape.analysis.target import IN_MEMORY, Target
from landscape.analysis.work import Cost, Results, Work
from landscape.results.probe import FILE, probe_curves


def run(target: Target, settings: SuiteSettings, earlier: Results, progress: Progress) -> Results:
    """What a probe left beside the checkpoint; nothing where none did."""
    path = _file_of(target.subject.checkpoint)
    if path is None:
        return {}
    provenance = start_clock().provenance_of(target)
    curves = probe_curves(
        path.read_text(encoding="utf-8"), subject=target.subject, provenance=provenance
    )
    return {} if curves is None else {"probe": curves}


def cost(work: Work) -> Cost:
    """Nothing: it is read."""
    return Cost(0, 0, 0)


def _file_of(checkpoint: str) -> Path | None:
    """``NAME.probe.jsonl``, or ``probe.jsonl`` in the folder of a trainer's run.

    In other folders that may be of another network.
    """
    if checkpoint == IN_MEMORY:
        return None
    path = Path(checkpoint)
    folder = path if path.is_dir() else path.parent
    places = [path.with_suffix(".probe.jsonl")]
    if (folder / "training_args.bin").is_file():  # of transformers' Trainer: the run's own or in it
        places += [folder / FILE, folder / ".." / FILE]
    if path.suffix == ".ckpt":  # Lightning keeps them in checkpoints/ of a run's folder
        places.append(folder / ".." / FILE)
    return next((place for place in places if place.is_file()), None)
