"""The rows of a sharpness table, each a job to run: a measure at one scale and radius."""

from collections.abc import Callable, Sequence
from functools import partial
from itertools import product
from typing import NamedTuple

import torch

from landscape.analysis.sharpness.relative import last_weights, relative_flatness
from landscape.analysis.sharpness.settings import SharpnessSettings
from landscape.analysis.target import Target
from landscape.catalog import MEASURES, resolve
from landscape.curvature.perturbation_accuracy import tolerated_noise
from landscape.curvature.perturbation_rise import radius_of_rise
from landscape.curvature.perturbation_worst import sam_rise, worst_rise
from landscape.curvature.scaling import relative_scale
from landscape.curvature.smoothing import expected_rise, radii_tried, smoothed_trace
from landscape.linalg.linear_map import DiagonalMap
from landscape.linalg.units import Keep
from landscape.results import Measure, make_measure

_NOISE_TOL = 0.04  # tolerated noise is found to this relative precision
_CLEAR = 5  # times the roughness, from which on a rise tells of a valley


Job = Callable[[Keep], list[Measure]]

_USUAL_RADII = 12  # that a search for the tolerated noise tries
_USUAL_RISES = 8  # and one for the radius of a rise, that of the base among them


class Rows(NamedTuple):
    """Rows of a table, and what they take, in passes over the examples."""

    jobs: Sequence[Job]
    num_matvecs: int = 0
    num_losses: int = 0  # a gradient counts as three


def rows_of(target: Target, settings: SharpnessSettings) -> dict[str, Rows]:
    """What is to be run, by measure, in the order of the table's rows."""
    return {name: resolve(MEASURES[name].rows)(target, settings) for name in settings.measures}


def expected_rises(target: Target, settings: SharpnessSettings) -> Rows:
    """A job a scale."""
    return Rows(
        [partial(_expected, target, settings, scale) for scale in settings.scales],
        num_losses=len(settings.scales) * 2 * settings.num_pairs * len(radii_tried(settings.radii)),
    )


def radii_of_rise(target: Target, settings: SharpnessSettings) -> Rows:
    """A job a scale; the search ends by itself, the cost is usual."""
    usual = 1 + 2 * settings.num_pairs * _USUAL_RISES
    return Rows(
        [partial(_radius, target, settings, scale) for scale in settings.scales],
        num_losses=len(settings.scales) * usual,
    )


def smoothed_traces(target: Target, settings: SharpnessSettings) -> Rows:
    """A job a radius."""
    return Rows(
        [partial(_trace, target, settings, radius) for radius in settings.radii],
        num_losses=4 * settings.num_pairs * len(settings.radii),
    )


def worst_rises(target: Target, settings: SharpnessSettings) -> Rows:
    """A job a scale and radius."""
    balls = list(product(settings.scales, settings.ball_radii))
    ascents = settings.num_restarts * (settings.num_steps + 1)
    return Rows(
        [partial(_worst, target, settings, scale, radius) for scale, radius in balls],
        num_losses=len(balls) * (3 * ascents + 2),
    )


def sam_rises(target: Target, settings: SharpnessSettings) -> Rows:
    """A job a scale and radius, which gives the first-order value too."""
    balls = list(product(settings.scales, settings.ball_radii))
    return Rows(
        [partial(_sam, target, scale, radius) for scale, radius in balls],
        num_losses=len(balls) * (2 + 3),
    )


def relative_flatnesses(target: Target, settings: SharpnessSettings) -> Rows:
    """A job for each of the last layers."""
    layers = last_weights(target.risk.layout, settings.num_layers)
    return Rows(
        [partial(_relative, target, settings, name) for name in layers],
        num_matvecs=len(layers) * settings.num_probes,
    )


