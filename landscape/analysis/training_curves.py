"""The curves of training in a report."""

from pathlib import Path

from landscape.analysis.progress import Progress
from landscape.analysis.provenance import start_clock
from landscape.analysis.suite_settings import SuiteSettings
from landscape.analysis.target import Target
from landscape.analysis.work import Cost, Results, Work
from landscape.results.training import curves_from_metrics


def run(target: Target, settings: SuiteSettings, earlier: Results, progress: Progress) -> Results:
    """The curves that the trainer left beside the checkpoint; nothing where there are none."""
    metrics = Path(target.subject.checkpoint).with_suffix(".metrics.jsonl")
    if not metrics.is_file():
        return {}
    provenance = start_clock().provenance_of(target)
    curves = curves_from_metrics(
        metrics.read_text(encoding="utf-8"), subject=target.subject, provenance=provenance
    )
    return {} if curves is None else {"training": curves}


def cost(work: Work) -> Cost:
    """Nothing: they are read."""
    return Cost(0, 0, 0)
