"""A verdict on invented checkpoints."""

from collections.abc import Callable, Sequence

from synthetic_results import provenance

from landscape.results.comparison import (
    AccuracyRow,
    ComparedGroup,
    ComparedMeasure,
    ComparedRun,
    Comparison,
    ComparisonSettings,
    MeasureRow,
    PairRow,
)
from landscape.values import Interval


def compared_group(
    name: str, labels: Sequence[str], loss: Callable[[str], float] = lambda label: 0.0123
) -> ComparedGroup:
    """Runs of these labels, whose last character is the seed; ``loss`` gives that of each."""
    return ComparedGroup(
        name=name,
        runs=tuple(
            ComparedRun(
                label=label,
                checkpoint=f"checkpoints/{label}.safetensors",
                checkpoint_sha256="cd" * 32,
                seed=int(label[-1]),
                epoch=16,
                loss=loss(label),
                accuracy=0.92,
                test_accuracy=0.884,
            )
            for label in labels
        ),
    )


def comparison(**changes: object) -> Comparison:
    """ikun_v1 against kaiming, eight seeds each, as invented as the rest."""
    rows = (
        ("lambda_max[filter]", 0.587, 0.565, 0.618, "flatter", 0.039, True, False),
        ("expected_rise[filter]", 0.62, 0.6, 0.66, "flatter", 0.039, True, True),
        ("trace", 0.985, 0.96, 1.04, "equivalent", 0.85, False, False),
        ("cusp_slope", 0.79, 0.64, 0.99, "undecided", 0.078, False, True),
        ("tolerated_noise", 1.7, 1.58, 1.72, "flatter", 0.039, True, True),
    )
    labels = tuple(f"{group}-s{seed}" for group in ("ikun_v1", "kaiming") for seed in range(8))
    groups = tuple(
        compared_group(name, [label for label in labels if label.startswith(name)])
        for name in ("ikun_v1", "kaiming")
    )
    measures = tuple(
        ComparedMeasure(
            name=name,
            title=name.replace("_", " ").replace("[filter]", " (filter scale)"),
            formula="λ_max(S A S)",
            source="Keskar et al. 2017",
            unit="loss",
            larger_is="flatter" if name == "tolerated_noise" else "sharper",
            scale_invariant=invariant,
            hard_forward=hard,
            settings={"loss": "mse"},
            mismatch="",
            values=(),
        )
        for name, *_, invariant, hard in rows
    )
    judged = tuple(
        MeasureRow(
            measure=name,
            verdict=verdict,
            reason=f"ratio {ratio:g}, p = 0.0078, {p_holm:g} after Holm over 5 tests",
            scale="ratio",
            estimate=ratio,
            interval=Interval(low=low, high=high, confidence=0.95, method="normal-scores"),
            other_intervals=(),
            test="normal-scores",
            p_value=0.0078125,
            p_floor=0.0078125,
            p_holm=p_holm,
            equivalence_p=0.001,
            equivalence_p_holm=0.004,
            detectable_ratio=1.09,
            runs_needed=6,
            components=None,
            num_runs=(8, 8),
            num_left_out=0,
        )
        for name, ratio, low, high, verdict, p_holm, *_ in rows
    )
    pair = PairRow(
        group="ikun_v1",
        baseline="kaiming",
        verdict="flatter",
        reason="the primary measure, lambda max (filter scale), says flatter: ratio 0.587",
        paired=True,
        runs=labels[:8],
        baseline_runs=labels[8:],
        matched="by epoch: 16 of 16",
        loss_ratio=1.02,
        measures=judged,
    )
    accuracy = AccuracyRow(
        measure="lambda_max[filter]",
        correlation=-0.21,
        interval=Interval(low=-0.62, high=0.3, confidence=0.95, method="Fisher z"),
        p_value=0.44,
        p_holm=0.88,
        num_runs=16,
        num_groups=2,
        words="no association can be seen with so few runs",
    )
    settings: dict[str, object] = {
        "provenance": provenance(),
        "baseline": "kaiming",
        "settings": ComparisonSettings(
            primary="lambda_max[filter]",
            primary_declared=True,
            match="epoch",
            split="train",
            alpha=0.05,
            power=0.8,
            bounds=(0.8, 1.25),
            num_resamples=10_000,
            allow_mismatch=False,
        ),
        "groups": groups,
        "measures": measures,
        "pairs": (pair,),
        "accuracy": (accuracy,),
        "notes": ("With 8 pairs no p-value can be below 0.0078.",),
    }
    return Comparison(**(settings | changes))
