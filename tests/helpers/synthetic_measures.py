"""Sharpness and fidelity of invented checkpoints, and all results together."""

from synthetic_results import (
    LABELS,
    SHARPEST,
    curves,
    density,
    eigenvalues,
    header,
    layers,
    line,
    plane,
    preflight,
    trace,
)
from synthetic_spikes import activity, surrogates

from landscape.results import Result
from landscape.results.fidelity import DirectionFidelity, Fidelity, OperatorVerdict, Ratio
from landscape.results.robustness import (
    CONTRAST,
    INPUT_NOISE,
    ROUNDING,
    TRANSLATION,
    WEIGHT_NOISE,
    Disturbed,
    Robustness,
    Undisturbed,
)
from landscape.results.sharpness import SharpnessTable, make_measure
from landscape.values import Estimate


def sharpness(label: str, **changes: object) -> SharpnessTable:
    top = SHARPEST.get(label, 1.7)
    rows = (
        make_measure("lambda_max", top, 0.02, operator="hessian"),
        make_measure("lambda_max", 12.4 * top, 0.3, operator="hessian", scale="filter"),
        make_measure("expected_rise", 0.0021 * top, 8e-5, scale="filter", radius=0.03),
        make_measure("effective_rank", 3.1, 0.4, operator="hessian", scale="filter"),
        make_measure(
            "worst_rise",
            0.051 * top,
            0.002,
            scale="filter",
            radius=0.03,
            note="lower bound; the worst of 5 starts reached 0.04",
        ),
        make_measure("tolerated_noise", 0.11 / top, 0.004, scale="filter"),
        make_measure("cusp_slope", 0.02 * top, None, note="two of nine radii were flat"),
    )
    settings: dict[str, object] = {
        "rows": rows,
        "batch_norm": "eval",
        "accuracy_drop": 0.05,
        "num_pairs": 32,
        "num_evaluations": 410,
    }
    return SharpnessTable(**header(label), **(settings | changes))


def fidelity(label: str, **changes: object) -> Fidelity:
    top = SHARPEST.get(label, 1.7)
    radii, norm = (0.001, 0.003, 0.01, 0.03, 0.1), 21.3
    kappa = tuple(top * 1.15 * (0.01 / r) ** 0.9 for r in radii)
    rises = tuple(k * (r * norm) ** 2 / 2 for k, r in zip(kappa, radii, strict=True))
    curvatures = (top, 1.1 * top, 3 * top)
    along = DirectionFidelity(
        name="hessian top 1",
        kind="top",
        operator="hessian",
        slope=0.001,
        curvatures=curvatures,
        plus=rises,
        plus_stderr=tuple(0.08 * v for v in rises),
        minus=rises,
        minus_stderr=tuple(0.08 * v for v in rises),
        kappa=kappa,
        kappa_stderr=tuple(0.1 * k for k in kappa),
        ratios=tuple(
            tuple(Ratio(value=k / c, low=0.8 * k / c, high=1.2 * k / c) for k in kappa)
            for c in curvatures
        ),
        exponent=Estimate(mean=1.1, stderr=0.05),
        cusp_slope=Estimate(mean=0.3 * top, stderr=0.01),
    )
    verdict = OperatorVerdict(
        operator="hessian",
        verdict="usable-above",
        low_radius=0.01,
        high_radius=0.03,
        negative="spurious",
        rank_correlations=(0.91, 0.94, 0.97, 0.95, None),
        num_directions=12,
        sentence="It ranks directions well and is right in size near r = 0.01 only.",
    )
    settings: dict[str, object] = {
        "operators": ("hessian", "ggn", "smooth-hessian"),
        "radii": radii,
        "theta_norm": norm,
        "fit_radius": 0.03,
        "reference_radius": 0.01,
        "smoothing_radius": None,
        "smoothed_stderr": (),
        "directions": (along,),
        "exponent": Estimate(mean=1.12, stderr=0.04),
        "verdicts": (verdict,),
        "slope_sweep": (),
        "rule": "usable where the ratio's interval meets [0.5, 2].",
        "sentence": "The loss rises like a cusp; the formal Hessian matches it near r = 0.01.",
        "batch_norm": "eval",
        "num_matvecs": 60,
        "num_evaluations": 130,
    }
    return Fidelity(**header(label), **(settings | changes))


def robustness(label: str, **changes: object) -> Robustness:
    top = SHARPEST.get(label, 1.7)
    sizes = {WEIGHT_NOISE: 0.1, ROUNDING: 4, INPUT_NOISE: 0.1, TRANSLATION: 2, CONTRAST: 0.5}
    splits = {"train": 0.0123, "test": 0.0181}
    settings: dict[str, object] = {
        "undisturbed": tuple(
            Undisturbed(
                split=split,
                num_examples=1000,
                loss=Estimate(loss, 0.0009),
                accuracy=Estimate(0.921, 0.009),
            )
            for split, loss in splits.items()
        ),
        "rows": tuple(
            Disturbed(
                split=split,
                name=name,
                size=size,
                loss_change=Estimate(0.0021 * top, 0.0004),
                accuracy_change=Estimate(-0.013 * top, 0.006),
                loss_over_draws=0.0002 if name == WEIGHT_NOISE else None,
                accuracy_over_draws=0.003 if name == WEIGHT_NOISE else None,
            )
            for split in splits
            for name, size in sizes.items()
        ),
        "left_out": (),
        "num_evaluations": 56,
    }
    return Robustness(**header(label), **(settings | changes))


MAKERS = (
    preflight,
    eigenvalues,
    density,
    trace,
    layers,
    sharpness,
    fidelity,
    robustness,
    activity,
    surrogates,
    line,
    plane,
    curves,
)


def all_results(labels: tuple[str, ...] = LABELS) -> list[Result]:
    return [make(label) for label in labels for make in MAKERS]
