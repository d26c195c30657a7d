"""All sharpness measures of one checkpoint: from noise, from ascent, from spectra."""

from collections.abc import Sequence
from pathlib import Path

from landscape.analysis.progress import Progress
from landscape.analysis.provenance import start_clock
from landscape.analysis.sharpness.rows import rows_of
from landscape.analysis.sharpness.settings import SharpnessSettings
from landscape.analysis.target import Target
from landscape.curvature.perturbation import check_radii
from landscape.linalg.units import within
from landscape.results import Result, SharpnessTable, readings_of
from landscape.store.identity import identity_of
from landscape.store.units import journal


def sharpness(
    target: Target,
    *,
    settings: SharpnessSettings,
    spectra: Sequence[Result] = (),
    state: Path | None = None,
    progress: Progress,
) -> SharpnessTable:
    """Measure the sharpness of a checkpoint on its examples.

    Noise depends on the seed and the measure alone: checkpoints of one network are compared
    under common random numbers.

    Parameters
    ----------
    spectra
        Eigenvalues and traces already computed of this checkpoint on these examples; they become
        rows of the table.
    state
        File where finished units of the work are kept until its end.

    Raises
    ------
    ValueError
        For radii that are not ascending, or another's spectra.
    """
    _check(target, settings, spectra)
    clock = start_clock()
    jobs = [
        (f"{name} {index}", job)
        for name, found in rows_of(target, settings).items()
        for index, job in enumerate(found.jobs)
    ]
    rows = [r.measure for result in spectra for r in readings_of(result) if r.kind.is_sharpness]
    with journal(state, identity_of(target, vars(settings))) as keep:
        for done, (name, job) in enumerate(jobs):
            progress(done, len(jobs))
            rows.extend(job(within(keep, name)))
    progress(len(jobs), len(jobs))
    return SharpnessTable(
        subject=target.subject,
        provenance=clock.provenance_of(target),
        rows=tuple(rows),
        batch_norm=target.risk.batch_norm,
        accuracy_drop=settings.accuracy_drop,
        num_pairs=settings.num_pairs,
        rise_share=settings.rise_share,
        num_evaluations=sum(row.num_evaluations for row in rows if row.operator is None),
    )


def _check(target: Target, settings: SharpnessSettings, spectra: Sequence[Result]) -> None:
    check_radii("radii", settings.radii)
    check_radii("ball_radii", settings.ball_radii)
    for result in spectra:
        mine, other = target.subject, result.subject
        if (mine.checkpoint_sha256, mine.examples_sha256, mine.loss_name) != (
            other.checkpoint_sha256,
            other.examples_sha256,
            other.loss_name,
        ):
            raise ValueError(
                f"the spectra must be of {mine.label} on the same examples and loss; got those of "
                f"{other.label} ({other.split}, {other.num_examples} examples)."
            )
