"""The outcome of an invented study."""

from dataclasses import replace

from synthetic_results import provenance

from landscape.results.study import JudgedAt, LossMatchedRow, OutcomeLink, Study, StudyRun
from landscape.values import Interval

MEASURES = {
    "frobenius_norm[filter] hessian": "Frobenius norm (filter scale, formal Hessian)",
    "expected_rise[filter] ρ=0.2": "expected rise (filter scale, ρ = 0.2)",
}
OUTCOMES = (
    "test error",
    "generalisation gap (test less training loss)",
    "weight noise, ρ = 0.1 (rise of the test loss)",
    "weights in 8 bits (rise of the test loss)",
    "weights in 4 bits (rise of the test loss)",
    "weights in 3 bits (rise of the test loss)",
    "input noise, 0.1 sd (rise of the test loss)",
    "moved by 2 pixels (rise of the test loss)",
    "contrast × 0.5 (rise of the test loss)",
)

RUN = StudyRun(
    label="ikun_v1-s0",
    recipe="ikun_v1",
    seed=0,
    state="done",
    reason="",
    training_seconds=20.0,
    analysis_seconds=60.0,
)


def link(measure: str, outcome: str, r: float | None, p_holm: float | None = 1.0) -> OutcomeLink:
    """A correlation of 260 runs."""
    interval = None
    if r is not None:
        interval = Interval(low=r - 0.13, high=r + 0.13, confidence=0.95, method="Fisher z")
    return OutcomeLink(
        measure=measure,
        title=MEASURES[measure],
        outcome=outcome,
        correlation=r,
        interval=interval,
        p_value=None if p_holm is None else p_holm / 18,
        p_holm=p_holm,
        num_runs=260,
        num_groups=13,
        words="",
    )


def links() -> tuple[OutcomeLink, ...]:
    """Every measure against every outcome; noise on the weights alone goes with flatness."""
    return tuple(
        link(measure, outcome, 0.55, 0.002)
        if outcome.startswith("weight noise")
        else link(measure, outcome, 0.04 * (k % 5) - 0.08)
        for measure in MEASURES
        for k, outcome in enumerate(OUTCOMES)
    )


def loss_matched() -> LossMatchedRow:
    """A contrast that is decided at the last epoch and no more at one loss."""
    interval = Interval(low=0.6, high=0.9, confidence=0.95, method="sign-flip")
    judged = JudgedAt(
        num_pairs=20,
        loss_ratio=0.9,
        scale="ratio",
        estimate=0.75,
        interval=interval,
        verdict="flatter",
    )
    return LossMatchedRow(
        group="ikun_v1",
        baseline="kaiming",
        measure=MEASURES["expected_rise[filter] ρ=0.2"],
        by_epoch=judged,
        by_loss=replace(judged, loss_ratio=1.0, estimate=0.97, verdict="undecided"),
    )


def study(**changes: object) -> Study:
    settings: dict[str, object] = {
        "provenance": provenance(),
        "title": "invented",
        "plan_sha256": "ab" * 32,
        "num_tests": 24,
        "total_seconds": 3600.0,
        "runs": (RUN,),
        "controls": (),
        "accuracies": (),
        "differences": (),
        "speeds": (),
        "links": links(),
        "loss_matched": (loss_matched(),),
        "notes": (),
    }
    return Study(**(settings | changes))
