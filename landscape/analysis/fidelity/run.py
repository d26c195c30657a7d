"""Does the curvature mean anything? Operators against the measured rise of the loss."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from landscape.analysis.fidelity.directions import Direction, eigen_directions, random_units
from landscape.analysis.fidelity.measure import Walk, walk
from landscape.analysis.fidelity.rows import direction_row, mean_exponent
from landscape.analysis.fidelity.settings import SUMMARY, FidelitySettings
from landscape.analysis.fidelity.slopes import quadratic_form, slope_sweep
from landscape.analysis.fidelity.verdict import RULE, judge, overall_sentence
from landscape.analysis.progress import Progress
from landscape.analysis.provenance import start_clock
from landscape.analysis.target import Target
from landscape.catalog import OPERATORS
from landscape.curvature.operators import make_operator, operators_that_apply
from landscape.curvature.perturbation import PairedRise, check_radii
from landscape.curvature.scaling import need_weights, relative_scale
from landscape.curvature.smoothing import smoothed_curvature
from landscape.linalg.eigen import Eigenpairs
from landscape.linalg.units import Keep, unit, within
from landscape.results import DirectionFidelity, Fidelity
from landscape.store.identity import identity_of
from landscape.store.units import journal
from landscape.values import Estimate

SMOOTHED = "smoothed-loss"  # stands among the operators, though it is a measurement


def fidelity(
    target: Target,
    *,
    settings: FidelitySettings,
    eigenpairs: Mapping[str, Eigenpairs] | None = None,
    state: Path | None = None,
    progress: Progress,
) -> Fidelity:
    """Set measured rises of the loss against what each operator predicts.

    Parameters
    ----------
    eigenpairs
        Already computed at this θ on these examples, by operator; others are computed here.
    state
        File where finished units of the work are kept until its end.

    Raises
    ------
    ValueError
        For an unknown operator, radii that are not ascending, or nothing to fit within
        ``fit_radius``.
    DoesNotApply
        If all weights are 0: radii are relative to them.
    """
    names = operator_names(target, settings)
    need_weights(target.risk.theta)
    clock, total = start_clock(), len(names) + _num_directions(names, settings)
    progress(0, total)
    operators = {name: make_operator(target.risk, name) for name in names}
    norm = float(target.risk.theta.double().norm())
    distances = tuple(r * norm for r in settings.radii)
    fitted = np.array([r <= settings.fit_radius for r in settings.radii])
    reference = int(np.abs(np.log(np.array(settings.radii) / 0.01)).argmin())
    walks: list[Walk] = []
    tested: list[DirectionFidelity] = []
    smoothed: list[Estimate] = []
    identity = identity_of(target, vars(settings))
    with journal(state, identity, counted=list(operators.values())) as keep:
        directions = []
        for name, A in operators.items():
            directions += eigen_directions(
                name,
                A,
                num_top=settings.num_top,
                num_bottom=settings.num_bottom,
                max_matvecs=settings.max_matvecs,
                known=eigenpairs or {},
                target=target,
                keep=keep,
            )
        directions += random_units(
            target, num_random=settings.num_random, num_filter=settings.num_filter
        )
        progress(len(names), total)
        slopes = unit(keep, "slopes", partial(_slopes, target, directions)).tolist()
        paired = PairedRise(target.risk)
        for d, slope in zip(directions, slopes, strict=True):
            along = within(keep, d.name)
            walks.append(walk(paired, d.vector, distances, within(along, "walk")))
            forms = [
                Estimate(quadratic_form(A, d, within(along, name))) for name, A in operators.items()
            ]
            if settings.smoothing_radius is not None:
                smoothed.append(_smoothed(target, d, norm, settings, within(along, "smoothed")))
                forms.append(smoothed[-1])
            tested.append(direction_row(d, slope, tuple(forms), walks[-1], distances, fitted))
            progress(len(names) + len(tested), total)
        sweep, sweep_matvecs = slope_sweep(
            target, directions, tested, names, settings.slopes, reference, keep
        )

    columns = names if settings.smoothing_radius is None else (*names, SMOOTHED)
    verdicts = tuple(
        judge(name, index, tested, settings.radii, reference) for index, name in enumerate(columns)
    )
    exponent = mean_exponent(tested, walks, distances, fitted)
    num_matvecs = sum(A.num_matvecs for A in operators.values()) + sweep_matvecs
    return Fidelity(
        subject=target.subject,
        provenance=clock.provenance_of(target, num_matvecs),
        operators=columns,
        radii=settings.radii,
        theta_norm=norm,
        fit_radius=settings.fit_radius,
        reference_radius=settings.radii[reference],
        smoothing_radius=settings.smoothing_radius,
        smoothed_stderr=tuple(e.stderr or 0.0 for e in smoothed),
        directions=tuple(tested),
        exponent=exponent,
        verdicts=verdicts,
        slope_sweep=sweep,
        rule=RULE,
        sentence=overall_sentence(verdicts, exponent),
        batch_norm=target.risk.batch_norm,
        num_matvecs=num_matvecs,
        num_evaluations=1
        + 2 * len(distances) * len(walks)
        + 6 * settings.num_pairs * len(smoothed),
    )


def fidelity_summary(target: Target, *, operator_name: str, progress: Progress) -> Fidelity:
    """The same from a handful of directions: 12 + 3 matvecs, 25 evaluations and a gradient."""
    return fidelity(
        target, settings=replace(SUMMARY, operators=(operator_name,)), progress=progress
    )


def operator_names(target: Target, settings: FidelitySettings) -> tuple[str, ...]:
    """Those to be tested: what was asked for, else all that the network has.

    Raises
    ------
    ValueError
        If an operator is unknown, or the radii are out of order or all beyond the fit.
    """
    check_radii("radii", settings.radii)
    if settings.radii[0] > settings.fit_radius:
        raise ValueError(
            f"fit_radius must reach the smallest radius, {settings.radii[0]:g}; got "
            f"{settings.fit_radius:g}."
        )
    if settings.operators is None:
        return operators_that_apply(target.risk)
    unknown = [name for name in settings.operators if name not in OPERATORS]
    if unknown or not settings.operators:
        raise ValueError(
            f"operators must be some of {', '.join(OPERATORS)}; got {settings.operators}."
        )
    return settings.operators


def _num_directions(names: Sequence[str], settings: FidelitySettings) -> int:
    per_operator = settings.num_top + settings.num_bottom
    return len(names) * per_operator + settings.num_random + settings.num_filter


def _slopes(target: Target, directions: Sequence[Direction]) -> Tensor:
    """∇L·v along each direction, float64."""
    gradient = target.risk.gradient()
    slopes = [float(gradient @ d.vector) for d in directions]
    return torch.tensor(slopes, dtype=torch.float64)


def _smoothed(
    target: Target, direction: Direction, norm: float, settings: FidelitySettings, keep: Keep
) -> Estimate:
    radius = settings.smoothing_radius or 0.0
    return smoothed_curvature(
        target.risk,
        direction.vector,
        scale=relative_scale("none", target.risk),
        radius=radius,
        step=radius * norm,
        num_pairs=settings.num_pairs,
        rng=target.generator("fidelity smoothing"),
        keep=keep,
    )