def tolerated_noises(target: Target, settings: SharpnessSettings) -> Rows:
    """A job a scale, where there is an accuracy; the search ends by itself, the cost is usual."""
    scales = settings.scales if target.subject.accuracy is not None else ()
    usual = 1 + 2 * max(2, settings.num_pairs // 2) * _USUAL_RADII
    return Rows(
        [partial(_tolerated, target, settings, scale) for scale in scales],
        num_losses=len(scales) * usual,
    )


def _expected(target: Target, settings: SharpnessSettings, scale: str, keep: Keep) -> list[Measure]:
    S = relative_scale(scale, target.risk)
    rng = target.generator("expected rise")
    found = expected_rise(
        target.risk, S, settings.radii, num_pairs=settings.num_pairs, rng=rng, keep=keep
    )
    passes, bases = 2 * settings.num_pairs, set[float]()
    rows = []
    for radius, (rise, base, roughness) in zip(settings.radii, found, strict=True):
        # A base is counted with the first of the rises that are taken from it.
        cost = passes * (1 + (base not in bases and base not in settings.radii))
        bases.add(base)
        rows.append(
            make_measure(
                "expected_rise",
                rise.mean,
                rise.stderr,
                dof=rise.dof,
                scale=scale,
                radius=radius,
                num_evaluations=cost,
                note=_of_roughness(rise.mean, roughness),
                base_radius=base,
                roughness=roughness,
            )
        )
    return rows


def _of_roughness(rise: float, roughness: float) -> str:
    """Why a rise says little of a valley; empty where it clears the roughness of the loss."""
    if abs(rise) >= _CLEAR * roughness:
        return ""
    return (
        f"less than {_CLEAR} times the roughness of the loss, {roughness:.2g}, by which it changes "
        "from one point to the next: it says little of the valley; read a larger radius"
    )


def _radius(target: Target, settings: SharpnessSettings, scale: str, keep: Keep) -> list[Measure]:
    S = relative_scale(scale, target.risk)
    found = radius_of_rise(
        target.risk,
        S,
        share=settings.rise_share,
        num_pairs=settings.num_pairs,
        rng=target.generator("expected rise"),  # the same noise
        keep=keep,
    )
    if found is None:
        return []  # a loss that is not positive with all weights zero has no shares
    note = f"the loss rises by {found.rise:.3g}, {settings.rise_share:g} of that at θ = 0"
    if found.bound == "lower":
        note += "; lower bound: it rises by less even at the largest noise tried"
    elif found.bound == "upper":
        note += "; upper bound: it rises by more even at the least noise tried"
    return [
        make_measure(
            "radius_of_rise",
            found.radius,
            found.stderr,
            dof=settings.num_pairs - 1,
            scale=scale,
            num_evaluations=found.num_evaluations,
            note=note,
        )
    ]


def _trace(target: Target, settings: SharpnessSettings, radius: float, keep: Keep) -> list[Measure]:
    theta = target.risk.theta
    noise = radius * float(theta.norm()) / theta.numel() ** 0.5  # s, in units of θ
    e = smoothed_trace(
        target.risk,
        DiagonalMap(torch.ones_like(theta)),
        noise,
        num_pairs=settings.num_pairs,
        rng=target.generator("smoothed trace"),
        keep=keep,
    )
    return [
        make_measure(
            "smoothed_trace",
            e.mean,
            e.stderr,
            dof=e.dof,
            radius=radius,
            num_evaluations=4 * settings.num_pairs,
        )
    ]


def _sam(target: Target, scale: str, radius: float, keep: Keep) -> list[Measure]:
    S = relative_scale(scale, target.risk)
    found = sam_rise(target.risk, S, radius, keep=keep)
    rise = found.rise
    return [
        make_measure(
            "sam_first_order",
            found.first_order,
            None,
            scale=scale,
            radius=radius,
            num_evaluations=1,
        ),
        make_measure(
            "sam_rise", rise.mean, rise.stderr, scale=scale, radius=radius, num_evaluations=3
        ),
    ]


def _worst(
    target: Target, settings: SharpnessSettings, scale: str, radius: float, keep: Keep
) -> list[Measure]:
    S = relative_scale(scale, target.risk)
    found = worst_rise(
        target.risk,
        S,
        radius,
        num_restarts=settings.num_restarts,
        num_steps=settings.num_steps,
        rng=target.generator("worst rise"),
        keep=keep,
    )
    return [
        make_measure(
            "worst_rise",
            found.rise.mean,
            found.rise.stderr,
            scale=scale,
            radius=radius,
            num_evaluations=found.num_evaluations,
            note=f"lower bound; half the steps reached {found.by_half:.3g}, and the starts "
            + ", ".join(f"{rise:.3g}" for rise in found.restarts),
        )
    ]


def _tolerated(
    target: Target, settings: SharpnessSettings, scale: str, keep: Keep
) -> list[Measure]:
    S = relative_scale(scale, target.risk)
    found = tolerated_noise(
        target.risk,
        S,
        accuracy_drop=settings.accuracy_drop,
        num_pairs=max(2, settings.num_pairs // 2),  # many radii have to be tried
        tol=_NOISE_TOL,
        rng=target.generator("tolerated noise"),
        keep=keep,
    )
    note = f"accuracy may fall by {settings.accuracy_drop:g}"
    if found.bound == "lower":
        note += "; lower bound: it holds up to the largest noise tried"
    elif found.bound == "upper":
        note += "; upper bound: it falls by more even at the least noise tried"
    return [
        make_measure(
            "tolerated_noise",
            found.radius,
            found.stderr,
            scale=scale,
            num_evaluations=found.num_evaluations,
            note=note,
        )
    ]


def _relative(target: Target, settings: SharpnessSettings, name: str, keep: Keep) -> list[Measure]:
    rng = target.generator(f"relative flatness {name}")
    found = relative_flatness(target.risk, name, num_probes=settings.num_probes, rng=rng, keep=keep)
    return [
        make_measure(
            "relative_flatness",
            found.mean,
            found.stderr,
            dof=found.dof,
            operator="hessian",
            layer=name,
            num_evaluations=settings.num_probes,
        )
    ]
